package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/sshtest"
)

// asProgram in the environment makes the test binary be the program.
const asProgram = "FTPTUNNEL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A site is an SSH server with an FTP server beside it, and what it takes to log
// in to the former.
type site struct {
	t       *testing.T
	gateway *sshtest.Server
	ftp     string        // the FTP server's address
	dialled *atomic.Int64 // connections that the gateway has made to the FTP server
	flags   []string
}

func newSite(t *testing.T, gateway *sshtest.Server) *site {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	address := ftptest.Start(t, &ftptest.Server{}, "127.0.0.1")
	dialled := &atomic.Int64{}
	gateway.Keys = []ssh.PublicKey{key}
	resolve := gateway.Resolve
	gateway.Resolve = func(to string) string {
		if to == address {
			dialled.Add(1)
		}
		if resolve != nil {
			return resolve(to)
		}
		return to
	}
	require.NoError(t, gateway.Start())
	t.Cleanup(func() { assert.NoError(t, gateway.Close()) })

	dir := t.TempDir()
	identity, known := filepath.Join(dir, "identity"), filepath.Join(dir, "known_hosts")
	require.NoError(t, os.WriteFile(identity, pem.EncodeToMemory(block), 0o600))
	line := fmt.Sprintf("[127.0.0.1]:%d %s", gateway.Addr().Port, ssh.MarshalAuthorizedKey(gateway.HostKey()))
	require.NoError(t, os.WriteFile(known, []byte(line), 0o600))
	return &site{
		t: t, gateway: gateway, ftp: address, dialled: dialled,
		flags: []string{
			"-F", "none", "-i", identity, "-l", "ann", "-p", fmt.Sprint(gateway.Addr().Port),
			"-o", "UserKnownHostsFile=" + known, "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		},
	}
}

// command returns a run of the program: words are what is typed beside the flags
// for the gateway.
func (s *site) command(words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(words, s.flags...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "SSH_ASKPASS_REQUIRE=never")
	return cmd
}

// forward starts the program with a port for the FTP server, and returns its
// address once it is ready.
func (s *site) forward(cmd *exec.Cmd) (address string) {
	s.t.Helper()
	cmd.Args = append(cmd.Args, "-L", "0:"+s.ftp, "127.0.0.1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(s.t, err)
	require.NoError(s.t, stdout.Close(), "nothing more is read")
	address, found := strings.CutPrefix(strings.TrimSpace(line), "ftp://")
	require.True(s.t, found, line)
	return address
}

// A lockedBuffer is an output that can be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// movesFiles uploads and downloads so many files through the port at address.
func movesFiles(t *testing.T, address string, files int) {
	t.Helper()
	c, err := ftp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, c.Login("bob", "secret"))
	for i := range files {
		name, content := fmt.Sprintf("file-%d", i), bytes.Repeat([]byte{byte(i)}, 10_000)
		require.NoError(t, c.Stor(name, bytes.NewReader(content)))
		r, err := c.Retr(name)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, content, got)
	}
	require.NoError(t, c.Quit())
}

// talks sends so many commands through the port at address.
func talks(t *testing.T, address string, commands int) {
	t.Helper()
	c, err := ftp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, c.Login("bob", "secret"))
	for range commands {
		require.NoError(t, c.NoOp())
	}
	require.NoError(t, c.Quit())
}

func TestPortIsReadyWithoutFTPConnection(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	cmd := s.command()
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	address := s.forward(cmd)
	assert.Zero(t, s.dialled.Load(), "the FTP server has no connection")
	movesFiles(t, address, 1)
	assert.EqualValues(t, 1, s.dialled.Load())
}

// A gateway that prohibits connections shows when the first client comes.
func TestClientGets421WithReasonWhenGatewayProhibits(t *testing.T) {
	s := newSite(t, &sshtest.Server{NoForwarding: true})
	cmd := s.command("--log-format=json")
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	conn, err := net.Dial("tcp", s.forward(cmd))
	require.NoError(t, err)
	defer conn.Close()
	reply, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Regexp(t, `^421 .*the gateway forbids connections to `+s.ftp, string(reply))
	var warning map[string]any
	require.Eventually(t, func() bool {
		for line := range strings.Lines(stderr.String()) {
			warning = nil
			if json.Unmarshal([]byte(line), &warning) == nil && warning["level"] == "WARN" {
				return true
			}
		}
		return false
	}, 10*time.Second, 10*time.Millisecond, stderr.String())
	assert.Equal(t, "server_unreachable", warning["warning"])
	assert.Equal(t, s.ftp, warning["server"])
	assert.Equal(t, "127.0.0.1", warning["gateway"])
	assert.Contains(t, warning["hint"], "PermitOpen")
}

func TestRunFailsWithoutGreeting(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	ran := filepath.Join(t.TempDir(), "ran")
	cmd := s.command("run", "127.0.0.1", s.gateway.Addr().String())
	cmd.Args = append(cmd.Args, "--", "touch", ran)
	out, err := cmd.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "does not greet as an FTP server")
	assert.NoFileExists(t, ran)
}

// Scripts read the names of steps as well.
func TestCheckReportsEachStepByItsName(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	cmd := s.command("check", "--json", "--user", "bob", "127.0.0.1", s.ftp)
	cmd.Env = append(cmd.Env, "FTP_PASSWORD=secret")
	out, err := cmd.Output()
	require.NoError(t, err, "status 0")
	var report struct {
		Gateway string
		Server  string
		Works   bool
		Modes   map[string]bool
		Steps   []struct{ Step, Result string }
	}
	require.NoError(t, json.Unmarshal(out, &report), string(out))
	assert.Equal(t, "127.0.0.1", report.Gateway)
	assert.Equal(t, s.ftp, report.Server)
	assert.True(t, report.Works)
	assert.Equal(t, map[string]bool{"EPSV": true, "PASV": true, "EPRT": true, "PORT": true}, report.Modes)
	var steps []string
	for _, s := range report.Steps {
		steps = append(steps, s.Step)
		assert.Contains(t, []string{"ok", "note"}, s.Result, s.Step)
	}
	assert.Equal(t, []string{
		"configuration", "hop", "connect", "host key", "authentication", "algorithms", "direct-tcpip", "tcpip-forward",
		"GatewayPorts", "greeting", "features", "user", "login", "EPSV", "PASV", "EPRT", "PORT",
	}, steps)
}
