//go:build linux

package e2e

import (
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// onlyLocal makes sshd forward connections to its side and not listen.
const onlyLocal = "AllowTcpForwarding local"

func TestActiveClientsWorkWhereOnlyPassiveModeIsPossible(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	for name, extra := range map[string][]string{
		"the gateway does not listen":            nil,
		"the server does not connect to clients": {"port_enable=NO"},
	} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t, onlyLocal)
			ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: extra})
			p := s.moveAll(ftp, everyMode, "gateway")
			p.awaitTransfer(attrMode, "PORT", attrServerMode, "EPSV")
			p.noTransferFailed()
		})
	}
}

func TestPassiveClientsWorkWithServerThatIsOnlyActive(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_enable=NO"}})
		p := s.moveAll(ftp, everyMode, "gateway")
		p.Stderr.Await(s.t, "PORT is used in place of EPSV")
		p.awaitTransfer(attrMode, "PASV")
		p.noTransferFailed()
	})
}

// The server has to connect, and nothing may listen for it.
func TestActiveServerBehindGatewayThatDoesNotListenFailsWithHint(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, onlyLocal)
	lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"pasv_enable=NO"}})
	p := s.start("gateway")
	r := s.run("curl", "-sS", here+"/pub/")
	assert.NotZero(t, r.status)
	p.Stderr.Await(t, "no data connection")
	p.Stderr.Await(t, "AllowTcpForwarding")
}

func TestActiveClientsWorkWithServerBehindGateway(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Inner)
		s.moveAll(ftp, activeModes, "gateway", "inner")
	})
}

func TestServerBehindGatewayConnectsToActiveAddress(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	for name, start := range map[string]func(h *lab.Host) *lab.SSHServer{
		"OpenSSH": func(h *lab.Host) *lab.SSHServer {
			return lab.SSHD(t, h, lab.SSHDConfig{Extra: []string{"GatewayPorts clientspecified"}})
		},
		"Dropbear": func(h *lab.Host) *lab.SSHServer {
			return lab.Dropbear(t, h, lab.DropbearConfig{Extra: []string{"-a"}})
		},
	} {
		l := lab.New(t)
		s := newSite(t, l, start(l.Gateway))
		ftp := lab.VSFTPD(t, s.Inner, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_enable=NO"}})
		p := s.moveAll(ftp, everyMode, "--active-address", s.Gateway.Far.String(), "gateway", "inner")
		assert.Empty(t, p.logged(transferred, attrResult, "failed"), name)
	}
}

func TestActiveAddressThatIsNotTheListenersIsNotUsed(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t) // listens on its loopback, whatever it is asked for
	ftp := s.vsftpd(s.Inner)
	p := s.moveAll(ftp, activeModes[:1], "--active-address", s.Gateway.Far.String(), "gateway", "inner")
	p.Stderr.Await(t, "do not arrive")
	p.Stderr.Await(t, "GatewayPorts")
	p.Stderr.Await(t, "EPSV is used in place of EPRT")
}

// The server names a port that no packet reaches, as behind a firewall that does
// not know FTP.
func TestPortThatCannotBeDialledIsReplacedBeforeTransfer(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Port20: true, Extra: []string{"pasv_min_port=5000", "pasv_max_port=5999"}})
		s.Gateway.Refuse(s.t, "tcp dport 5000-5999")
		p := s.moveAll(ftp, everyMode, "gateway")
		p.Stderr.Await(s.t, "PORT is used in place of EPSV")
		p.noTransferFailed()
	})
}

