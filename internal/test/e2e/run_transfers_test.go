//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A nightly script: it sends what is new, with a client that says little.
const nightly = `#!/bin/sh
# What is in out is sent to the server each night.
PROGRAM run -q --require-transfers --summary gateway -- lftp -c "
	set net:max-retries 1
	open -u USER,$FTP_PASS {url}
	mirror -R ~/out DIR
"
`

// night runs the script, with a password.
func (s *site) night(ftp *lab.FTPServer, password string) result {
	s.t.Helper()
	script := strings.NewReplacer("PROGRAM", binary(s.t), "USER", ftp.User, "DIR", filepath.Join("/", ftp.Dir, "in")).Replace(nightly)
	s.Client.WriteFile(s.t, lab.Home+"/nightly", script)
	return s.run("env", "FTP_PASS="+password, "sh", lab.Home+"/nightly")
}

func TestNightlyScriptTellsTheTruth(t *testing.T) {
	t.Parallel()
	lab.Require(t, "lftp")
	s := throughSSHD(t)
	ftp := s.localFTP(s.Gateway)
	require.NoError(t, os.Mkdir(ftp.Path("in"), 0o777))
	require.NoError(t, os.Chmod(ftp.Path("in"), 0o777))
	s.Client.WriteFile(t, lab.Home+"/out/a", "a")
	s.Client.WriteFile(t, lab.Home+"/out/b", strings.Repeat("b", 99_999))

	r := s.night(ftp, "wrong")
	assert.NotZero(t, r.status)
	assert.Contains(t, r.stderr, "Login incorrect")
	assert.Contains(t, r.stderr, "summary: 0 files up, 0 B, 0 failed, ")

	r = s.night(ftp, ftp.Password)
	assert.Zero(t, r.status, r.stderr)
	assert.Regexp(t, `(?m)^summary: 2 files up, 100 kB, 0 failed, \d+s$`, r.stderr)
	assert.FileExists(t, ftp.Path("in/b"))

	r = s.night(ftp, ftp.Password)
	assert.Equal(t, 1, r.status, "nothing was new")
	assert.Contains(t, r.stderr, "error: the command reported success, but transferred no file")
	assert.Contains(t, r.stderr, "hint: ")

	s.Client.WriteFile(t, lab.Home+"/out/c/c", "c")
	require.NoError(t, os.Mkdir(ftp.Path("in/c"), 0o555)) // of root
	s.Client.WriteFile(t, lab.Home+"/out/d", "d")
	r = s.night(ftp, ftp.Password)
	assert.NotZero(t, r.status, "one file fails")
	assert.Regexp(t, `(?m)^summary: 1 file up, 1 B, [1-9] failed, \d+s$`, r.stderr)
	assert.FileExists(t, ftp.Path("in/d"))

	s.Client.WriteFile(t, lab.Home+"/out/big", string(random(4<<20)))
	s.Client.WriteFile(t, lab.Home+"/.lftprc", "set net:limit-rate 1M\nset net:timeout 3\nset net:reconnect-interval-base 1\n")
	p := s.background("env", "FTP_PASS="+ftp.Password, "sh", lab.Home+"/nightly")
	eventually(t, "it sends the file", func() bool {
		info, err := os.Stat(ftp.Path("in/big"))
		return err == nil && info.Size() > 0
	})
	s.ssh.Kill()
	s.ssh.KillSessions(t)
	assert.Error(t, p.Wait(), "the tunnel dies in the middle")
	assert.Contains(t, p.Stderr.String(), "connection lost")
	assert.Contains(t, p.Stderr.String(), "summary: 0 files up")

	r = s.night(ftp, ftp.Password)
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "connection refused")
	assert.NotContains(t, r.stderr, "summary", "the command has not run")
}

