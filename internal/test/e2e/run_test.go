//go:build linux

package e2e

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

func TestRunMirrorsWithLftp(t *testing.T) {
	lab.Require(t, "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		files := map[string]string{"a": "a", "b c": "b c", "empty": ""}
		for name, text := range files {
			ftp.WriteFile(s.t, name, text)
		}
		r := s.run(binary(s.t), "run", "gateway", "--", "lftp", "-c", "open {url}; mirror pub "+lab.Home+"/mirrored")
		assert.Zero(s.t, r.status, r.stderr)
		assert.Empty(s.t, r.stdout, "standard output is the command's")
		for name := range files {
			assert.FileExists(s.t, s.Client.Path(lab.Home+"/mirrored/"+name))
		}
		r = s.run(binary(s.t), "run", "gateway", "--", "lftp", "-c", "set cmd:fail-exit yes; open {url}; get pub/nothing")
		assert.Equal(s.t, 1, r.status, "lftp's")
		assert.Contains(s.t, r.stderr, "550")
	})
}

func TestRunReturnsStatusOfCommand(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway).WriteFile(s.t, "f", "data")
		run := func(command ...string) result {
			return s.run(binary(s.t), append([]string{"run", "-q", "gateway", "--"}, command...)...)
		}
		r := run("curl", "-sS", "{url}/pub/f")
		assert.Zero(s.t, r.status, r.stderr)
		assert.Equal(s.t, "data", r.stdout)
		assert.Equal(s.t, 78, run("curl", "-sS", "{url}/pub/none").status, "curl's")
		assert.Equal(s.t, 3, run("sh", "-c", "exit 3").status)
		assert.Equal(s.t, 128+9, run("sh", "-c", "kill -9 $$").status)
		assert.Equal(s.t, 127, run("no-such-command").status)
		assert.Equal(s.t, 126, run("/").status)
		r = run("sh", "-c", "test ftp://$FTP_HOST:$FTP_PORT = $FTP_URL && test $FTP_URL = {url} && test {host} = 127.0.0.1 && curl -sS ftp://{host}:{port}/pub/f")
		assert.Zero(s.t, r.status, r.stderr)
		assert.Equal(s.t, "data", r.stdout)
	})
}

func TestRunReturnsOneWithoutTunnel(t *testing.T) {
	for name, c := range map[string]struct {
		before func(s *site)
		args   []string
		stderr []string
	}{
		"gateway-down": {func(s *site) { s.ssh.Kill() }, []string{"gateway"}, []string{"error: dial root@gateway", "connection refused"}},
		"server-down":  {nil, []string{"gateway"}, []string{"error: the gateway cannot connect to localhost:21", "hint: nothing listens on localhost:21 there"}},
		"no-greeting":  {nil, []string{"gateway", "localhost:22"}, []string{`error: localhost:22 does not greet as an FTP server: "SSH-2.0-OpenSSH`, "hint: check that localhost:22 is the FTP server"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t)
			if c.before != nil {
				c.before(s)
			}
			r := s.run(binary(t), append(append([]string{"run"}, c.args...), "--", "touch", lab.Home+"/ran")...)
			assert.Equal(t, 1, r.status)
			for _, text := range c.stderr {
				assert.Contains(t, r.stderr, text)
			}
			assert.NoFileExists(t, s.Client.Path(lab.Home+"/ran"))
		})
	}
}

// The page shows how each client is given the user: the server accepts no other.
func TestLoginsOfThePageOfScriptsWork(t *testing.T) {
	lab.Require(t, "lftp", "curl", "wget")
	page, err := os.ReadFile("../../../docs/scripts.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| (?:lftp|curl|wget) \\| `(.+)` \\| `(.+)` \\|$").FindAllStringSubmatch(string(page), -1)
	require.Len(t, rows, 3)
	s := throughSSHD(t)
	ftp := lab.Pyftpdlib(t, s.Gateway, lab.FTPConfig{})
	ftp.WriteFile(t, "f", "data")
	run := func(line string) result {
		line = strings.NewReplacer("...", "get f", "--password=password", "--password="+ftp.Password, "bob,password", "bob,"+ftp.Password, "bob:password", "bob:"+ftp.Password).Replace(line)
		return s.run("sh", "-c", "cd && rm -f f && "+binary(t)+" run -q gateway -- "+line+" && cat f")
	}
	for _, row := range rows {
		r := run(row[1])
		assert.Zero(t, r.status, "%s\n%s", row[1], r.stderr)
		assert.Contains(t, r.stdout, "data", row[1])
		assert.NotZero(t, run(row[2]).status, "there is no ~/.netrc yet: %s", row[2])
	}
	s.Client.WriteFile(t, lab.Home+"/.netrc", "machine 127.0.0.1 login bob password "+ftp.Password+"\n")
	for _, row := range rows {
		r := run(row[2])
		assert.Zero(t, r.status, "%s\n%s", row[2], r.stderr)
		assert.Contains(t, r.stdout, "data", row[2])
	}
}

// The command gets the connection that waited for the greeting, or the next one
// after the server has freed its place.
func TestRunLeavesTheOnlyPlaceToItsCommand(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{Extra: []string{"max_clients=1"}})
		ftp.WriteFile(s.t, "f", "data")
		for range 5 {
			r := s.run(binary(s.t), "run", "-q", "gateway", "--", "curl", "-sS", "{url}/pub/f")
			require.Zero(s.t, r.status, r.stderr)
			assert.Equal(s.t, "data", r.stdout)
		}
		r := s.check("", "--user", ftp.User, "gateway")
		assert.Zero(s.t, r.status, r.stdout)
		assert.Equal(s.t, 5+1, strings.Count(ftp.Log.String(), "CONNECT: Client"))
	})
}

func TestRunForwardsSignals(t *testing.T) {
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.background(binary(t), "run", "gateway", "--",
		"sh", "-c", "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
	p.Stdout.Await(t, "ready")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.EqualError(t, p.Wait(), "exit status 5")
	assert.Equal(t, "ready\ngot it\n", p.Stdout.String())
}

// A script may end right after its last write.
func TestRunCompletesUploadAfterEndOfCommand(t *testing.T) {
	lab.Require(t, "bash")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	script := `exec 3<>/dev/tcp/$FTP_HOST/$FTP_PORT
await() { while read -r line <&3; do case $line in "$1"*) return;; esac; done; exit 9; }
await 220; printf 'USER ftp\r\n' >&3; await 230; printf 'PASV\r\n' >&3; await 227
numbers=${line#*\(}; numbers=${numbers%%\)*}; IFS=, read -r a b c d hi lo <<<"$numbers"
exec 4<>/dev/tcp/127.0.0.1/$((hi * 256 + lo)); printf 'STOR pub/late\r\n' >&3; await 150
head -c 5000000 /dev/zero >&4`
	r := s.run(binary(t), "run", "gateway", "--", "bash", "-c", script)
	require.Zero(t, r.status, r.stderr)
	size, _ := sizeOf(ftp.Path("late"))
	assert.EqualValues(t, 5_000_000, size)
}
