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

func TestAKilledGatewayIsAnErrorAndNotTheEndOfTheFile(t *testing.T) {
	lab.Require(t, "curl")
	for _, upload := range []bool{false, true} {
		throughEach(t, func(s *site) {
			ftp := s.vsftpd(s.Gateway)
			p := s.start("gateway")
			transfer := s.slowly(ftp, upload)
			s.ssh.Kill()
			assert.Positive(s.t, s.ssh.KillSessions(s.t))
			assert.Error(s.t, transfer.Wait(), "the client must not take a part for the whole")
			p.Stderr.Await(s.t, "connection lost")
			p.Stderr.Await(s.t, "result=failed")
			s.ssh.Restart(s.t)
			// Without restarting the program: the listener is still there, and
			// a client that comes while it reconnects waits.
			s.succeeds("curl", "-sS", here+"/pub/")
		})
	}
}

func TestAFrozenGatewayIsNoticedInTime(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "gateway")
		transfer := s.slowly(ftp, false)
		frozen := time.Now()
		assert.Positive(s.t, s.ssh.StopSessions())
		p.Stderr.Await(s.t, "connection lost")
		// What was on its way may be read for a moment more; and this machine may
		// be busy.
		noticed := time.Since(frozen)
		assert.Less(s.t, noticed, 10*time.Second)
		assert.GreaterOrEqual(s.t, noticed, 2*time.Second)
		s.t.Logf("noticed after %v", noticed.Round(time.Millisecond))
		assert.Error(s.t, transfer.Wait())
		s.succeeds("curl", "-sS", here+"/pub/") // through a new session
		s.ssh.ContSessions()
	})
}

// sshd may close connections that carry nothing. That is no fault.
func TestAGatewayThatClosesUnusedConnectionsServesTheNextClient(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "UnusedConnectionTimeout 2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	for range 3 {
		p.Stderr.Await(t, "connection lost")
		s.succeeds("curl", "-sS", "--max-time", "20", here+"/pub/")
	}
}

// A laptop that sleeps hears nothing of what becomes of its connection, and
// finds its clock ahead when it wakes.
func TestAProgramThatHasSleptServesTheNextClient(t *testing.T) {
	lab.Require(t, "curl")
	for name, meanwhile := range map[string]func(s *site){
		"and its connection lives":    func(*site) {},
		"and its connection has died": func(s *site) { assert.Positive(s.t, s.ssh.KillSessions(s.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t)
			s.vsftpd(s.Gateway)
			p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "gateway")
			s.succeeds("curl", "-sS", here)
			require.NoError(t, p.Signal(syscall.SIGSTOP))
			s.Gateway.Cut(t)
			meanwhile(s)
			<-time.After(4 * time.Second) // longer than a dead connection takes to be known
			s.Gateway.Mend(t)
			require.NoError(t, p.Signal(syscall.SIGCONT))
			s.succeeds("curl", "-sS", "--max-time", "20", here)
		})
	}
}

// And it may close a connection in it that is idle, as a control connection is
// while its data moves.
func TestAControlConnectionThatTheGatewayEndsIsExplained(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "ChannelTimeout direct-tcpip=2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	c, err := s.login()
	require.NoError(t, err)
	_, err = c.ReadLine()
	assert.ErrorIs(t, err, io.EOF)
	p.Stderr.Await(t, "the control connection ended without a word")
	p.Stderr.Await(t, "ChannelTimeout")
	s.succeeds("curl", "-sS", here)
}

func TestAGatewayThatComesBackServesTheNextClientAtOnce(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=3", "gateway")
	s.succeeds("curl", "-sS", here)
	s.Gateway.Cut(t)
	p.Stderr.Await(t, "connection lost")
	p.Stderr.Await(t, "cannot connect")
	s.Gateway.Mend(t)
	began := time.Now()
	s.succeeds("curl", "-sS", "--max-time", "25", here)
	t.Logf("served %v after the gateway was back", time.Since(began).Round(time.Millisecond))
}
