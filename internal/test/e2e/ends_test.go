//go:build linux

package e2e

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// An end is a way for a transfer to come to a bad one.
type end struct {
	name string
	args []string // of the program
	far  bool     // the FTP server is on another host than the gateway
	// What happens in the middle of a transfer, and what undoes it.
	happens func(s *site, ftp *lab.FTPServer, p *lab.Process, h *halfway)
	mended  func(s *site, ftp *lab.FTPServer)
	leg     string
	stops   bool // the program does, too
}

// alive notices a dead gateway within two seconds.
var alive = []string{"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-o", "ConnectTimeout=10"}

// Between the client's host and the gateway.
var gatewayEnds = []end{
	{name: "the gateway's process is killed", leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			assert.Positive(s.t, s.ssh.KillSessions(s.t))
		}},
	{name: "the gateway is frozen", args: alive, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			assert.Positive(s.t, s.ssh.StopSessions())
		},
		mended: func(s *site, _ *lab.FTPServer) { s.ssh.ContSessions() }},
	{name: "packets to and from the gateway are lost", args: alive, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) { s.Gateway.Cut(s.t) },
		mended:  func(s *site, _ *lab.FTPServer) { s.Gateway.Mend(s.t) }},
	{name: "packets from the gateway are lost", args: alive, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Client.Block(s.t, "tcp sport 22", "drop")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Client.Unblock(s.t) }},
	{name: "packets to the gateway are rejected with a reset", args: alive, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Gateway.Block(s.t, "tcp dport 22", "reject with tcp reset")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Gateway.Unblock(s.t) }},
	{name: "packets to the gateway are rejected by ICMP", args: alive, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Gateway.Block(s.t, "tcp dport 22", "reject with icmpx admin-prohibited")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Gateway.Unblock(s.t) }},
}

// Between the gateway and the FTP server, which gives up after a second if it
// is on another host.
var serverEnds = []end{
	{name: "the server's process is killed", leg: "server",
		happens: func(s *site, ftp *lab.FTPServer, _ *lab.Process, _ *halfway) {
			assert.Positive(s.t, ftp.KillChildren(s.t))
		}},
	{name: "all of the server is killed", leg: "server",
		happens: func(_ *site, ftp *lab.FTPServer, _ *lab.Process, _ *halfway) { ftp.Listener().Kill() },
		mended:  func(s *site, ftp *lab.FTPServer) { ftp.Restart(s.t) }},
	{name: "packets to the data port are lost", far: true, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Inner.Block(s.t, "tcp dport != 21", "drop")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Inner.Unblock(s.t) }},
	{name: "packets to the data port are rejected with a reset", far: true, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Inner.Block(s.t, "tcp dport != 21", "reject with tcp reset")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Inner.Unblock(s.t) }},
	{name: "packets to the server are rejected with a reset", far: true, leg: "server",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, _ *halfway) {
			s.Inner.Block(s.t, "meta l4proto tcp", "reject with tcp reset")
		},
		mended: func(s *site, _ *lab.FTPServer) { s.Inner.Unblock(s.t) }},
}

// And the client's and the program's own.
var ownEnds = []end{
	{name: "the program is told to stop", args: []string{"--drain-timeout=0s"}, leg: "tunnel", stops: true,
		happens: func(s *site, _ *lab.FTPServer, p *lab.Process, _ *halfway) {
			require.NoError(s.t, p.Signal(syscall.SIGTERM))
		}},
	{name: "the program is told twice to stop", leg: "server", stops: true,
		happens: func(s *site, _ *lab.FTPServer, p *lab.Process, _ *halfway) {
			require.NoError(s.t, p.Signal(os.Interrupt))
			p.Stderr.Await(s.t, "stopping")
			require.NoError(s.t, p.Signal(os.Interrupt))
		}},
	{name: "the client resets its control connection", leg: "client",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, h *halfway) {
			require.NoError(s.t, h.conn.SetLinger(0))
			require.NoError(s.t, h.conn.Close())
		}},
	{name: "the client closes its control connection", leg: "client",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, h *halfway) {
			require.NoError(s.t, h.conn.Close())
		}},
	{name: "the client resets its data connection", leg: "client",
		happens: func(s *site, _ *lab.FTPServer, _ *lab.Process, h *halfway) {
			require.NoError(s.t, h.data.SetLinger(0))
			require.NoError(s.t, h.data.Close())
		}},
}

// What goes wrong in the middle of a transfer is told to the client and in the
// log, once, and the next client is served.
func TestAClientIsToldOfEveryBadEnd(t *testing.T) {
	for _, ends := range [][]end{gatewayEnds, serverEnds, ownEnds} {
		for _, e := range ends {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				s := throughSSHD(t)
				for _, upload := range []bool{false, true} {
					e.tryOut(s, upload)
				}
			})
		}
	}
}

func (e end) tryOut(s *site, upload bool) {
	host, args := s.Gateway, append(e.args, "gateway")
	if e.far {
		host, args = s.Inner, append(args, "inner")
	}
	config := lab.VSFTPDConfig{Local: true}
	if e.far {
		config.Extra = []string{"data_connection_timeout=1"}
	}
	ftp := lab.VSFTPD(s.t, host, config)
	defer func() { ftp.Listener().Kill() }()
	putBig(s.t, ftp)
	p := s.startLogging(args...)
	defer p.Kill()
	h := s.begin(ftp, upload)
	e.happens(s, ftp, p, h)
	seen := h.goOn()
	assert.False(s.t, seen.success(upload), "%v", seen)
	h.close()
	line := hasFailedOnce(s.t, p, upload, e.leg)
	if !upload {
		assert.GreaterOrEqual(s.t, line.Bytes, int64(part-chunk), "what the client has read, or a step less")
	}
	if e.mended != nil {
		e.mended(s, ftp)
	}
	if e.stops {
		assert.NoError(s.t, p.Wait(), "status 0")
		return
	}
	again, _ := s.loginAs(ftp)
	assert.NoError(s.t, again.Close())
}
