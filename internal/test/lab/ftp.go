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

// An FTPConfig configures an FTP server. The zero value listens on port 21 of all
// IPv4 addresses.
type FTPConfig struct {
	Port       int      // 0 means 21
	IPv6       bool     // listen on IPv6 as well
	Masquerade string   // the IPv4 address named in replies to PASV; needs [FTPServerKind].Masquerades
	Extra      []string // lines of the server's configuration or arguments; see the server's function
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

// An FTPServer is an FTP server on a host. With those of [FTPServers], [User] may
// log in and has all rights in [UserHome].
type FTPServer struct {
	daemon

	Name           string // as in [FTPServers]
	Port           int
	User, Password string

	// Root is the path on this machine of the directory in which users are
	// after the login. The user may write in Dir, which is relative to Root
	// and empty if it is Root itself.
	Root, Dir string

	owner int // of the user's files; 0 means the user who runs the test
}

// An FTPServerKind is a program that serves FTP.
type FTPServerKind struct {
	Name        string
	Start       func(testing.TB, *Host, FTPConfig) *FTPServer
	Masquerades bool // it supports FTPConfig.Masquerade
	version     func(testing.TB) *exec.Cmd
}

// FTPServers are all kinds of FTP server that the lab has.
var FTPServers = []FTPServerKind{
	{"vsftpd", startVSFTPD, true, func(t testing.TB) *exec.Cmd {
		// It prints its version to standard input.
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

// Version returns the version of the program, numbers separated by points. It
// skips the test as [RequireRoot] does, and if the program is not installed.
func (k FTPServerKind) Version(t testing.TB) string {
	t.Helper()
	RequireRoot(t)
	out, err := k.version(t).CombinedOutput()
	number := regexp.MustCompile(`\d+(\.\d+)+[a-z]?`).Find(out)
	require.NotEmpty(t, number, "%v: %s", err, out)
	return string(number)
}

// unpacked is where the script install puts what it does not install as a package.
const unpacked = "/usr/local/lib/ftptunnel-lab"

// Unpacked returns the path of a file or directory of a package that the script
// install has unpacked. Name begins with the name of the package, or is
// "node_modules". It skips the test if the file does not exist.
func Unpacked(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(unpacked, name)
	if _, err := os.Stat(path); err != nil {
		unavailable(t, path+" is missing")
	}
	return path
}

// serve starts s, whose daemon is set but for prepare and ready, until the test
// ends.
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

// Path returns the path on this machine of a file of the user. Name is relative to
// Dir.
func (s *FTPServer) Path(name string) string { return filepath.Join(s.Root, s.Dir, name) }

// WriteFile writes a file of the user. Name is relative to Dir.
func (s *FTPServer) WriteFile(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.Path(name), []byte(text), 0o644))
	if s.owner != 0 {
		require.NoError(t, os.Chown(s.Path(name), s.owner, s.owner))
	}
}

// KillChildren kills the processes that serve connections, waits until they are
// gone, and returns how many there were. pyftpdlib has none.
func (s *FTPServer) KillChildren(t testing.TB) int { return s.killChildren(t) }

// lines returns a configuration file of lines.
func lines(lines ...[]string) string { return strings.Join(slices.Concat(lines...), "\n") + "\n" }
