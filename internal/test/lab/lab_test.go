package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dial connects from one host to a port of another, and returns the error.
func dial(t *testing.T, patience time.Duration, from *Host, to netip.Addr, port uint16) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := from.DialContext(ctx, "tcp", netip.AddrPortFrom(to, port).String())
	if err == nil {
		require.NoError(t, conn.Close())
	}
	return err
}

func assertOpen(t *testing.T, from *Host, to netip.Addr, port uint16) {
	t.Helper()
	assert.NoError(t, dial(t, 10*time.Second, from, to, port))
}

// assertClosed asserts that a connection times out or has no route: a refusal
// would come from the other host.
func assertClosed(t *testing.T, from *Host, to netip.Addr, port uint16) {
	t.Helper()
	err := dial(t, 300*time.Millisecond, from, to, port)
	assert.True(t, os.IsTimeout(err) || errors.Is(err, syscall.ENETUNREACH), "%v", err)
}

// listen listens on ports of h, IPv4 and IPv6, and accepts nothing.
func listen(t *testing.T, h *Host, ports ...string) {
	t.Helper()
	for _, port := range ports {
		l, err := h.Listen(t.Context(), "tcp", "[::]:"+port)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, l.Close()) })
	}
}

func TestOnlySSHReachesGateway(t *testing.T) {
	lab := New(t)
	listen(t, lab.Client, "21")
	listen(t, lab.Gateway, "21", "22")
	listen(t, lab.Inner, "21", "22")

	assertOpen(t, lab.Client, lab.Gateway.Addr, 22)
	assertOpen(t, lab.Client, lab.Gateway.Addr6, 22)
	assertOpen(t, lab.Gateway, lab.Inner.Addr, 21)
	assertOpen(t, lab.Gateway, lab.Inner.Addr6, 21)
	assertOpen(t, lab.Inner, lab.Gateway.Far, 21)

	assertClosed(t, lab.Client, lab.Gateway.Addr, 21)
	assertClosed(t, lab.Client, lab.Gateway.Addr6, 21)
	assertClosed(t, lab.Client, lab.Gateway.Far, 22)
	assertClosed(t, lab.Client, lab.Inner.Addr, 22)
	assertClosed(t, lab.Gateway, lab.Client.Addr, 21)
	assertClosed(t, lab.Inner, lab.Client.Addr, 21)
}

// The gateway is no router, even with routes and on a machine that forwards.
func TestNoHostForwardsPackets(t *testing.T) {
	lab := New(t)
	listen(t, lab.Inner, "21")
	lab.Inner.Run(t, "nft", "delete", "table", "inet", "firewall")
	lab.Gateway.Run(t, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	lab.Client.Run(t, "ip", "route", "add", "default", "via", lab.Gateway.Addr.String())
	lab.Inner.Run(t, "ip", "route", "add", "default", "via", lab.Gateway.Far.String())
	assertClosed(t, lab.Client, lab.Inner.Addr, 21)
}

func TestOnlyJumpHostReachesGateway(t *testing.T) {
	lab := NewWithJump(t)
	listen(t, lab.Jump, "21", "22")
	listen(t, lab.Gateway, "21", "22")
	listen(t, lab.Inner, "21")

	assertOpen(t, lab.Client, lab.Jump.Addr, 22)
	assertOpen(t, lab.Jump, lab.Gateway.Addr, 22)
	assertOpen(t, lab.Gateway, lab.Inner.Addr, 21)

	assertClosed(t, lab.Client, lab.Jump.Addr, 21)
	assertClosed(t, lab.Client, lab.Gateway.Addr, 22)
	assertClosed(t, lab.Jump, lab.Gateway.Addr, 21)
	assertClosed(t, lab.Jump, lab.Inner.Addr, 21)
}

func TestCutHostIsUnreachableUntilMended(t *testing.T) {
	lab := New(t)
	listen(t, lab.Gateway, "22")
	lab.Gateway.Cut(t)
	assertClosed(t, lab.Client, lab.Gateway.Addr, 22)
	assertOpen(t, lab.Gateway, netip.MustParseAddr("127.0.0.1"), 22)
	lab.Gateway.Mend(t)
	assertOpen(t, lab.Client, lab.Gateway.Addr, 22)
}

func TestSocketsStayOnTheirHost(t *testing.T) {
	lab := New(t)
	l, err := lab.Inner.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, _ = io.WriteString(conn, "here")
			_ = conn.Close()
		}
	}()
	conn, err := lab.Inner.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.Equal(t, "here", string(text))

	assert.Equal(t, []string{l.Addr().String()}, lab.Inner.Listeners(t))
	assert.Empty(t, lab.Gateway.Listeners(t))
	var d net.Dialer
	_, err = d.DialContext(t.Context(), "tcp", l.Addr().String())
	assert.Error(t, err, "this machine cannot connect to a listener on a host")

	_, err = lab.Inner.DialContext(t.Context(), "tcp", "localhost:21")
	assert.Error(t, err, "names are not looked up")
}

