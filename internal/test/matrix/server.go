package matrix

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// A Server is an FTP server that can be started on a host.
type Server struct {
	Name    string
	Version func(t testing.TB) string
	NoIPv6  bool
	ModeZ   bool
	Start   func(t testing.TB, h *lab.Host, ipv6 bool) Running
}

// Running is a server that was started.
type Running struct {
	User, Password string
	Dir            string // where clients may write, relative to their directory after the login
	Files          string // the path of Dir on this machine
	Port           uint16
}

// Servers returns all servers, real and imitated.
func Servers() []*Server {
	var servers []*Server
	for _, kind := range lab.FTPServers {
		servers = append(servers, realServer(kind, lab.FTPConfig{}))
	}
	for _, p := range ftptest.Products {
		if !p.IPv6 && !slices.Contains(leftOut, p.Name) {
			servers = append(servers, imitated(p.Name, p, 21))
		}
	}
	return servers
}

// leftOut are imitations that are not run with every client.
var leftOut = []string{
	"pyftpdlib",          // the real one runs
	"only LPSV and LPRT", // two clients support them, and only use them if nothing else works; the tunnel refuses them
	"looks like replies", // clients fail at random, with or without a tunnel
}

func realServer(kind lab.FTPServerKind, config lab.FTPConfig) *Server {
	s := &Server{Name: kind.Name, Version: kind.Version, ModeZ: kind.Name == "ProFTPD"}
	if s.ModeZ {
		config.Extra = lab.ModeZ
	}
	s.Start = func(t testing.TB, h *lab.Host, ipv6 bool) Running {
		own := config // sites start servers concurrently
		own.IPv6 = ipv6
		ftp := kind.Start(t, h, own)
		return Running{User: ftp.User, Password: ftp.Password, Dir: ftp.Dir, Files: ftp.Path(""), Port: uint16(ftp.Port)}
	}
	return s
}

// imitated returns an imitation of a product. What the product does on IPv6 is not
// documented.
func imitated(name string, p ftptest.Product, port uint16) *Server {
	return &Server{
		Name: name, NoIPv6: true, Version: func(testing.TB) string { return "imitated, after " + p.Source },
		Start: func(t testing.TB, h *lab.Host, _ bool) Running {
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, root.Close()) })
			ftptest.Start(t, &ftptest.Server{Root: root, Dialect: p.Dialect, Network: h}, loopback(false, port).String())
			return Running{User: "bob", Password: "lab", Files: dir, Port: port}
		},
	}
}
