//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// moveAll moves a file in each of the modes, through a program started with
// args.
func (s *site) moveAll(ftp *lab.FTPServer, modes []mode, args ...string) *lab.Process {
	s.t.Helper()
	p := s.start(args...)
	for _, m := range modes {
		s.move(m, ftp, 1_000_000)
	}
	return p
}

func everyMode() []mode { return append(append([]mode{}, passiveModes...), activeModes...) }

// onlyLocal is what a gateway permits that forwards but does not listen.
const onlyLocal = "AllowTcpForwarding local"

func TestActiveClientsWorkWhereOnlyPassiveModeCan(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	for name, extra := range map[string][]string{"the gateway does not listen": nil, "nor does the server connect": {"port_enable=NO"}} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t, onlyLocal)
			ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: extra})
			p := s.moveAll(ftp, everyMode(), "gateway")
			p.Stderr.Await(t, "mode=PORT")
			p.Stderr.Await(t, "server-mode=EPSV")
			assert.NotContains(t, p.Stderr.String(), "result=failed")
		})
	}
}

func TestPassiveClientsWorkWithAServerThatIsOnlyActive(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_enable=NO"}})
		p := s.moveAll(ftp, everyMode(), "gateway")
		p.Stderr.Await(s.t, "PORT is used in place of EPSV")
		p.Stderr.Await(s.t, "mode=PASV")
		assert.NotContains(s.t, p.Stderr.String(), "result=failed")
	})
}

// There is no way then: the server must connect, and nothing may listen.
func TestAnActiveServerBehindAGatewayThatDoesNotListenIsAnErrorWithAHint(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, onlyLocal)
	lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"pasv_enable=NO"}})
	p := s.start("gateway")
	r := s.run("curl", "-sS", here+"/pub/")
	assert.NotZero(t, r.status)
	p.Stderr.Await(t, "no data connection can be opened")
	p.Stderr.Await(t, "AllowTcpForwarding")
}

func TestIPv4ClientsWorkWithAServerOnIPv6Only(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{IPv6: true, Extra: []string{"listen_address6=::1"}})
		p := s.moveAll(ftp, everyMode(), "gateway")
		p.Stderr.Await(s.t, "server-mode=EPRT") // PORT and EPRT cannot name the server's family
		assert.NotContains(s.t, p.Stderr.String(), "result=failed")
	})
	s := throughSSHD(t, onlyLocal)
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{IPv6: true, Extra: []string{"listen_address6=::1"}})
	s.moveAll(ftp, everyMode(), "gateway")
}

func TestActiveClientsWorkWithAServerBehindTheGateway(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Inner)
		s.moveAll(ftp, activeModes, "gateway", "inner")
	})
}

func TestAServerBehindTheGatewayConnectsToTheActiveAddress(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	for _, g := range []struct {
		name  string
		start func(h *lab.Host) *lab.SSHServer
	}{
		{"OpenSSH", func(h *lab.Host) *lab.SSHServer {
			return lab.SSHD(t, h, lab.SSHDConfig{Extra: []string{"GatewayPorts clientspecified"}})
		}},
		{"Dropbear", func(h *lab.Host) *lab.SSHServer {
			return lab.Dropbear(t, h, lab.DropbearConfig{Extra: []string{"-a"}})
		}},
	} {
		l := lab.New(t)
		s := newSite(t, l, g.start(l.Gateway))
		ftp := lab.VSFTPD(t, s.Inner, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_enable=NO"}})
		p := s.moveAll(ftp, everyMode(), "--active-address", s.Gateway.Far.String(), "gateway", "inner")
		assert.NotContains(t, p.Stderr.String(), "result=failed", g.name)
	}
}

func TestAnActiveAddressThatDoesNotLeadHereIsNotUsed(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t) // listens on its loopback, whatever it grants
	ftp := s.vsftpd(s.Inner)
	p := s.moveAll(ftp, activeModes[:1], "--active-address", s.Gateway.Far.String(), "gateway", "inner")
	p.Stderr.Await(t, "does not lead here")
	p.Stderr.Await(t, "GatewayPorts")
	p.Stderr.Await(t, "EPSV is used in place of EPRT")
}

