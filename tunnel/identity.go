package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/crypto/ssh"
)

// nextIdentity returns the next key to offer, with its signer, or nil.
func (a *authenticator) nextIdentity() *identity {
	if !a.collected {
		a.collected = true
		a.collect()
	}
	for a.upcoming < len(a.identities) {
		id := a.identities[a.upcoming]
		a.upcoming++
		if id.signer == nil {
			// Only its passphrase tells which key it is.
			s, err := a.unlock(id)
			if a.aborted != nil {
				return nil
			}
			if err != nil {
				a.warnOnce(err)
				continue
			}
			id.signer = s
		}
		if offer := a.offer(id); offer != nil {
			return offer
		}
	}
	return nil
}

// offer returns id with its signer as the configuration allows it to sign, or
// nil if it does not.
func (a *authenticator) offer(id *identity) *identity {
	if err := a.hop.checkRSASize(id.signer.PublicKey()); err != nil {
		a.warnOnce(fmt.Errorf("%s is skipped: %w", id, err))
		return nil
	}
	signer := a.hop.acceptedSigner(id.signer)
	if signer == nil {
		return nil
	}
	return &identity{name: id.name, public: id.public, signer: signer}
}

// collect lists the keys to offer as ssh does: the configured certificates,
// those of the identity files that the agent has too, the agent's others, the
// remaining files, each followed by the certificate beside it.
func (a *authenticator) collect() {
	held := a.agentKeys()
	var first, last []*identity
	used := make(map[*identity]bool)
	for _, id := range a.files(held) {
		if k := sameKey(held, id.public); k != nil {
			if !used[k] {
				first = append(first, &identity{name: id.name, public: k.public, signer: k.signer})
			}
			used[k] = true
			continue
		}
		if err := a.prepare(id); err != nil {
			a.warnOnce(err)
			continue
		}
		last = append(last, id)
	}
	var others []*identity
	if !a.hop.IdentitiesOnly {
		for _, k := range held {
			if !used[k] {
				others = append(others, k)
			}
		}
	}
	certified := a.certified(slices.Concat(first, held, last))
	a.identities = slices.Concat(certified, first, others, last)
}

// agentKeys connects to the agent and returns its keys.
func (a *authenticator) agentKeys() []*identity {
	if a.hop.IdentityAgent == "" {
		return nil
	}
	var err error
	a.agent, err = openAgent(a.ctx, a.hop.IdentityAgent, a.limit)
	if err != nil {
		a.warnOnce(fmt.Errorf("ssh-agent at %s: %w", a.hop.IdentityAgent, err))
		return nil
	}
	return a.agent.keys
}

// files returns the keys of the identity files and, unless certificates are
// configured, the certificates beside them; held are the agent's keys.
func (a *authenticator) files(held []*identity) (ids []*identity) {
	for _, path := range a.hop.IdentityFiles {
		id, err := readIdentity(path)
		if err != nil {
			if a.hop.IdentityFilesSet || !errors.Is(err, fs.ErrNotExist) {
				a.warnOnce(err)
			}
			id = &identity{name: path}
		} else {
			ids = append(ids, id)
		}
		if len(a.hop.CertificateFiles) > 0 {
			continue
		}
		certificate, err := readCertificate(path + "-cert.pub")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			a.warnOnce(err)
			continue
		}
		if id.public == nil && id.locked != nil {
			id.public = certificate.Key // the file does not say before it is decrypted
		}
		ids = append(ids, &identity{name: path + "-cert.pub", public: certificate, private: append(slices.Clone(held), id)})
	}
	return ids
}

// certified returns the configured certificates, for which keys may be the
// private ones.
func (a *authenticator) certified(keys []*identity) (ids []*identity) {
	for _, path := range a.hop.CertificateFiles {
		certificate, err := readCertificate(path)
		id := &identity{name: path, private: keys}
		if err == nil {
			id.public = certificate
			err = a.prepare(id)
		}
		if err != nil {
			a.warnOnce(err)
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// prepare gives id, which no agent has, its signer, unless only a passphrase
// tells which key it is.
func (a *authenticator) prepare(id *identity) error {
	certificate, certified := id.public.(*ssh.Certificate)
	switch {
	case certified && id.signer == nil:
		return a.certify(id, certificate)
	case id.signer != nil:
	case id.locked == nil:
		return fmt.Errorf("identity file %s: the private key is not there, and the agent does not have it", id)
	case !a.mayAsk() && a.tunnel.keys.unlocked[string(id.locked)] == nil:
		_, err := a.unlock(id)
		return err
	case id.public != nil:
		id.signer = &lockedKey{id.public, func() (ssh.Signer, error) { return a.unlock(id) }}
	}
	return nil
}

// warnOnce gives a warning, unless the tunnel gave it at an earlier connection.
func (a *authenticator) warnOnce(err error) {
	if warned := a.tunnel.keys.warned; !warned[err.Error()] {
		warned[err.Error()] = true
		a.warn(err)
	}
}

// certify gives id, which is certificate, the signer of its private key.
func (a *authenticator) certify(id *identity, certificate *ssh.Certificate) error {
	k := sameKey(id.private, certificate.Key)
	if k == nil {
		return fmt.Errorf("certificate %s: the private key that belongs to it is neither in an identity file nor in the agent", id)
	}
	if k.signer == nil {
		if err := a.prepare(k); err != nil {
			return err
		}
	}
	signer, err := ssh.NewCertSigner(certificate, k.signer)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", id, err)
	}
	id.signer = signer
	return nil
}

// sameKey returns the one of keys whose public key is public, or nil.
func sameKey(keys []*identity, public ssh.PublicKey) *identity {
	if public == nil {
		return nil
	}
	for _, k := range keys {
		if k.public != nil && bytes.Equal(k.public.Marshal(), public.Marshal()) {
			return k
		}
	}
	return nil
}
