package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/crypto/ssh"
)

// An identity is a public key or certificate to offer, with what is known of
// its private key.
type identity struct {
	name      string        // the file, or the agent's comment
	public    ssh.PublicKey // nil if only the passphrase can show it
	signer    ssh.Signer    // nil if there is none yet
	encrypted []byte        // the content of the file, if it is encrypted
	private   []*identity   // of a certificate: which may have its private key
}

func (id *identity) String() string { return id.name }

// nextIdentity returns the next identity to offer, with its signer, or nil.
func (a *authenticator) nextIdentity() *identity {
	if !a.collected {
		a.collected = true
		a.collect()
	}
	for a.next < len(a.identities) {
		id := a.identities[a.next]
		a.next++
		if id.signer == nil {
			// The public key is not known without the passphrase.
			s, err := a.decrypt(id)
			if a.aborted != nil {
				return nil
			}
			if err != nil {
				a.warnOnce(IdentityWarning, err)
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

// offer returns id with a signer that is limited to the configured algorithms,
// or nil if none of them is possible.
func (a *authenticator) offer(id *identity) *identity {
	if err := a.hop.checkRSASize(id.signer.PublicKey()); err != nil {
		a.warnOnce(IdentityWarning, fmt.Errorf("%s is skipped: %w", id, err))
		return nil
	}
	signer := a.hop.limitSigner(id.signer)
	if signer == nil {
		return nil
	}
	return &identity{name: id.name, public: id.public, signer: signer}
}

// collect lists the identities in the order of ssh: configured certificates,
// the identity files whose key the agent has, the agent's other keys, the other
// identity files. Each file is followed by the certificate beside it.
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
		if kind, err := a.prepare(id); err != nil {
			a.warnOnce(kind, err)
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
	certified := a.certificates(slices.Concat(first, held, last))
	a.identities = slices.Concat(certified, first, others, last)
}

// agentKeys connects to the agent and returns its keys.
func (a *authenticator) agentKeys() []*identity {
	if a.hop.IdentityAgent == "" {
		return nil
	}
	var err error
	a.agent, err = openAgent(a.ctx, a.hop.IdentityAgent, agentTimeout, a.timeout)
	if err != nil {
		a.warnOnce(AgentWarning, fmt.Errorf("ssh-agent at %s: %w", a.hop.IdentityAgent, err))
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
				a.warnOnce(IdentityWarning, err)
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
			a.warnOnce(CertificateWarning, err)
			continue
		}
		if id.public == nil && id.encrypted != nil {
			id.public = certificate.Key // an old format shows it only once decrypted
		}
		ids = append(ids, &identity{name: path + "-cert.pub", public: certificate, private: append(slices.Clone(held), id)})
	}
	return ids
}

// prepare sets the signer of id, whose key the agent does not have. It leaves
// it nil if the public key is not known without the passphrase. Kind is the
// class of the error.
func (a *authenticator) prepare(id *identity) (kind WarningKind, err error) {
	certificate, isCertificate := id.public.(*ssh.Certificate)
	switch {
	case isCertificate && id.signer == nil:
		return CertificateWarning, a.certify(id, certificate)
	case id.signer != nil:
	case id.encrypted == nil:
		return IdentityWarning, fmt.Errorf("identity file %s: no private key in the file or in the agent", id)
	case !a.mayAsk() && a.tunnel.keys.decrypted[string(id.encrypted)] == nil:
		_, err := a.decrypt(id)
		return IdentityWarning, err
	case id.public != nil:
		id.signer = &encryptedKey{id.public, func() (ssh.Signer, error) { return a.decrypt(id) }}
	}
	return "", nil
}

// sameKey returns the identity in ids with the given public key, or nil.
func sameKey(ids []*identity, public ssh.PublicKey) *identity {
	if public == nil {
		return nil
	}
	for _, k := range ids {
		if k.public != nil && bytes.Equal(k.public.Marshal(), public.Marshal()) {
			return k
		}
	}
	return nil
}
