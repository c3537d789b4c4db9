//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// encrypting starts a vsftpd that offers TLS, or insists on it.
func (s *site) encrypting(insists bool) *lab.FTPServer {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(s.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(s.t, err)
	s.Gateway.WriteFile(s.t, "/run/vsftpd/tls.pem",
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))+
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	force := "NO"
	if insists {
		force = "YES"
	}
	return lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Extra: []string{
		"ssl_enable=YES", "allow_anon_ssl=YES", "rsa_cert_file=/run/vsftpd/tls.pem", "force_anon_logins_ssl=" + force, "force_anon_data_ssl=" + force,
	}})
}

func TestClientsThatLikeTLSGoOnInTheTunnel(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	s := throughSSHD(t)
	ftp := s.encrypting(false)
	require.NoError(t, os.WriteFile(filepath.Join(ftp.Root, "pub", "file"), []byte("data"), 0o644))
	s.start("gateway")
	assert.Contains(t, talk(t, s.Gateway, "127.0.0.1:21", "FEAT"), "AUTH TLS")
	features := talk(t, s.Client, "127.0.0.1:2121", "FEAT")
	assert.NotRegexp(t, "AUTH|PBSZ|PROT", features)
	assert.Contains(t, features, "EPSV")
	assert.Equal(t, "data", s.succeeds("curl", "-sS", "--ssl", here+"/pub/file"))
	assert.Equal(t, "data", s.succeeds("lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:ssl-allow yes; open "+here+"; cat pub/file"))
	// And those that insist go without, but not in clear.
	assert.Equal(t, 64, s.run("curl", "-sS", "--ssl-reqd", here+"/pub/file").status)
	// lftp says so and then, without a tunnel as with it, may not end by itself.
	forced := s.run("timeout", "5", "lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:ssl-force yes; open -u ftp,x "+here+"; cat pub/file")
	assert.NotZero(t, forced.status)
	assert.NotContains(t, forced.stdout, "data")
}

func TestAServerThatInsistsOnTLSIsExplained(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.encrypting(true)
	p := s.start("gateway")
	assert.NotZero(t, s.run("curl", "-sS", here+"/pub/").status)
	p.Stderr.Await(t, "the FTP server insists on TLS")
	for _, product := range ftptest.TLSOnly {
		t.Run(product.Name, func(t *testing.T) {
			s := throughSSHD(t)
			s.scripted(product.Dialect)
			p := s.start("gateway")
			assert.NotZero(t, s.run("curl", "-sS", here).status)
			p.Stderr.Await(t, "the FTP server insists on TLS")
		})
	}
}
