package tunnel

import (
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

// readCertificate returns the user certificate in the file path.
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
		return nil, fmt.Errorf("certificate %s: not a user certificate", path)
	}
	return certificate, nil
}

// certificates returns the configured certificates, whose private keys may be
// among keys.
func (a *authenticator) certificates(keys []*identity) (ids []*identity) {
	for _, path := range a.hop.CertificateFiles {
		certificate, err := readCertificate(path)
		id := &identity{name: path, private: keys}
		if err == nil {
			id.public = certificate
			err = a.certify(id, certificate)
		}
		if err != nil {
			a.warnOnce(CertificateWarning, err)
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// certify sets the signer of id, an identity with certificate.
func (a *authenticator) certify(id *identity, certificate *ssh.Certificate) error {
	k := sameKey(id.private, certificate.Key)
	if k == nil {
		return fmt.Errorf("certificate %s: its private key is neither in an identity file nor in the agent", id)
	}
	if k.signer == nil {
		if _, err := a.prepare(k); err != nil {
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
