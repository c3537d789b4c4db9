package tunnel

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/ssh"
)

// passphraseTries is how often a passphrase is asked for, as ssh does.
const passphraseTries = 3

// An identity is a key that may be offered. Its passphrase, if it has one, is
// asked for as late as possible: when the server has accepted the key. It is
// an ssh.MultiAlgorithmSigner.
type identity struct {
	name   string
	public ssh.PublicKey              // nil if only unlocking tells
	signer ssh.Signer                 // nil while locked
	unlock func() (ssh.Signer, error) // nil if there is nothing to unlock
}

// prepare makes PublicKey known.
func (k *identity) prepare() error {
	if k.public != nil {
		return nil
	}
	if err := k.open(); err != nil {
		return err
	}
	k.public = k.signer.PublicKey()
	return nil
}

func (k *identity) open() (err error) {
	if k.signer == nil {
		k.signer, err = k.unlock()
	}
	return err
}

// PublicKey returns the key to offer.
func (k *identity) PublicKey() ssh.PublicKey { return k.public }

// Algorithms returns the signature algorithms, best first: a server that
// accepts only SHA-512 for RSA would otherwise be offered SHA-256 and no more.
func (k *identity) Algorithms() []string {
	if k.public.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	if s, ok := k.signer.(ssh.MultiAlgorithmSigner); ok {
		return s.Algorithms()
	}
	return []string{k.public.Type()}
}

// Sign is SignWithAlgorithm with the key's own algorithm.
func (k *identity) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm asks for the passphrase if there is one.
func (k *identity) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if err := k.open(); err != nil {
		return nil, err
	}
	if s, ok := k.signer.(ssh.AlgorithmSigner); ok {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return k.signer.Sign(rand, data)
}

// identities returns the keys to offer in OpenSSH's order: those of the agent
// that are configured as files, the agent's others, the files' others.
func (a *authenticator) identities() []*identity {
	h := a.attempt.hop
	a.agent = a.openAgent(h.IdentityAgent)
	var files []*identity
	for _, file := range h.IdentityFiles {
		if k := a.loadFile(file); k != nil {
			files = append(files, k)
		}
	}
	var configured, others, rest []*identity
	for _, k := range a.agent.keys {
		switch {
		case find(files, k.public) != nil:
			configured = append(configured, k)
		case !h.IdentitiesOnly:
			others = append(others, k)
		}
	}
	for _, k := range files {
		if find(configured, k.public) == nil && (k.signer != nil || k.unlock != nil) {
			rest = append(rest, k)
		}
	}
	return append(append(configured, others...), rest...)
}

// find returns the one of keys whose public key is public, or nil.
func find(keys []*identity, public ssh.PublicKey) *identity {
	for _, k := range keys {
		if public != nil && k.public != nil && bytes.Equal(k.public.Marshal(), public.Marshal()) {
			return k
		}
	}
	return nil
}

// loadFile reads a private key, or where only a public key is the agent's
// business. It returns nil if there is none to be had; a person is told why,
// unless it is a default that does not exist.
func (a *authenticator) loadFile(file string) *identity {
	k := &identity{name: file}
	if signer := a.attempt.tunnel.unlocked(file); signer != nil {
		k.public, k.signer = signer.PublicKey(), signer
		return k
	}
	k.public = publicKeyFile(file + ".pub")
	pem, err := readPrivate(file)
	if err == nil {
		err = k.parse(pem)
	}
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return k
	case errors.As(err, &locked):
		if locked.PublicKey != nil {
			k.public = locked.PublicKey
		}
		k.unlock = func() (ssh.Signer, error) { return a.unlock(file, pem) }
		return k
	case k.public != nil:
		return k // only an agent can have the private half
	}
	if k.public = publicKeyFile(file); k.public != nil {
		return k // -i names a public key
	}
	if a.attempt.hop.IdentityFilesSet || !errors.Is(err, fs.ErrNotExist) {
		a.warn(fmt.Errorf("identity file %w", &fs.PathError{Op: "read", Path: file, Err: cause(err)}))
	}
	return nil
}

// cause drops the path from err, which is named already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (k *identity) parse(pem []byte) error {
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return err
	}
	k.public, k.signer = signer.PublicKey(), signer
	return nil
}

// readPrivate reads a private key that only its owner can read, as ssh insists.
func readPrivate(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("PRIVATE KEY")) {
			return b, err
		}
		return nil, fmt.Errorf("its permissions %#o are too open: others can read it; the key is ignored", info.Mode().Perm())
	}
	return os.ReadFile(file)
}

func publicKeyFile(file string) ssh.PublicKey {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(b)
	if err != nil {
		return nil
	}
	return key
}

// unlock asks for the passphrase of the key in pem. An empty one skips the key.
func (a *authenticator) unlock(file string, pem []byte) (ssh.Signer, error) {
	h := a.attempt.hop
	if h.BatchMode || a.attempt.tunnel.cfg.Ask == nil {
		return nil, errors.New("it has a passphrase, and there is nobody to ask for it")
	}
	for range passphraseTries {
		passphrase, err := a.ask(fmt.Sprintf("Enter passphrase for key '%s': ", file), false)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			break
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
		switch {
		case err == nil:
			a.attempt.tunnel.remember(file, signer)
			return signer, nil
		case !errors.Is(err, x509.IncorrectPasswordError) && !strings.Contains(err.Error(), "padding"):
			return nil, err
		}
	}
	return nil, errNoPassphrase
}
