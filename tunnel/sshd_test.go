//go:build unix

package tunnel

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// startSSHD starts OpenSSH's server in the foreground, on loopback, with additional
// lines of configuration. It accepts key.
func startSSHD(t *testing.T, key ssh.PublicKey, config ...string) Hop {
	t.Helper()
	program := lab.Program(t, "sshd")[0]
	lab.RequireRoot(t) // the account of another user may be locked
	me, err := user.Current()
	require.NoError(t, err)
	// The service unit of the package creates it.
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()

	dir := t.TempDir()
	authorized := filepath.Join(dir, "authorized_keys")
	require.NoError(t, os.WriteFile(authorized, ssh.MarshalAuthorizedKey(key), 0o600))
	hostKey, _ := newKey(t)
	lines := append(slices.Clone(config), []string{ // the first value of a keyword wins
		fmt.Sprintf("ListenAddress 127.0.0.1:%d", port),
		"HostKey " + writeKey(t, hostKey, ""),
		"AuthorizedKeysFile " + authorized,
		"PidFile none", "StrictModes no", "UsePAM no", "LogLevel DEBUG1",
		"PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
	}...)
	file := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))

	var log bytes.Buffer
	cmd := exec.Command(program, "-D", "-e", "-f", file)
	cmd.Stderr = &log
	cmd.WaitDelay = time.Second // sessions outlive it and keep its standard error open
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of sshd:\n%s", log.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, testTimeout, 10*time.Millisecond)
	return Hop{
		Alias: "gw", HostName: "127.0.0.1", Port: port, User: me.Username,
		PubkeyAuthentication: true, IdentityFilesSet: true,
	}
}

func openSSHD(t *testing.T, config ...string) *Tunnel {
	t.Helper()
	checkLeaks(t)
	private, public := newKey(t)
	h := startSSHD(t, public, config...)
	h.IdentityFiles = []string{writeKey(t, private, "")}
	return mustOpen(t, insecureConfig(h))
}

func TestSSHDForwardsBothWays(t *testing.T) {
	tun := openSSHD(t)
	c := mustDial(t, tun, serve(t, echo))
	checkEcho(t, c)
	closeWrite(t, c)
	_, err := c.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)

	for range 3 {
		l := mustListen(t, tun, "127.0.0.1:0")
		checkForward(t, l, l.Addr().String())
		address := l.Addr().String()
		require.NoError(t, l.Close())
		require.Eventually(t, func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
			}
			return err != nil
		}, testTimeout, 5*time.Millisecond, "sshd still listens")
	}
}

func TestSSHDAcceptsEncryptedKey(t *testing.T) {
	checkLeaks(t)
	private, public := newKey(t)
	h := startSSHD(t, public)
	key := writeKey(t, private, "sesame")
	h.IdentityFiles = []string{key}
	answers := &script{answers: []string{"sesame"}}
	cfg := insecureConfig(h)
	cfg.Ask = answers.ask
	checkEcho(t, mustDial(t, mustOpen(t, cfg), serve(t, echo)))
	assert.Equal(t, []string{"Enter passphrase for key '" + key + "': "}, answers.questions)
}

func TestSSHDRejectsUnknownKey(t *testing.T) {
	checkLeaks(t)
	_, public := newKey(t)
	stranger, _ := newKey(t)
	h := startSSHD(t, public)
	key := writeKey(t, stranger, "")
	h.IdentityFiles = []string{key}
	var denied *AuthError
	e := failedHop(t, insecureConfig(h))
	require.ErrorAs(t, e, &denied)
	assert.EqualError(t, denied, "Permission denied (publickey).")
	assert.Equal(t, []string{key}, denied.Tried)
}

func TestSSHDProhibitionDiffersFromFailure(t *testing.T) {
	tun := openSSHD(t, "AllowTcpForwarding no")
	var e *OpenError
	_, err := tun.DialContext(testContext(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Prohibited)
	_, err = tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Listen)

	tun = openSSHD(t)
	_, err = tun.DialContext(testContext(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Prohibited)
	assert.ErrorContains(t, e, "Connection refused")
}

func TestHostKeyIsNotVerifiedAgainAtRekey(t *testing.T) {
	checkLeaks(t)
	private, public := newKey(t)
	h := startSSHD(t, public, "RekeyLimit 1M")
	h.IdentityFiles = []string{writeKey(t, private, "")}
	cfg := insecureConfig(h)
	verified := 0
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error {
			if verified++; verified > 1 {
				return fmt.Errorf("verified again")
			}
			return nil
		}, nil, nil
	}
	tun := mustOpen(t, cfg)
	const size = 20 << 20
	c := mustDial(t, tun, serve(t, echo))
	go func() {
		c.Write(make([]byte, size))
		c.(*conn).CloseWrite()
	}()
	n := soon(t, func() int64 {
		n, err := io.Copy(io.Discard, c)
		assert.NoError(t, err)
		return n
	})
	assert.EqualValues(t, size, n)
	assert.Equal(t, 1, verified)
}

// sessionsOf returns the processes of sshd that serve connections to port.
func sessionsOf(t *testing.T, port int) []string {
	t.Helper()
	out, err := exec.Command("ss", "-Htnp", "state", "established", fmt.Sprintf("( sport = :%d )", port)).Output()
	if err != nil {
		t.Skip("ss is not installed")
	}
	var pids []string
	for _, field := range strings.Split(string(out), "pid=")[1:] {
		pid, _, _ := strings.Cut(field, ",")
		pids = append(pids, pid)
	}
	return pids
}

func TestKilledSSHDIsNotAnEndOfFile(t *testing.T) {
	checkLeaks(t)
	private, public := newKey(t)
	h := startSSHD(t, public)
	h.IdentityFiles = []string{writeKey(t, private, "")}
	tun := mustOpen(t, insecureConfig(h))
	flood := serve(t, func(c *net.TCPConn) {
		var err error
		for err == nil {
			_, err = c.Write(make([]byte, 1<<16))
		}
	})
	for _, address := range []string{flood, serve(t, hello)} {
		c := mustDial(t, tun, address)
		readFull(t, c, 5)
		pids := sessionsOf(t, h.Port)
		require.NotEmpty(t, pids)
		require.NoError(t, exec.Command("kill", append([]string{"-9"}, pids...)...).Run())
		err := soon(t, func() error { return readToEnd(c) })
		assert.ErrorIs(t, err, ErrLost)
		assert.NotErrorIs(t, err, io.EOF)
	}
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
}

// Without PAM, sshd offers keyboard-interactive but asks nothing.
func TestPasswordFollowsKeyboardInteractiveWithoutPrompt(t *testing.T) {
	checkLeaks(t)
	_, public := newKey(t)
	h := startSSHD(t, public, "PermitRootLogin yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes")
	h.KbdInteractive, h.PasswordAuthentication = true, true
	h.NumberOfPasswordPrompts = 2
	answers := &script{answers: []string{"wrong", "wrong"}}
	cfg := insecureConfig(h)
	cfg.Ask = answers.ask
	var denied *AuthError
	require.ErrorAs(t, failedHop(t, cfg), &denied)
	question := h.User + "@127.0.0.1's password: "
	assert.Equal(t, []string{question, question}, answers.questions)
	assert.Contains(t, denied.Allowed, "password")
}
