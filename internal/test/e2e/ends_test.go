//go:build linux

package e2e

import (
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// An end is a way for a transfer to fail.
type end struct {
	name  string
	args  []string // of the program
	inner bool     // the FTP server is on Inner, not on the gateway
	leg   string   // in the log
	stops bool     // the program exits, too

	// happen is called in the middle of a transfer. It returns what undoes it;
	// nil if nothing has to.
	happen func(m *middle) (undo func())
}

// A middle is a site in the middle of a transfer.
type middle struct {
	*site
	ftp     *lab.FTPServer
	program *program
	client  *halfway
}

// cutOff makes the gateway unreachable until undo is called.
func (s *site) cutOff() (undo func()) {
	s.Gateway.Cut(s.t)
	return func() { s.Gateway.Mend(s.t) }
}

// block makes h treat packets that match an nft(8) expression as a verdict says,
// until undo is called.
func (s *site) block(h *lab.Host, match, verdict string) (undo func()) {
	h.Block(s.t, match, verdict)
	return func() { h.Unblock(s.t) }
}

// keepalive makes the program notice a dead gateway within two seconds.
var keepalive = []string{"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-o", "ConnectTimeout=10"}

// gatewayEnds happen between the client's host and the gateway.
var gatewayEnds = []end{
	{name: "the gateway's process is killed", leg: "server", happen: func(m *middle) func() {
		assert.Positive(m.t, m.ssh.KillSessions(m.t))
		return nil
	}},
	{name: "the gateway is frozen", args: keepalive, leg: "server", happen: func(m *middle) func() {
		assert.Positive(m.t, m.ssh.StopSessions())
		return m.ssh.ContSessions
	}},
	{name: "packets to and from the gateway are lost", args: keepalive, leg: "server",
		happen: func(m *middle) func() { return m.cutOff() }},
	{name: "packets from the gateway are lost", args: keepalive, leg: "server",
		happen: func(m *middle) func() { return m.block(m.Client, "tcp sport 22", "drop") }},
	{name: "packets to the gateway are rejected with a reset", args: keepalive, leg: "server",
		happen: func(m *middle) func() { return m.block(m.Gateway, "tcp dport 22", "reject with tcp reset") }},
	{name: "packets to the gateway are rejected by ICMP", args: keepalive, leg: "server",
		happen: func(m *middle) func() {
			return m.block(m.Gateway, "tcp dport 22", "reject with icmpx admin-prohibited")
		}},
}

// serverEnds happen between the gateway and the FTP server, which gives up after
// a second if it is on Inner.
var serverEnds = []end{
	{name: "the server's process is killed", leg: "server", happen: func(m *middle) func() {
		assert.Positive(m.t, m.ftp.KillChildren(m.t))
		return nil
	}},
	{name: "all processes of the server are killed", leg: "server", happen: func(m *middle) func() {
		m.ftp.Listener().Kill()
		return func() { m.ftp.Restart(m.t) }
	}},
	{name: "packets to the data port are lost", inner: true, leg: "server",
		happen: func(m *middle) func() { return m.block(m.Inner, "tcp dport != 21", "drop") }},
	{name: "packets to the data port are rejected with a reset", inner: true, leg: "server",
		happen: func(m *middle) func() { return m.block(m.Inner, "tcp dport != 21", "reject with tcp reset") }},
	{name: "packets to the server are rejected with a reset", inner: true, leg: "server",
		happen: func(m *middle) func() { return m.block(m.Inner, "meta l4proto tcp", "reject with tcp reset") }},
}

// ownEnds are brought about by the client or the program.
var ownEnds = []end{
	{name: "the program receives SIGTERM", args: []string{"--drain-timeout=0s"}, leg: "tunnel", stops: true,
		happen: func(m *middle) func() {
			require.NoError(m.t, m.program.Signal(syscall.SIGTERM))
			return nil
		}},
	{name: "the program is interrupted twice", leg: "tunnel", stops: true, happen: func(m *middle) func() {
		require.NoError(m.t, m.program.Signal(os.Interrupt))
		m.program.Stderr.Await(m.t, "stopping")
		require.NoError(m.t, m.program.Signal(os.Interrupt))
		return nil
	}},
	{name: "the client resets its control connection", leg: "client", happen: func(m *middle) func() {
		reset(m.client.conn)
		return nil
	}},
	{name: "the client closes its control connection", leg: "client", happen: func(m *middle) func() {
		require.NoError(m.t, m.client.conn.Close())
		return nil
	}},
	{name: "the client resets its data connection", leg: "client", happen: func(m *middle) func() {
		reset(m.client.data)
		return nil
	}},
}

// A transfer that fails halfway is reported to the client, and logged once; the
// next client is served.
func TestFailureHalfwayIsReportedToClientAndLoggedOnce(t *testing.T) {
	for _, e := range slices.Concat(gatewayEnds, serverEnds, ownEnds) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			for _, upload := range []bool{false, true} {
				e.test(s, upload)
			}
		})
	}
}

func (e end) test(s *site, upload bool) {
	host, args := s.Gateway, append(slices.Clone(e.args), "gateway")
	config := lab.VSFTPDConfig{Local: true}
	if e.inner {
		host, args = s.Inner, append(args, "inner")
		config.Extra = []string{"data_connection_timeout=1"}
	}
	ftp := lab.VSFTPD(s.t, host, config)
	defer func() { ftp.Listener().Kill() }()
	putBig(s.t, ftp)
	p := s.startLogging(args...)
	defer p.Kill()
	h := s.begin(ftp, upload)
	undo := e.happen(&middle{s, ftp, p, h})
	seen := h.finish()
	assert.False(s.t, seen.success(upload), "%v", seen)
	h.leave()
	line := p.failedOnce(upload, e.leg)
	if !upload {
		assert.GreaterOrEqual(s.t, line.number(attrBytes), int64(part-chunk), "what the client has read, or a chunk less")
	}
	if undo != nil {
		undo()
	}
	if e.stops {
		assert.NoError(s.t, p.Wait(), "status 0")
		return
	}
	s.loginTo(ftp).close()
}

func TestKilledFTPServerIsErrorForClient(t *testing.T) {
	duringTransfers(t, func(s *site, ftp *lab.FTPServer, p, transfer *program) {
		assert.Positive(s.t, ftp.KillChildren(s.t))
		assert.Error(s.t, transfer.Wait())
		p.awaitTransfer(attrResult, "failed")
		s.curl(here + "/pub/")
	})
}
