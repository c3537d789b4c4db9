package matrix

import (
	"context"
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
	Dir            string // where clients may write, relative to where they are after the login
	Files          string // where the machine has that directory
	Port           uint16
}

// Servers returns all servers: the real ones, and those that are imitated.
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

// leftOut are imitations that are not for every client.
var leftOut = []string{
	"pyftpdlib",          // the real one is there
	"only LPSV and LPRT", // two clients know them, and only where nothing else works; here they are refused
	"looks like replies", // what clients make of it is a matter of luck, with or without a tunnel
}

func realServer(kind lab.FTPServerKind, config lab.FTPConfig) *Server {
	s := &Server{Name: kind.Name, Version: kind.Version, ModeZ: kind.Name == "ProFTPD"}
	if s.ModeZ {
		config.Extra = lab.ModeZ
	}
	s.Start = func(t testing.TB, h *lab.Host, ipv6 bool) Running {
		own := config // sites start their servers side by side
		own.IPv6 = ipv6
		ftp := kind.Start(t, h, own)
		return Running{User: ftp.User, Password: ftp.Password, Dir: ftp.Dir, Files: ftp.Path(""), Port: uint16(ftp.Port)}
	}
	return s
}

// imitated is a product that cannot be had here. What it does on IPv6 is not
// documented.
func imitated(name string, p ftptest.Product, port uint16) *Server {
	return &Server{
		Name: name, NoIPv6: true, Version: func(testing.TB) string { return "imitated, after " + p.Source },
		Start: func(t testing.TB, h *lab.Host, _ bool) Running {
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			require.NoError(t, err)
			l, err := h.Listen(t.Context(), "tcp", loopback(false, port).String())
			require.NoError(t, err)
			ctx, stop := context.WithCancel(context.Background())
			served := make(chan error, 1)
			server := &ftptest.Server{Root: root, Dialect: p.Dialect, Network: h}
			go func() { served <- server.Serve(ctx, l) }()
			t.Cleanup(func() {
				stop()
				assert.NoError(t, <-served)
				assert.NoError(t, root.Close())
			})
			return Running{User: "bob", Password: "lab", Files: dir, Port: port}
		},
	}
}