func TestFilesOfHostAreItsOwn(t *testing.T) {
	lab := New(t)
	lab.Client.Run(t, "sh", "-c", "echo secret > ~/note; echo x > /run/x; echo x > /var/log/x; echo x > /etc/ssh/x")
	assert.Equal(t, "note\n", lab.Client.Run(t, "ls", Home))
	assert.Empty(t, lab.Gateway.Run(t, "ls", Home))
	for _, path := range []string{Home + "/note", "/run/x", "/var/log/x", "/etc/ssh/x"} {
		assert.FileExists(t, lab.Client.Path(path))
		assert.NoFileExists(t, path)
	}
}

func TestHostsKnowEachOtherByName(t *testing.T) {
	lab := New(t)
	for _, test := range []struct {
		host       *Host
		name, want string
	}{
		{lab.Client, "gateway", "10.77.0.2"},
		{lab.Client, "gateway6", "fd77::2"},
		{lab.Gateway, "gateway", "10.77.0.2"},
		{lab.Gateway, "inner", "10.78.0.2"},
		{lab.Inner, "gateway", "10.78.0.1"},
	} {
		assert.Equal(t, test.want, strings.Fields(test.host.Run(t, "getent", "ahosts", test.name))[0],
			"%s on %s", test.name, test.host.Name)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	var file, dir, orphan string
	var stray *Process
	t.Run("a test", func(t *testing.T) {
		lab := New(t)
		file, dir = filepath.Join(namespaces, lab.Client.namespace), lab.Client.dir
		require.FileExists(t, file)
		stray = lab.Client.Start(t, lab.Client.Command(context.Background(), "sleep", "1000"))
		// The shell ends; its child, in a session of its own, does not. The
		// child itself says when it is there.
		shell := lab.Inner.Start(t, lab.Inner.Command(context.Background(),
			"sh", "-c", "setsid sh -c 'echo $$; exec sleep 1000' &"))
		require.NoError(t, shell.Wait())
		shell.Stdout.Await(t, "\n")
		orphan = filepath.Join("/proc", strings.TrimSpace(shell.Stdout.String()), "fd", "0")
		require.FileExists(t, orphan)
	})
	if stray == nil {
		t.Skip("there is no lab")
	}
	assert.NoFileExists(t, file)
	assert.NoDirExists(t, dir)
	assert.NoFileExists(t, orphan)
	assert.EqualError(t, stray.Wait(), "signal: killed")
}

func TestHostsOfKilledTestAreRemoved(t *testing.T) {
	Require(t)
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	host := &Host{namespace: fmt.Sprintf("%s%d-0-client", namespacePrefix, dead.Process.Pid)}
	ip(t, "", "netns add "+host.namespace)
	require.NoError(t, exec.Command("ip", "netns", "exec", host.namespace, "sh", "-c", "sleep 1000 & echo started").Run())
	left := host.processes()
	require.Len(t, left, 1)

	New(t)
	assert.NoFileExists(t, filepath.Join(namespaces, host.namespace))
	assert.NoFileExists(t, fmt.Sprintf("/proc/%d/fd/0", left[0].pid))
}

func TestSignalsReachAllDescendants(t *testing.T) {
	lab := New(t)
	p := lab.Client.Start(t, lab.Client.Command(context.Background(),
		"sh", "-c", "setsid sh -c 'sleep 1000; true' & sleep 1000 & echo started; wait"))
	p.Stdout.Await(t, "started")
	waitFor(t, "the descendants", func() bool { return len(p.tree()) == 4 })
	assert.Positive(t, p.Descriptors(t))
	assert.Equal(t, 1, p.Threads(t))

	p.Stop()
	waitFor(t, "all to stop", func() bool { return states(p) == "TTTT" })
	p.Cont()
	waitFor(t, "all to continue", func() bool { return states(p) == "SSSS" })
	p.Kill()
	waitFor(t, "all to end", func() bool { return len(lab.Client.processes()) == 0 })
}

// states returns a letter for the state of each process in p's tree, as ps(1)
// does.
func states(p *Process) string {
	var states strings.Builder
	for _, e := range p.tree() {
		stat, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(e.pid), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		states.WriteString(rest[:min(1, len(rest))])
	}
	return states.String()
}

func TestSignalReachesOnlyProcess(t *testing.T) {
	lab := New(t)
	p := lab.Client.Start(t, lab.Client.Command(context.Background(),
		"sh", "-c", "trap 'exit 7' TERM; sleep 1000 & echo started; wait"))
	p.Stdout.Await(t, "started")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.EqualError(t, p.Wait(), "exit status 7")
}

func TestParseStatAcceptsAnyName(t *testing.T) {
	e, err := parseStat("12 (a) S 1 (b) R 34 56 78 0")
	require.NoError(t, err)
	assert.Equal(t, entry{pid: 12, parent: 34, group: 56, name: "a) S 1 (b"}, e)
	_, err = parseStat("12 a")
	assert.Error(t, err)
}

func TestRequireSkipsOrFails(t *testing.T) {
	skipped := filepath.Join(t.TempDir(), "skipped")
	t.Setenv("LAB_SKIPPED", skipped)
	for _, test := range []struct {
		lab    string
		ask    func(testing.TB)
		result string
		reason string
	}{
		{"", func(t testing.TB) { Require(t) }, "skipped", "LAB is not set"},
		{"", RequireRoot, "skipped", "LAB is not set"},
		{"", lacks, "skipped", "no-such-program is not installed"},
		{"1", lacks, "skipped", "no-such-program is not installed"},
		{"required", lacks, "failed", "LAB=required, but no-such-program is not installed"},
	} {
		t.Setenv("LAB", test.lab)
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			test.ask(r)
		}()
		<-done
		assert.Equal(t, test.result, r.result)
		assert.Equal(t, test.reason, r.reason)
	}
	reasons, err := os.ReadFile(skipped)
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(reasons), "\n"))
}

