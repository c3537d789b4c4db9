package tunnel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/ssh"
)

// rsaAlgorithms are those that RSA keys sign with, in OpenSSH's order: servers
// may take only the first.
var rsaAlgorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}

// An IdentityError reports that the private key in a file cannot be used.
type IdentityError struct {
	File    string
	Exposed bool  // because others can read it
	Err     error // otherwise: what is wrong with it
}

func (e *IdentityError) Error() string {
	if e.Exposed {
		return "identity file " + e.File + " is ignored: " + e.Err.Error()
	}
	return "identity file " + e.File + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *IdentityError) Unwrap() error { return e.Err }

// A keyring is what a Tunnel remembers about keys from one connection to the
// next.
type keyring struct {
	unlocked map[string]ssh.Signer // by the file's content
	warned   map[string]bool       // which warnings were given
}

func newKeyring() keyring {
	return keyring{unlocked: make(map[string]ssh.Signer), warned: make(map[string]bool)}
}

// An identity is a key that can be offered, or may turn out not to be one.
type identity struct {
	name    string // for people: the file, or the agent's comment
	public  ssh.PublicKey
	signer  ssh.Signer  // nil if there is only the public key, or not yet
	locked  []byte      // the file's content, if it is encrypted
	private []*identity // of a certificate: where its private key may be
}

func (id *identity) String() string { return id.name }

// readIdentity reads the private key in path, or what is known of it. It
// returns fs.ErrNotExist if nothing is.
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
		id.locked = content
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

// readCertificate returns the user certificate in path.
func readCertificate(path string) (*ssh.Certificate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", path, err)
	}
	certificate, ok := public.(*ssh.Certificate)
	if !ok || certificate.CertType != ssh.UserCert {
		return nil, fmt.Errorf("certificate %s: this is no user certificate", path)
	}
	return certificate, nil
}

// checkMode refuses a private key that others can read, as ssh does.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return &IdentityError{File: path, Exposed: true, Err: fmt.Errorf("others can read it (its mode is %04o)", info.Mode().Perm())}
	}
	return err
}

// readPublic returns the public key in path, or nil.
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

// A lockedKey is a key that is decrypted when it is first to sign, which is
// after the server has said that it would accept it.
type lockedKey struct {
	public ssh.PublicKey
	unlock func() (ssh.Signer, error)
}

func (k *lockedKey) PublicKey() ssh.PublicKey { return k.public }

func (k *lockedKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

func (k *lockedKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s, err := k.unlock()
	if err != nil {
		return nil, err
	}
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("%s keys cannot sign with %s", k.public.Type(), algorithm)
	}
	return as.SignWithAlgorithm(rand, data, algorithm)
}

// An agentKey signs in an agent, which may ask for a confirmation or a touch
// meanwhile.
type agentKey struct {
	ssh.AlgorithmSigner
	limit *limit
}

func (k *agentKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

func (k *agentKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	k.limit.hold()
	defer k.limit.release()
	return k.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// unlock decrypts id, asking for the passphrase if it is not known yet. It
// returns an error if the user gives none, or no right one.
func (a *authenticator) unlock(id *identity) (ssh.Signer, error) {
	unlocked := a.tunnel.keys.unlocked
	if s := unlocked[string(id.locked)]; s != nil {
		return s, nil
	}
	if !a.mayAsk() {
		return nil, fmt.Errorf("identity file %s needs a passphrase, and there is nobody to ask", id)
	}
	for range a.prompts() {
		passphrase, err := a.ask(fmt.Sprintf("Enter passphrase for key '%s': ", id), false)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			break
		}
		s, err := ssh.ParsePrivateKeyWithPassphrase(id.locked, []byte(passphrase))
		if err == nil {
			unlocked[string(id.locked)] = s
			return s, nil
		}
		// Of old formats a wrong passphrase may yield anything.
	}
	return nil, fmt.Errorf("identity file %s: no passphrase that fits", id)
}
