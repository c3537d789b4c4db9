package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Host is a network namespace with some directories of its own. It knows itself
// and its neighbours by name: "gateway" has an IPv4 address, "gateway6" an IPv6
// address.
type Host struct {
	Name string

	// The addresses on the client's side; for the client, its only ones.
	Addr, Addr6 netip.Addr

	// The addresses on the other side; Inner has none.
	Far, Far6 netip.Addr

	namespace string
	dir       string // of the private files
}

// Home is the home directory of root. Every host has its own.
const Home = "/root"

// Password is the password of root and of [User] on every host.
const Password = "lab"

// User is an ordinary user on every host, and UserHome the home directory of this
// user. Every host has its own.
const (
	User     = "bob"
	UserHome = "/run/bob"
)

// userID is the id of [User] and of the group of that name.
const userID = 2121

// private are the files and directories that every host has its own of, relative
// to the root directory.
var private = [...]string{
	"etc/group", "etc/hosts", "etc/nsswitch.conf", "etc/passwd", "etc/shadow", "etc/ssh", "root", "run", "var/log",
}

// furnish creates the private files of h. It reaches the hosts before it at their
// far side, and those after it at their near side.
func (h *Host) furnish(t testing.TB, before, after []*Host) {
	t.Helper()
	for _, dir := range []string{"etc/ssh", "run/sshd", "var/log"} {
		require.NoError(t, os.MkdirAll(h.Path(dir), 0o755))
	}
	require.NoError(t, os.Mkdir(h.Path(Home), 0o700))

	hosts := "127.0.0.1 localhost\n::1 localhost\n"
	for _, other := range before {
		hosts += fmt.Sprintf("%s %s\n%s %s6\n", other.Far, other.Name, other.Far6, other.Name)
	}
	for _, other := range after {
		hosts += fmt.Sprintf("%s %s\n%s %s6\n", other.Addr, other.Name, other.Addr6, other.Name)
	}
	h.WriteFile(t, "/etc/hosts", hosts)
	h.addLine(t, "/etc/nsswitch.conf", "# of "+h.Name)
	const secret = ":$6$ftptunnel$bR4hWY4TO4cmj1mK3nR7E9kbaSt9IqrwmEM4jElQFWihZ7N82dQ7PwZRcynJHMlrALA2En3PA2muapOGumqeN1" +
		":20000:0:99999:7:::\n"
	h.WriteFile(t, "/etc/shadow", "root"+secret+User+secret)
	h.addLine(t, "/etc/passwd", fmt.Sprintf("%s:x:%d:%[2]d::%s:/bin/sh", User, userID, UserHome))
	h.addLine(t, "/etc/group", fmt.Sprintf("%s:x:%d:", User, userID))
	require.NoError(t, os.Mkdir(h.Path(UserHome), 0o755))
	require.NoError(t, os.Chown(h.Path(UserHome), userID, userID))
}

// addLine creates a file on h from a line and the machine's file of that path.
// Every user on h may read it.
func (h *Host) addLine(t testing.TB, path, line string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	h.WriteFile(t, path, line+"\n"+string(text))
	require.NoError(t, os.Chmod(h.Path(path), 0o644))
}

// Path returns the path on this machine of a private file of h: one below [Home],
// /etc/ssh, /run or /var/log.
func (h *Host) Path(path string) string { return filepath.Join(h.dir, path) }

// WriteFile writes text to a private file of h (see [Host.Path]), which only root
// may read, and creates its directory.
func (h *Host) WriteFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(h.Path(path)), 0o700))
	require.NoError(t, os.WriteFile(h.Path(path), []byte(text), 0o600))
}

// Command returns the command that runs a program on h, in a process group of its
// own, which is killed when ctx is done. The environment has only what every
// program needs; callers may append to it.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	const script = `for path in $PRIVATE; do
	[ ! -e "/$path" ] || mount --bind "$0/$path" "/$path" || exit
done
unset PRIVATE
exec "$@"`
	cmd := exec.CommandContext(ctx, "ip",
		append([]string{"netns", "exec", h.namespace, "sh", "-c", script, h.dir, name}, args...)...)
	cmd.Env = []string{
		"PRIVATE=" + strings.Join(private[:], " "),
		"HOME=" + Home, "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8",
	}
	for _, name := range []string{"PATH", "TMPDIR", "GOCOVERDIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	ownGroup(cmd)
	cmd.Cancel = func() error { return signal(-cmd.Process.Pid, kill) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Run runs a program on h for at most a minute and returns its standard output. If
// the program fails, the test fails and logs the program's output.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := h.Command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, err, "%s: %s\n%s%s", h.Name, h.typed(cmd), &stdout, &stderr)
	return stdout.String()
}

// typed returns cmd as it would be typed on h.
func (h *Host) typed(cmd *exec.Cmd) string {
	return strings.Join(cmd.Args[slices.Index(cmd.Args, h.dir)+1:], " ")
}
