package lab

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An FTPConfig says how an FTP server differs from one that listens on port 21
// of all IPv4 addresses.
type FTPConfig struct {
	Port       int      // 0 means 21
	IPv6       bool     // listen on IPv6, and on IPv4 as well
	Masquerade string   // the IPv4 address named in replies to PASV; needs [FTPServerKind].Masquerades
	Extra      []string // lines of the server's configuration or arguments, as its function says
}

func (c FTPConfig) port() int {
	if c.Port == 0 {
		return 21
	}
	return c.Port
}

// address returns the address to listen at.
func (c FTPConfig) address() string {
	if c.IPv6 {
		return "::"
	}
	return "0.0.0.0"
}

// An FTPServer is an FTP server on a host. Those of [FTPServers] let [User] in,
// who may do everything at home.
type FTPServer struct {
	daemon

	Name           string // as in [FTPServers]
	Port           int
	User, Password string

	// Root is where the machine has the directory in which users are after
	// they have logged in. The user may write in Dir, a path relative to it,
	// empty if it is Root itself.
	Root, Dir string

	owner int // who files of the user's belong to; 0 means whoever the test runs as
}

// An FTPServerKind is a program that serves FTP.
type FTPServerKind struct {
	Name        string
	Start       func(testing.TB, *Host, FTPConfig) *FTPServer
	Masquerades bool // whether FTPConfig.Masquerade has an effect
	version     func(testing.TB) *exec.Cmd
}

// FTPServers are all kinds of FTP server that the lab has.
var FTPServers = []FTPServerKind{
	{"vsftpd", startVSFTPD, true, func(t testing.TB) *exec.Cmd {
		// It writes to its standard input.
		return exec.Command("sh", "-c", `"$0" -v 0>&1`, Program(t, "vsftpd")[0])
	}},
	{"ProFTPD", ProFTPD, true, func(t testing.TB) *exec.Cmd {
		return exec.Command(Unpacked(t, proftpd), "--version")
	}},
	{"Pure-FTPd", PureFTPd, true, func(t testing.TB) *exec.Cmd {
		return exec.Command(Unpacked(t, pureFTPd), "--help")
	}},
	{"inetutils-ftpd", InetutilsFTPD, false, func(t testing.TB) *exec.Cmd {
		return exec.Command(Unpacked(t, inetutilsFTPD), "--version")
	}},
	{"pyftpdlib", Pyftpdlib, true, func(t testing.TB) *exec.Cmd {
		cmd := exec.Command(Program(t, python)[0], "-W", "ignore", "-m", "pyftpdlib", "--version")
		cmd.Dir = Unpacked(t, pyftpdlib)
		return cmd
	}},
}

// Version returns the version of the program, numbers with points between
// them. It skips as [Require] does.
func (k FTPServerKind) Version(t testing.TB) string {
	t.Helper()
	out, err := k.version(t).CombinedOutput()
	number := regexp.MustCompile(`\d+(\.\d+)+[a-z]?`).Find(out)
	require.NotEmpty(t, number, "%v: %s", err, out)
	return string(number)
}

// unpacked is where the script install puts what is no installed package.
const unpacked = "/usr/local/lib/ftptunnel-lab"

// Unpacked returns the path of what the script install has put there without
// installing it as a package: a file in one, whose name comes first, or
// "node_modules". It skips as [Require] does if there is none.
func Unpacked(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(unpacked, name)
	if _, err := os.Stat(path); err != nil {
		unavailable(t, path+" is missing")
	}
	return path
}

// serve starts s, whose daemon says how, until the test ends.
func (s *FTPServer) serve(t testing.TB, config FTPConfig) *FTPServer {
	t.Helper()
	s.Port = config.port()
	s.prepare = func() {}
	s.ready = func() bool {
		return slices.ContainsFunc(s.host.Listeners(t), func(address string) bool {
			_, port, _ := net.SplitHostPort(address)
			return port == strconv.Itoa(s.Port)
		})
	}
	s.launch(t)
	return s
}

// Path returns where the machine has a file of the user's. Name is relative to
// Dir.
func (s *FTPServer) Path(name string) string { return filepath.Join(s.Root, s.Dir, name) }

// WriteFile makes or replaces a file of the user's. Name is relative to Dir.
func (s *FTPServer) WriteFile(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.Path(name), []byte(text), 0o644))
	if s.owner != 0 {
		require.NoError(t, os.Chown(s.Path(name), s.owner, s.owner))
	}
}

// KillChildren kills the processes that serve connections now, waits until
// they have gone, and returns how many they were. pyftpdlib has none.
func (s *FTPServer) KillChildren(t testing.TB) int { return s.killChildren(t) }

// lines joins lines of a configuration file.
func lines(lines ...[]string) string { return strings.Join(slices.Concat(lines...), "\n") + "\n" }