func TestRequiredTransfersAreCountedWhateverTheCommandReports(t *testing.T) {
	t.Parallel()
	lab.Require(t, "lftp", "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway).WriteFile(t, "f", "data")
	run := func(flag string, command ...string) result {
		return s.run(binary(t), append([]string{"run", flag, "--summary", "gateway", "--"}, command...)...)
	}
	lftp := func(flag, commands string) result {
		return run(flag, "lftp", "-c", "set net:max-retries 1; open {url}/pub; "+commands)
	}

	r := lftp("--require-transfers", "get missing; cat f > /dev/null")
	assert.Equal(t, 1, r.status, "lftp reports that of the last command only")
	assert.Contains(t, r.stderr, "error: the command reported success, but 1 transfer failed")
	assert.Contains(t, r.stderr, "summary: 1 file down, 4 B, 1 failed, ")
	assert.Zero(t, lftp("-q", "get missing; cat f > /dev/null").status, "the status is the command's")

	r = lftp("--require-transfers=2", "cat f > /dev/null")
	assert.Equal(t, 1, r.status)
	assert.Contains(t, r.stderr, "error: the command reported success, but transferred 1 file of at least 2")
	assert.Zero(t, lftp("--require-transfers=2", "cat f > /dev/null; cat f > /dev/null").status)
	assert.Equal(t, 1, lftp("--require-transfers", "ls").status, "a listing is no transfer")
	assert.Zero(t, lftp("--require-transfers=0", "ls").status)
	assert.Equal(t, 78, run("--require-transfers", "curl", "-sS", "{url}/pub/missing").status, "the command's own failure")
	assert.Equal(t, 2, run("--require-transfers=-1", "true").status)
}

// lftp leaves a transfer that is in the background to a process of its own.
func TestRunWaitsForClientInTheBackground(t *testing.T) {
	t.Parallel()
	lab.Require(t, "lftp")
	s := throughSSHD(t)
	data := random(3 << 20)
	s.vsftpd(s.Gateway).WriteFile(t, "big", string(data))
	r := s.run(binary(t), "run", "--require-transfers", "gateway", "--", "sh", "-c",
		"cd && lftp -c 'set net:limit-rate 1M; open {url}/pub; get big &'")
	assert.Zero(t, r.status, r.stderr)
	assert.Contains(t, r.stderr, "the command has ended, but clients are connected")
	got, err := os.ReadFile(s.Client.Path(lab.Home + "/big"))
	require.NoError(t, err)
	assert.True(t, string(got) == string(data))
}

// A transfer is in the background when the command has ended.
func TestSignalEndsTheWaitOfRun(t *testing.T) {
	t.Parallel()
	lab.Require(t, "lftp")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway).WriteFile(t, "big", string(random(8<<20)))
	start := func(rate string) *program {
		p := s.background(binary(t), "run", "--summary", "gateway", "--", "sh", "-c",
			"cd && lftp -c 'set xfer:clobber yes; set net:limit-rate "+rate+"; open {url}/pub; get big &'")
		p.Stderr.Await(t, "the command has ended, but clients are connected")
		require.NoError(t, p.Signal(syscall.SIGTERM))
		p.Stderr.Await(t, "msg=stopping")
		return p
	}
	p := start("2M")
	assert.NoError(t, p.Wait(), "the transfer could finish")
	assert.Contains(t, p.Stderr.String(), "summary: 1 file down, 8.4 MB, 0 failed")
	p = start("1k")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	assert.Equal(t, 130, exit.ExitCode())
	assert.Contains(t, p.Stderr.String(), "summary: 0 files up, 0 B, 1 failed")
}

func TestRunDoesNotWaitForIdleClientForEver(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	r := s.run(binary(t), "run", "--drain-timeout=1s", "gateway", "--", "sh", "-c", "nc.openbsd {host} {port} < /dev/zero > /dev/null & sleep 1")
	assert.Zero(t, r.status, r.stderr)
	assert.Contains(t, r.stderr, "the command has ended, but clients are connected")
}

// curl leaves after EPSV and a refused SIZE, without RETR; pyftpdlib ends such a
// session late.
func TestRunDoesNotWaitForClientThatHasLeft(t *testing.T) {
	t.Parallel()
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := lab.Pyftpdlib(t, s.Gateway, lab.FTPConfig{})
	r := s.run(binary(t), "run", "--drain-timeout=1s", "gateway", "--", "curl", "-sS", "-u", ftp.User+":"+ftp.Password, "{url}/missing")
	assert.Equal(t, 78, r.status, r.stderr)
	assert.NotContains(t, r.stderr, "clients are connected")
}
