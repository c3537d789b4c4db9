package tunnel

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

// leakFree fails the test if goroutines are left when all else is cleaned up.
func leakFree(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond) // for goroutines of other packages, which nobody can wait for
		}
		if n := runtime.NumGoroutine(); n > before {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines before, %d after:\n%s", before, n, stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// within returns a context for what must not take long.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// soon returns what f returns, and fails the test if that takes too long.
func soon[T any](t *testing.T, f func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case v := <-done:
		return v
	case <-time.After(patience):
		stacks := make([]byte, 1<<20)
		t.Fatalf("stuck:\n%s", stacks[:runtime.Stack(stacks, true)])
		panic("not reached")
	}
}

func newKey(t testing.TB) (ed25519.PrivateKey, ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return private, signer.PublicKey()
}

// writeKey writes key to a file, encrypted if a passphrase is given.
func writeKey(t testing.TB, key any, passphrase string) string {
	t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "id")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

// newServer starts a server that takes the key in the file it returns.
func newServer(t testing.TB, s *sshtest.Server) (*sshtest.Server, string) {
	t.Helper()
	key, public := newKey(t)
	s.Keys = append(s.Keys, public)
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Close() })
	return s, writeKey(t, key, "")
}

func hopTo(s *sshtest.Server, keys ...string) Hop {
	return Hop{
		Alias: "gw", HostName: "127.0.0.1", Port: s.Addr().Port, User: "ann",
		IdentityFiles: keys, IdentityFilesSet: true,
		PubkeyAuthentication: true, PasswordAuthentication: true, KbdInteractive: true,
	}
}

// trusting is a Config that trusts every host key.
func trusting(hops ...Hop) Config {
	return Config{
		Hops: hops,
		HostKeys: func(Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.InsecureIgnoreHostKey(), nil, nil
		},
	}
}

func mustOpen(t *testing.T, cfg Config) *Tunnel {
	t.Helper()
	tun, err := openImpatient(within(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { soon(t, tun.Close) })
	return tun
}

// up returns a tunnel to a new server.
func up(t *testing.T, s *sshtest.Server) (*Tunnel, *sshtest.Server) {
	t.Helper()
	leakFree(t)
	s, key := newServer(t, s)
	return mustOpen(t, trusting(hopTo(s, key))), s
}

// serving listens on loopback and serves each connection with serve.
func serving(t testing.TB, serve func(c *net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().String()
}

// echo sends back what it gets, and ends when it does.
func echo(c *net.TCPConn) { io.Copy(c, c) }

// hold says hello and then nothing more until the peer ends.
func hold(c *net.TCPConn) {
	io.WriteString(c, "hello")
	io.Copy(io.Discard, c)
}

func mustDial(t *testing.T, tun *Tunnel, address string) net.Conn {
	t.Helper()
	c, err := tun.DialContext(within(t), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func closeWrite(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
}

func readFull(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	p := make([]byte, n)
	err := soon(t, func() error { _, err := io.ReadFull(c, p); return err })
	require.NoError(t, err)
	return string(p)
}

// exchange checks that c is connected to an echo.
func exchange(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.WriteString(c, "ping")
	require.NoError(t, err)
	require.Equal(t, "ping", readFull(t, c, 4))
}

// A witness keeps the events of a tunnel.
type witness struct {
	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func newWitness() *witness { return &witness{more: make(chan struct{}, 1)} }

func (w *witness) observe(e Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// of returns the events of a kind so far.
func (w *witness) of(kind EventKind) (found []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// await returns the nth event of a kind, counted from one.
func (w *witness) await(t *testing.T, kind EventKind, n int) Event {
	t.Helper()
	late := time.After(patience)
	for {
		if found := w.of(kind); len(found) >= n {
			return found[n-1]
		}
		select {
		case <-w.more:
		case <-late:
			t.Fatalf("no event %d of kind %d; there were %+v", n, kind, w.events)
		}
	}
}

func (w *witness) warnings() string {
	var lines []string
	for _, e := range w.of(Warning) {
		lines = append(lines, e.Err.Error())
	}
	return strings.Join(lines, "\n")
}
