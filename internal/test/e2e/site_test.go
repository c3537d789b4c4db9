//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// address is where the program listens, and here the URL of it.
const (
	address = "127.0.0.1:2121"
	here    = "ftp://" + address
)

// A site is a lab with a gateway on which the client's root can log in.
type site struct {
	t *testing.T
	*lab.Lab
	ssh *lab.SSHServer
}

// sshServers are the SSH servers that the program must work with.
var sshServers = []struct {
	name  string
	start func(t testing.TB, h *lab.Host) *lab.SSHServer
}{
	{"OpenSSH", func(t testing.TB, h *lab.Host) *lab.SSHServer { return lab.SSHD(t, h, lab.SSHDConfig{}) }},
	{"Dropbear", func(t testing.TB, h *lab.Host) *lab.SSHServer { return lab.Dropbear(t, h, lab.DropbearConfig{}) }},
}

// throughEach runs test on a site with each SSH server.
func throughEach(t *testing.T, test func(s *site)) {
	for _, g := range sshServers {
		t.Run(g.name, func(t *testing.T) {
			l := lab.New(t)
			test(newSite(t, l, g.start(t, l.Gateway)))
		})
	}
}

// throughSSHD returns a site whose sshd has extra lines of configuration.
func throughSSHD(t *testing.T, extra ...string) *site {
	l := lab.New(t)
	return newSite(t, l, lab.SSHD(t, l.Gateway, lab.SSHDConfig{Extra: extra}))
}

// withEachServer runs test on a site with each FTP server, behind OpenSSH.
func withEachServer(t *testing.T, test func(s *site, ftp *lab.FTPServer)) {
	for _, kind := range lab.FTPServers {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			test(s, kind.Start(t, s.Gateway, lab.FTPConfig{}))
		})
	}
}

func newSite(t *testing.T, l *lab.Lab, server *lab.SSHServer) *site {
	server.AuthorizeKey(t, l.Client.NewKey(t))
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", server.KnownHosts())
	return &site{t: t, Lab: l, ssh: server}
}

// newJumpSite returns a site in which one key logs in to a jump host and to the
// gateway.
func newJumpSite(t *testing.T, l *lab.Lab, jump, gateway *lab.SSHServer) *site {
	s := newSite(t, l, gateway)
	key := l.Client.NewKey(t)
	jump.AuthorizeKey(t, key)
	gateway.AuthorizeKey(t, key)
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", jump.KnownHosts()+gateway.KnownHosts())
	return s
}

// vsftpd starts vsftpd on h. Active data connections come from port 20, as
// Debian configures it.
func (s *site) vsftpd(h *lab.Host) *lab.FTPServer {
	return lab.VSFTPD(s.t, h, lab.VSFTPDConfig{Port20: true})
}

// localFTP starts vsftpd on h for [lab.User] only.
func (s *site) localFTP(h *lab.Host) *lab.FTPServer {
	return lab.VSFTPD(s.t, h, lab.VSFTPDConfig{Port20: true, Local: true})
}

// dataPorts returns the addresses on the client's host at which somebody listens,
// without the program's port for control connections.
func (s *site) dataPorts() []string {
	s.t.Helper()
	return slices.DeleteFunc(s.Client.Listeners(s.t), func(address string) bool { return strings.HasSuffix(address, ":2121") })
}

// imitate serves a dialect at port 21 of the gateway, and returns the command
// lines that it receives.
func (s *site) imitate(d ftptest.Dialect) *ftptest.Record {
	s.t.Helper()
	var received ftptest.Record
	ftptest.Start(s.t, &ftptest.Server{Dialect: d, Network: s.Gateway, Received: received.Add}, "127.0.0.1:21")
	return &received
}

// A program is ftptunnel on the client's host.
type program struct {
	*lab.Process
	t *testing.T
}

// start starts the program and waits for its listener on IPv4.
func (s *site) start(args ...string) *program {
	s.t.Helper()
	return s.startAt("127.0.0.1:", binary(s.t), args...)
}

// startLean starts the program without the race detector.
func (s *site) startLean(args ...string) *program {
	s.t.Helper()
	return s.startAt(address, leanBinary(s.t), args...)
}

// startLogging starts the program, which logs sessions and writes JSON.
func (s *site) startLogging(args ...string) *program {
	s.t.Helper()
	return s.start(append([]string{"-v", "--log-format=json"}, args...)...)
}

// startAt runs a command until it prints that it listens at address.
func (s *site) startAt(address, command string, args ...string) *program {
	s.t.Helper()
	p := s.background(command, args...)
	p.Stdout.Await(s.t, "ftp://"+address)
	return p
}

// background runs a command on the client's host in the background.
func (s *site) background(command string, args ...string) *program {
	s.t.Helper()
	return &program{s.Client.Start(s.t, s.Client.Command(context.Background(), command, args...)), s.t}
}

// result is what a command has printed and returned.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a command on the client's host and waits for it.
func (s *site) run(name string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	r := s.wait(s.Client.Command(ctx, name, args...))
	require.NoError(s.t, ctx.Err(), "%s %q: %s", name, args, r.stderr)
	return r
}

// wait runs cmd and waits for it.
func (s *site) wait(cmd *exec.Cmd) result {
	s.t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		require.ErrorAs(s.t, err, new(*exec.ExitError), stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeeds runs a command on the client's host, requires that it succeeds, and
// returns its output.
func (s *site) succeeds(name string, args ...string) string {
	s.t.Helper()
	r := s.run(name, args...)
	require.Zero(s.t, r.status, "%s %q: %s", name, args, r.stderr)
	return r.stdout
}

// curl runs curl, requires that it succeeds, and returns its output.
func (s *site) curl(args ...string) string {
	s.t.Helper()
	return s.succeeds("curl", append([]string{"-sS"}, args...)...)
}

// as runs a command on the client's host as [lab.User].
func (s *site) as(name string, args ...string) result {
	s.t.Helper()
	return s.run("setpriv", append([]string{"--reuid=" + lab.User, "--clear-groups", name}, args...)...)
}

// dial connects to an address on the client's host and keeps the connection
// until the test ends.
func (s *site) dial(address string) *net.TCPConn {
	s.t.Helper()
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// file creates a file of random bytes in the client's home directory and returns
// its path there and its hash.
func (s *site) file(name string, size int64) (path, hash string) {
	s.t.Helper()
	path = lab.Home + "/" + name
	f, err := os.Create(s.Client.Path(path))
	require.NoError(s.t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, h), rand.Reader, size)
	require.NoError(s.t, err)
	return path, hex.EncodeToString(h.Sum(nil))
}

func hashOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return hex.EncodeToString(h.Sum(nil))
}

// random returns bytes that do not compress.
func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return b
}

// eventually waits until ok returns true, for a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 50*time.Millisecond, what)
}
