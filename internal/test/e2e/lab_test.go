//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/internal/test/module"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

// built is the program, built once with the race detector.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary returns the program's path.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ftptunnel"); built.err != nil {
			return
		}
		_ = os.Chmod(built.dir, 0o755)
		out, err := exec.Command("go", "build", "-race", "-o", built.dir, module.Program).CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, built.err)
	return filepath.Join(built.dir, "ftptunnel")
}

// sshServers are the SSH servers that the program must work with.
var sshServers = []struct {
	name  string
	start func(t testing.TB, h *lab.Host) *lab.SSHServer
}{
	{"OpenSSH", func(t testing.TB, h *lab.Host) *lab.SSHServer { return lab.SSHD(t, h, lab.SSHDConfig{}) }},
	{"Dropbear", func(t testing.TB, h *lab.Host) *lab.SSHServer { return lab.Dropbear(t, h, lab.DropbearConfig{}) }},
}

// A site is a lab with a gateway that the client's root can log in to.
type site struct {
	t *testing.T
	*lab.Lab
	ssh *lab.SSHServer
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

// throughSSHD runs sshd with lines of configuration.
func throughSSHD(t *testing.T, extra ...string) *site {
	l := lab.New(t)
	return newSite(t, l, lab.SSHD(t, l.Gateway, lab.SSHDConfig{Extra: extra}))
}

func newSite(t *testing.T, l *lab.Lab, server *lab.SSHServer) *site {
	server.AuthorizeKey(t, l.Client.NewKey(t))
	l.Client.WriteFile(t, lab.Home+"/.ssh/known_hosts", server.KnownHosts())
	return &site{t: t, Lab: l, ssh: server}
}

// vsftpd starts vsftpd on h. Active data connections come from port 20, as
// Debian configures it.
func (s *site) vsftpd(h *lab.Host) *lab.FTPServer {
	return lab.VSFTPD(s.t, h, lab.VSFTPDConfig{Port20: true})
}

// start starts the program on the client and waits for its listeners.
func (s *site) start(args ...string) *lab.Process {
	s.t.Helper()
	p := s.Client.Start(s.t, s.Client.Command(context.Background(), binary(s.t), args...))
	p.Stdout.Await(s.t, "ftp://127.0.0.1:")
	return p
}

// result is how a program has ended.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a program on the client to its end.
func (s *site) run(name string, args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := s.Client.Command(ctx, name, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(s.t, ctx.Err(), "%s %q: %s", name, args, stderr.String())
	if err != nil {
		require.ErrorAs(s.t, err, new(*exec.ExitError))
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeeds runs a program on the client that has to succeed.
func (s *site) succeeds(name string, args ...string) string {
	s.t.Helper()
	r := s.run(name, args...)
	require.Zero(s.t, r.status, "%s %q: %s", name, args, r.stderr)
	return r.stdout
}

// file makes a file of random bytes in the client's home and returns its name
// there and its hash.
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

// eventually polls until ok, for a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 50*time.Millisecond, what)
}

// A mode is a way to make a client move a file.
type mode struct {
	name     string
	upload   func(file, as string) []string
	download func(from, to string) []string
}

const here = "ftp://127.0.0.1:2121"

func curl(name string, flags ...string) mode {
	args := append([]string{"curl", "-sS", "--fail"}, flags...)
	return mode{
		name:     "curl " + name,
		upload:   func(file, as string) []string { return append(args, "-T", file, here+"/pub/"+as) },
		download: func(from, to string) []string { return append(args, "-o", to, here+"/pub/"+from) },
	}
}

func lftp(passive string) mode {
	script := func(command string) []string {
		return []string{"lftp", "-c", "set net:max-retries 1; set cmd:fail-exit yes; set ftp:passive-mode " + passive + "; open " + here + "; " + command}
	}
	return mode{
		name:     "lftp passive-mode " + passive,
		upload:   func(file, as string) []string { return script("put " + file + " -o pub/" + as) },
		download: func(from, to string) []string { return script("get pub/" + from + " -o " + to) },
	}
}

var (
	passiveModes = []mode{curl("EPSV"), curl("PASV", "--disable-epsv"), lftp("on")}
	activeModes  = []mode{curl("EPRT", "-P", "-"), curl("PORT", "-P", "-", "--disable-eprt"), lftp("off")}
)

// move uploads and downloads size bytes, in a mode, and compares hashes.
func (s *site) move(m mode, ftp *lab.FTPServer, size int64) {
	s.t.Helper()
	file, hash := s.file("original", size)
	up := m.upload(file, "copy")
	s.succeeds(up[0], up[1:]...)
	stored := filepath.Join(ftp.Root, "pub", "copy")
	assert.Equal(s.t, hash, hashOf(s.t, stored), "%s: upload", m.name)
	down := m.download("copy", lab.Home+"/back")
	s.succeeds(down[0], down[1:]...)
	back := s.Client.Path(lab.Home + "/back")
	assert.Equal(s.t, hash, hashOf(s.t, back), "%s: download", m.name)
	require.NoError(s.t, os.Remove(stored))
	require.NoError(s.t, os.Remove(back))
}

func TestFilesMoveInEveryMode(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	const size = 100_000_000
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		s.start("gateway")
		for _, m := range append(append([]mode{}, passiveModes...), activeModes...) {
			s.move(m, ftp, size)
		}
	})
}

func TestFilesMoveToAServerBehindTheGateway(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Inner)
		s.start("gateway", "inner")
		for _, m := range passiveModes {
			s.move(m, ftp, 100_000_000)
		}
	})
}

