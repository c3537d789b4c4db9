package tunnel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// An IdentityError reports that the private key in a file cannot be used.
type IdentityError struct {
	File    string
	Exposed bool  // whether the reason is that others can read the file
	Err     error // the reason
}

func (e *IdentityError) Error() string {
	if e.Exposed {
		return "identity file " + e.File + " is ignored: " + e.Err.Error()
	}
	return "identity file " + e.File + ": " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *IdentityError) Unwrap() error { return e.Err }

// A keyring is what a Tunnel keeps about keys from one connection to the next.
type keyring struct {
	decrypted map[string]ssh.Signer // by the content of the file
	warned    map[string]bool       // the warnings that were emitted
}

func newKeyring() keyring {
	return keyring{decrypted: make(map[string]ssh.Signer), warned: make(map[string]bool)}
}

// readIdentity reads the private key in the file path, or at least its public
// key. The error wraps [fs.ErrNotExist] if neither exists.
func readIdentity(path string) (*identity, error) {
	id := &identity{name: path, public: readPublic(path + ".pub")}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && id.public != nil:
		return id, nil // an agent may have the private key
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("identity file %s: %w", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("identity file: %w", err)
	}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(content); err == nil {
		id.public = public
		return id, nil
	}
	if err := checkMode(path); err != nil {
		return nil, err
	}
	id.signer, err = ssh.ParsePrivateKey(content)
	missing, encrypted := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		id.public = id.signer.PublicKey()
	case encrypted:
		id.encrypted = content
		if missing.PublicKey != nil {
			id.public = missing.PublicKey
		}
	case id.public != nil && strings.HasPrefix(id.public.Type(), "sk-"):
		return id, nil // only an agent can use it
	default:
		return nil, &IdentityError{File: path, Err: err}
	}
	return id, nil
}

// checkMode returns an error if the private key in the file path is this user's
// own and others can read it, as ssh does. A file of another user's, such as a
// mounted secret, is for that user to protect.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err == nil && isOwn(info) && info.Mode().Perm()&0o077 != 0 {
		return &IdentityError{File: path, Exposed: true, Err: fmt.Errorf("others can read it (its mode is %04o)", info.Mode().Perm())}
	}
	return err
}

// readPublic returns the public key in the file path, or nil.
func readPublic(path string) ssh.PublicKey {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	return public
}

// An encryptedKey is decrypted when it first signs. The server has then
// accepted its public key.
type encryptedKey struct {
	public  ssh.PublicKey
	decrypt func() (ssh.Signer, error)
}

func (k *encryptedKey) PublicKey() ssh.PublicKey { return k.public }

func (k *encryptedKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

func (k *encryptedKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s, err := k.decrypt()
	if err != nil {
		return nil, err
	}
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("%s keys cannot sign with %s", k.public.Type(), algorithm)
	}
	return as.SignWithAlgorithm(rand, data, algorithm)
}

// decrypt returns the signer of id. It prompts for the passphrase unless the
// tunnel has decrypted the same file before. An empty passphrase skips the key.
func (a *authenticator) decrypt(id *identity) (ssh.Signer, error) {
	decrypted := a.tunnel.keys.decrypted
	if s := decrypted[string(id.encrypted)]; s != nil {
		return s, nil
	}
	if !a.mayAsk() {
		if !slices.Contains(a.locked, id.name) {
			a.locked = append(a.locked, id.name)
		}
		return nil, fmt.Errorf("identity file %s needs a passphrase, and prompts are disabled", id)
	}
	for range a.prompts() {
		passphrase, err := a.ask(fmt.Sprintf("Enter passphrase for key '%s': ", id), false)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			break
		}
		s, err := ssh.ParsePrivateKeyWithPassphrase(id.encrypted, []byte(passphrase))
		if err == nil {
			decrypted[string(id.encrypted)] = s
			return s, nil
		}
		// Any error: with old formats, a wrong passphrase may lead to any.
	}
	return nil, fmt.Errorf("identity file %s: no correct passphrase", id)
}
