//go:build linux

package e2e

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

func TestSecondInterruptStopsProgramAndClosesEverything(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		assert.Equal(s.t, here+"\n", p.Stdout.String(), "and nothing else")
		transfer := s.slowly(ftp, false)
		active := s.login()
		_, err := active.command(200, "EPRT |1|127.0.0.1|40000|")
		require.NoError(s.t, err)
		assert.NotEmpty(s.t, s.forwards())
		require.NoError(s.t, p.Signal(os.Interrupt))
		p.Stderr.Await(s.t, "stopping")
		require.NoError(s.t, p.Signal(os.Interrupt))
		assert.NoError(s.t, p.Wait(), "status 0")
		assert.Error(s.t, transfer.Wait(), "a part is not the whole file")
		eventually(s.t, "nothing listens on the client's host and the gateway", func() bool {
			return len(s.Client.Listeners(s.t))+len(s.forwards()) == 0
		})
	})
}

func TestStoppedProgramWaitsForTransfers(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		idle := s.login()
		transfer := s.atOneMegabyte(ftp, true, 4_000_000)
		require.NoError(s.t, p.Signal(syscall.SIGTERM))
		text, err := idle.expect(421)
		assert.NoError(s.t, err, text)
		assert.NotZero(s.t, s.run("curl", "-sS", here).status, "no client is accepted")
		assert.NoError(s.t, transfer.Wait())
		assert.NoError(s.t, p.Wait(), "status 0")
	})
}

func TestStoppedProgramAbortsTransfersAfterDrainTimeout(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("--drain-timeout=1s", "gateway")
	transfer := s.slowly(ftp, false)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")
	assert.Error(t, transfer.Wait(), "a part is not the whole file")
	p.awaitTransfer(attrResult, "failed")
}

func TestStoppedProgramDoesNotWaitForFrozenGateway(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("--drain-timeout=0s", "-o", "ServerAliveInterval=0", "gateway")
	transfer := s.slowly(ftp, true)
	assert.Positive(t, s.ssh.StopSessions())
	t.Cleanup(func() { s.ssh.ContSessions() })
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")
	assert.Error(t, transfer.Wait(), "a part is not the whole file")
}

// Otherwise a program in the background of a terminal would keep its port, unseen.
func TestHangupOfTerminalStopsProgram(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl", "script")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	terminal := s.Client.Start(t, s.Client.Command(context.Background(), "script", "-qfc", binary(t)+" gateway", "/dev/null"))
	terminal.Stdout.Await(t, here)
	s.curl(here)
	terminal.Kill()
	eventually(t, "the end of the program", func() bool { return len(s.Client.Listeners(t)) == 0 })
}