func TestIPv6LoopbackWorksAlike(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{IPv6: true, Port20: true})
		p := s.Client.Start(s.t, s.Client.Command(context.Background(), binary(s.t), "-L", "[::1]:2121:[::1]:21", "gateway"))
		p.Stdout.Await(s.t, "ftp://[::1]:2121\n")
		file, hash := s.file("original", 1_000_000)
		for _, flags := range [][]string{{}, {"-P", "-"}} {
			curl := append([]string{"-sS", "--fail", "-g"}, flags...)
			s.succeeds("curl", append(curl, "-T", file, "ftp://[::1]:2121/pub/copy")...)
			s.succeeds("curl", append(curl, "-o", lab.Home+"/back", "ftp://[::1]:2121/pub/copy")...)
			assert.Equal(s.t, hash, hashOf(s.t, s.Client.Path(lab.Home+"/back")))
			require.NoError(s.t, os.Remove(filepath.Join(ftp.Root, "pub", "copy")))
		}
		p.Stderr.Await(s.t, "mode=EPSV")
		p.Stderr.Await(s.t, "mode=EPRT")
	})
}

// An FTP server on IPv6 answers PASV with an address that IPv4 cannot hold.
func TestPassiveModeWorksToAnIPv6ServerFromAnIPv4Client(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{IPv6: true})
		s.start("gateway", "[::1]:21")
		for _, m := range passiveModes {
			s.move(m, ftp, 1_000_000)
		}
	})
}

func TestWithoutTheTunnelNothingMoves(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		r := s.run("curl", "-sS", "--connect-timeout", "2", "ftp://gateway/pub/")
		assert.NotZero(s.t, r.status)
	})
}

func TestManyTransfersOnOneConnectionLeaveNothingBehind(t *testing.T) {
	lab.Require(t, "curl")
	const transfers = 200
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "small"), []byte("data"), 0o644))
		p := s.start("-v", "gateway")
		s.succeeds("curl", "-sS", here+"/pub/small") // so that what is made once is there
		descriptors := p.Descriptors(s.t)
		for _, flags := range [][]string{{}, {"--disable-epsv"}, {"-P", "-"}, {"-P", "-", "--disable-eprt"}} {
			args := append([]string{"-sS", "--fail"}, flags...)
			for range transfers {
				args = append(args, here+"/pub/small")
			}
			before := strings.Count(p.Stderr.String(), "session began")
			out := s.succeeds("curl", args...)
			assert.Equal(s.t, strings.Repeat("data", transfers), out, flags)
			assert.Equal(s.t, before+1, strings.Count(p.Stderr.String(), "session began"), "one control connection")
		}
		s.nothingLeft(p, descriptors)
	})
}

// nothingLeft checks that the program and the gateway are as they were. What
// Dropbear keeps is bounded: before 2026.90 it never cancels a forward, and the
// program uses such forwards again.
func (s *site) nothingLeft(p *lab.Process, descriptors int) {
	s.t.Helper()
	var here, there []string
	closed := assert.Eventually(s.t, func() bool {
		here, there = s.Client.Listeners(s.t), nil
		for _, l := range s.Gateway.Listeners(s.t) {
			if !strings.HasSuffix(l, ":22") && !strings.HasSuffix(l, ":21") {
				there = append(there, l)
			}
		}
		limit := 0
		if strings.Contains(s.t.Name(), "Dropbear") {
			limit = 2 * 20 // it listens on two addresses for each
		}
		return len(here) == 1 && len(there) <= limit && p.Descriptors(s.t) <= descriptors
	}, 20*time.Second, 50*time.Millisecond)
	if !closed {
		s.t.Logf("open: %s", s.Client.Run(s.t, "ls", "-l", fmt.Sprintf("/proc/%d/fd", p.Pid)))
	}
	s.t.Logf("left: %d listener here, %d forwards there, %d descriptors (before: %d)", len(here), len(there), p.Descriptors(s.t), descriptors)
}
