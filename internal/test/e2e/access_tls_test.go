//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// tlsServer starts a vsftpd that offers TLS, or requires it.
func (s *site) tlsServer(required bool) *lab.FTPServer {
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
	if required {
		force = "YES"
	}
	return lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Extra: []string{
		"ssl_enable=YES", "allow_anon_ssl=YES", "rsa_cert_file=/run/vsftpd/tls.pem", "force_anon_logins_ssl=" + force, "force_anon_data_ssl=" + force,
	}})
}

func TestClientsThatPreferTLSWorkWithoutItInTunnel(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	s := throughSSHD(t)
	s.tlsServer(false).WriteFile(t, "file", "data")
	s.start("gateway")
	assert.Contains(t, talk(t, s.Gateway, "127.0.0.1:21", "FEAT"), "AUTH TLS")
	features := talk(t, s.Client, address, "FEAT")
	assert.NotRegexp(t, "AUTH|PBSZ|PROT", features)
	assert.Contains(t, features, "EPSV")
	assert.Equal(t, "data", s.curl("--ssl", here+"/pub/file"))
	assert.Equal(t, "data", s.lftp("set ftp:ssl-allow yes", "open "+here, "cat pub/file"))
	// Clients that require TLS fail, and send nothing in clear.
	assert.Equal(t, 64, s.run("curl", "-sS", "--ssl-reqd", here+"/pub/file").status)
	// lftp reports it and then, with and without a tunnel, may not exit.
	i := clients.LftpScript("set ftp:ssl-force yes", "open -u ftp,x "+here, "cat pub/file")
	forced := s.run("timeout", append([]string{"5"}, i.Args...)...)
	assert.NotZero(t, forced.status)
	assert.NotContains(t, forced.stdout, "data")
}

func TestServerThatRequiresTLSIsExplained(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.tlsServer(true)
	p := s.start("gateway")
	assert.NotZero(t, s.run("curl", "-sS", here+"/pub/").status)
	p.Stderr.Await(t, "the FTP server requires TLS")
	for _, product := range ftptest.TLSOnly {
		t.Run(product.Name, func(t *testing.T) {
			s := throughSSHD(t)
			s.imitate(product.Dialect)
			p := s.start("gateway")
			assert.NotZero(t, s.run("curl", "-sS", here).status)
			p.Stderr.Await(t, "the FTP server requires TLS")
		})
	}
}