// The bytes go from server to server, through two programs; one client commands
// both.
func TestFilesMoveBetweenTwoServersWithFXP(t *testing.T) {
	lab.Require(t, "lftp")
	l := lab.NewWithJump(t)
	s := newJumpSite(t, l, lab.SSHD(t, l.Jump, lab.SSHDConfig{}), lab.Dropbear(t, l.Gateway, lab.DropbearConfig{}))
	from := lab.VSFTPD(t, l.Jump, lab.VSFTPDConfig{Port20: true})
	to := lab.VSFTPD(t, l.Gateway, lab.VSFTPDConfig{Port20: true})
	file, hash := s.file("original", 10_000_000)
	data, err := os.ReadFile(l.Client.Path(file))
	require.NoError(t, err)
	from.WriteFile(t, "original", string(data))

	first := s.start("-v", "jump")
	second := s.startAt("127.0.0.1:2122", binary(t), "-v", "-J", "jump", "-L", "2122:localhost:21", "gateway")
	for _, passive := range []string{"on", "off"} { // which of the two listens
		s.lftp("set ftp:use-fxp yes", "set ftp:fxp-force yes", "set ftp:fxp-passive-source "+passive,
			"get ftp://127.0.0.1:2121/pub/original -o ftp://127.0.0.1:2122/pub/"+passive)
		assert.Equal(t, hash, hashOf(t, to.Path(passive)))
	}
	first.awaitTransfer(attrCommand, "RETR")
	second.awaitTransfer(attrCommand, "STOR")
	first.noTransferFailed()
	second.noTransferFailed()
}

// The client names the port of another server in its PORT, before any transfer: the
// bytes do not come through the tunnel, and no method of the program's undoes that.
func TestForeignPORTMovesFileBetweenServers(t *testing.T) {
	s := throughSSHD(t)
	from := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"port_promiscuous=YES"}})
	to := s.vsftpd(s.Inner)
	data := strings.Repeat("from server to server\n", 10_000)
	from.WriteFile(t, "original", data)
	p := s.start("-v", "--fxp", "gateway", s.Gateway.Far.String()) // the server connects from there
	here := s.login()
	there, err := connect(s.Gateway, net.JoinHostPort(s.Inner.Addr.String(), "21"))
	require.NoError(t, err)
	t.Cleanup(there.close)
	require.NoError(t, there.login("ftp", "x"))
	for _, name := range []string{"first", "second"} {
		text, err := there.command(227, "PASV")
		require.NoError(t, err)
		numbers := regexp.MustCompile(`(\d+,){5}\d+`).FindString(text)
		_, err = here.command(200, "PORT %s", numbers)
		require.NoError(t, err)
		require.NoError(t, there.send("STOR pub/%s", name))
		_, err = here.command(150, "RETR pub/original")
		require.NoError(t, err)
		_, err = here.expect(226)
		require.NoError(t, err)
		_, err = there.expectUntil(226)
		require.NoError(t, err)
		got, err := os.ReadFile(to.Path(name))
		require.NoError(t, err)
		assert.Equal(t, data, string(got))
	}
	p.awaitTransfer(attrCommand, "RETR", attrFile, "pub/original")
	p.noTransferFailed()
}

// Without PORT and PASV, data goes to the port of the client's control
// connection, from the port below the program's (RFC 959, 3.2).
func TestClientThatNamesNoPortIsServedAtItsDefaultPort(t *testing.T) {
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
		assert.Equal(s.t, hash, hashOf(s.t, ftp.Path("copy")))
		assert.Equal(s.t, hash, hashOf(s.t, s.Client.Path(lab.Home+"/back")))
		p.awaitTransfer(attrCommand, "RETR", attrFile, "copy", attrDirection, "download", attrMode, "", attrBytes, "500000")
		p.noTransferFailed()
	})
}

// A line of authorized_keys that is only for this program.
func TestKeyRestrictedToFTPServerSuffices(t *testing.T) {
	l := lab.New(t)
	gateway := lab.SSHD(t, l.Gateway, lab.SSHDConfig{Extra: []string{"ForceCommand /bin/false", "MaxSessions 0"}})
	s := newSite(t, l, gateway)
	ftp := s.vsftpd(l.Gateway)
	l.Gateway.WriteFile(t, lab.Home+"/.ssh/authorized_keys", "")
	gateway.AuthorizeKey(t, l.Client.NewKey(t), "restrict", "port-forwarding", `permitopen="localhost:*"`, `permitlisten="localhost:1"`)
	s.moveAll(ftp, everyMode, "gateway")
}