// The server names a port that no packet reaches, as behind a firewall that
// does not know FTP.
func TestAPortThatCannotBeDialledIsReplacedBeforeTheTransfer(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_min_port=5000", "pasv_max_port=5999"}})
		s.Gateway.Refuse(s.t, "tcp dport 5000-5999")
		p := s.moveAll(ftp, everyMode(), "gateway")
		p.Stderr.Await(s.t, "PORT is used in place of EPSV")
		assert.NotContains(s.t, p.Stderr.String(), "result=failed")
	})
}

// Two tunnels, one client: the bytes go from server to server, through both.
func TestFilesMoveBetweenTwoServersWithFXP(t *testing.T) {
	lab.Require(t, "lftp")
	l := lab.NewWithJump(t)
	jump := lab.SSHD(t, l.Jump, lab.SSHDConfig{})
	gateway := lab.Dropbear(t, l.Gateway, lab.DropbearConfig{})
	key := l.Client.NewKey(t)
	jump.AuthorizeKey(t, key)
	gateway.AuthorizeKey(t, key)
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", jump.KnownHosts()+gateway.KnownHosts())
	s := &site{t: t, Lab: l, ssh: gateway}
	from := lab.VSFTPD(t, l.Jump, lab.VSFTPDConfig{Port20: true})
	to := lab.VSFTPD(t, l.Gateway, lab.VSFTPDConfig{Port20: true})
	file, hash := s.file("original", 10_000_000)
	data, err := os.ReadFile(l.Client.Path(file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(from.Root, "pub", "original"), data, 0o644))

	first := s.start("-v", "jump")
	second := l.Client.Start(t, l.Client.Command(context.Background(), binary(t), "-v", "-J", "jump", "-L", "2122:localhost:21", "gateway"))
	second.Stdout.Await(t, "ftp://127.0.0.1:2122")
	for _, passive := range []string{"on", "off"} { // which of the two listens
		s.succeeds("lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:use-fxp yes; set ftp:fxp-force yes; set ftp:fxp-passive-source "+
			passive+"; get ftp://127.0.0.1:2121/pub/original -o ftp://127.0.0.1:2122/pub/"+passive)
		assert.Equal(t, hash, hashOf(t, filepath.Join(to.Root, "pub", passive)))
	}
	first.Stderr.Await(t, "command=RETR")
	second.Stderr.Await(t, "command=STOR")
	assert.NotContains(t, first.Stderr.String()+second.Stderr.String(), "result=failed")
}

// A client that says neither PORT nor PASV gets its data at the port of its
// control connection, from the port before ours (RFC 959, 3.2).
func TestAClientThatNamesNoPortIsServedAtItsDefaultPort(t *testing.T) {
	lab.Require(t, "/usr/bin/python3")
	script, err := os.ReadFile("testdata/defaultport.py")
	require.NoError(t, err)
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		file, hash := s.file("original", 1_000_000)
		p := s.start("gateway")
		s.Client.WriteFile(s.t, lab.Home+"/defaultport.py", string(script))
		out := s.succeeds("/usr/bin/python3", lab.Home+"/defaultport.py", "2121", file, lab.Home+"/back")
		assert.Contains(s.t, out, "STOR from 2120\n")
		assert.Contains(s.t, out, "['copy']")
		assert.Equal(s.t, hash, hashOf(s.t, filepath.Join(ftp.Root, "pub", "copy")))
		assert.Equal(s.t, hash, hashOf(s.t, s.Client.Path(lab.Home+"/back")))
		p.Stderr.Await(s.t, `command=RETR file=copy direction=download mode="" bytes=500000`)
		assert.NotContains(s.t, p.Stderr.String(), "result=failed")
	})
}

// As one would write an authorized_keys line for this program alone.
func TestAKeyThatMayOnlyReachTheFTPServerIsEnough(t *testing.T) {
	l := lab.New(t)
	gateway := lab.SSHD(t, l.Gateway, lab.SSHDConfig{Extra: []string{"ForceCommand /bin/false", "MaxSessions 0"}})
	s := newSite(t, l, gateway)
	ftp := s.vsftpd(l.Gateway)
	l.Gateway.WriteFile(t, lab.Home+"/.ssh/authorized_keys", "")
	gateway.AuthorizeKey(t, l.Client.NewKey(t), "restrict", "port-forwarding", `permitopen="localhost:*"`, `permitlisten="localhost:1"`)
	s.start("gateway")
	for _, m := range append(append([]mode{}, passiveModes...), activeModes...) {
		s.move(m, ftp, 1_000_000)
	}
}