func TestWhatIsNotInstalledIsRecordedOrFails(t *testing.T) {
	skipped := filepath.Join(t.TempDir(), "skipped")
	t.Setenv("LAB_SKIPPED", skipped)
	t.Setenv("LAB", "1")
	r := &recorder{TB: t}
	assert.True(t, Installed(r, "sh", t.TempDir()))
	assert.NoFileExists(t, skipped)
	assert.False(t, Installed(r, "sh", "no-such-program"))
	assert.False(t, Installed(r, "/no/such/file"))
	assert.Empty(t, r.result)
	reasons, err := os.ReadFile(skipped)
	require.NoError(t, err)
	assert.Equal(t, "no-such-program is not installed\n/no/such/file is not installed\n", string(reasons))

	t.Setenv("LAB", "required")
	assert.False(t, Installed(r, "no-such-program"))
	assert.Equal(t, recorder{TB: t, result: "failed", reason: "LAB=required, but no-such-program is not installed"}, *r)
}

func lacks(t testing.TB) { Program(t, "no-such-program") }

// A recorder is a test that records how it ended.
type recorder struct {
	testing.TB
	result, reason string
}

func (r *recorder) Skip(args ...any) { r.end("skipped", args) }

func (r *recorder) Fatal(args ...any) { r.end("failed", args) }

func (r *recorder) Error(args ...any) { r.result, r.reason = "failed", args[0].(string) }

func (r *recorder) end(result string, args []any) {
	r.result, r.reason = result, args[0].(string)
	runtime.Goexit()
}
