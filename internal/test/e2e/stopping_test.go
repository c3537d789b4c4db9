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

func TestTheProgramStopsOnASignalAndClosesEverything(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		assert.Equal(s.t, "ftp://127.0.0.1:2121\n", p.Stdout.String(), "and nothing else")
		transfer := s.slowly(ftp, false)
		active, err := s.login()
		require.NoError(s.t, err)
		_, err = active.command(200, "EPRT |1|127.0.0.1|40000|")
		require.NoError(s.t, err)
		assert.Positive(s.t, s.forwards())
		require.NoError(s.t, p.Signal(os.Interrupt))
		p.Stderr.Await(s.t, "stopping")
		require.NoError(s.t, p.Signal(os.Interrupt))
		assert.NoError(s.t, p.Wait(), "status 0")
		assert.Error(s.t, transfer.Wait(), "a part is not the whole")
		eventually(s.t, "nothing listens, here or there", func() bool { return len(s.Client.Listeners(s.t))+s.forwards() == 0 })
	})
}

func TestAStoppedProgramLetsTransfersEnd(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		idle, err := s.login()
		require.NoError(s.t, err)
		transfer := s.atOneMegabyte(ftp, true, 4_000_000)
		require.NoError(s.t, p.Signal(syscall.SIGTERM))
		_, text, err := idle.ReadResponse(421)
		assert.NoError(s.t, err, text)
		assert.NotZero(s.t, s.run("curl", "-sS", here).status, "nobody else is let in")
		assert.NoError(s.t, transfer.Wait())
		assert.NoError(s.t, p.Wait(), "status 0")
	})
}

func TestAStoppedProgramLetsTransfersGoOnForSoLongAndNoLonger(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("--drain-timeout=1s", "gateway")
	transfer := s.slowly(ftp, false)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")
	assert.Error(t, transfer.Wait(), "a part is not the whole")
	assert.Contains(t, p.Stderr.String(), "result=failed")
}
