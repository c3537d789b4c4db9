//go:build linux

package e2e

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

func TestKilledGatewayIsErrorAndNotEndOfFile(t *testing.T) {
	duringTransfers(t, func(s *site, _ *lab.FTPServer, p, transfer *program) {
		s.ssh.Kill()
		assert.Positive(s.t, s.ssh.KillSessions(s.t))
		assert.Error(s.t, transfer.Wait(), "a part is not the whole file")
		p.Stderr.Await(s.t, "connection lost")
		p.awaitTransfer(attrResult, "failed")
		s.ssh.Restart(s.t)
		// The listener remains, and a client that connects meanwhile waits.
		s.curl(here + "/pub/")
	})
}

func TestFrozenGatewayIsNoticedByKeepalive(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "gateway")
		transfer := s.slowly(ftp, false)
		frozen := time.Now()
		assert.Positive(s.t, s.ssh.StopSessions())
		p.Stderr.Await(s.t, "connection lost")
		// Data on its way may be read for a moment, and this machine may be
		// busy.
		noticed := time.Since(frozen)
		assert.Less(s.t, noticed, 10*time.Second)
		assert.GreaterOrEqual(s.t, noticed, 2*time.Second)
		s.t.Logf("noticed after %v", noticed.Round(time.Millisecond))
		assert.Error(s.t, transfer.Wait())
		s.curl(here + "/pub/") // through a new connection
		s.ssh.ContSessions()
	})
}

// sshd may close a connection that has no channels. That is no failure.
func TestGatewayThatClosesUnusedConnectionsServesNextClient(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "UnusedConnectionTimeout 2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	for range 3 {
		p.Stderr.Await(t, "connection lost")
		s.curl("--max-time", "20", here+"/pub/")
	}
}

// A suspended laptop does not notice the end of its connection, and its clock is
// ahead when it wakes.
func TestResumedProgramServesNextClient(t *testing.T) {
	lab.Require(t, "curl")
	for name, meanwhile := range map[string]func(s *site){
		"and its connection is alive": func(*site) {},
		"and its connection is dead":  func(s *site) { assert.Positive(s.t, s.ssh.KillSessions(s.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t)
			s.vsftpd(s.Gateway)
			p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "gateway")
			s.curl(here)
			require.NoError(t, p.Signal(syscall.SIGSTOP))
			s.Gateway.Cut(t)
			meanwhile(s)
			<-time.After(4 * time.Second) // longer than it takes to notice a dead connection
			s.Gateway.Mend(t)
			require.NoError(t, p.Signal(syscall.SIGCONT))
			s.curl("--max-time", "20", here)
		})
	}
}

// sshd may close an idle channel, as that of a control connection is during a
// transfer.
func TestControlConnectionClosedByGatewayIsExplained(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "ChannelTimeout direct-tcpip=2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	_, err := s.login().next()
	assert.ErrorIs(t, err, io.EOF)
	p.Stderr.Await(t, "without a 221 or 421 reply")
	p.Stderr.Await(t, "ChannelTimeout")
	s.curl(here)
}

func TestGatewayThatIsReachableAgainServesNextClientAtOnce(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=3", "gateway")
	s.curl(here)
	s.Gateway.Cut(t)
	p.Stderr.Await(t, "connection lost")
	p.Stderr.Await(t, "cannot connect")
	s.Gateway.Mend(t)
	began := time.Now()
	s.curl("--max-time", "25", here)
	t.Logf("served %v after the gateway was back", time.Since(began).Round(time.Millisecond))
}
