package tunnel

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// testTimeout bounds each wait of a test.
const testTimeout = 20 * time.Second

// checkLeaks fails the test if goroutines are left after all other cleanups.
func checkLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond) // goroutines of other packages cannot be waited for
		}
		if n := runtime.NumGoroutine(); n > before {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines before, %d after:\n%s", before, n, stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// testContext returns a context that is done after testTimeout.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// soon returns the result of f, and fails the test if f takes too long.
func soon[T any](t *testing.T, f func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }()
	select {
	case v := <-done:
		return v
	case <-time.After(testTimeout):
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

// writeKey writes key to a file, encrypted unless passphrase is empty. Package
// ssh encrypts with 16 rounds of bcrypt, which take seconds with the race
// detector. Where ssh-keygen is installed, it encrypts with one.
func writeKey(t testing.TB, key any, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "id")
	write := func(block *pem.Block) {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	write(block)
	if passphrase == "" || exec.Command("ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", path).Run() == nil {
		return path
	}
	block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	require.NoError(t, err)
	write(block)
	return path
}

// newServer starts a server that accepts the key in the file that it returns.
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

// insecureConfig returns a Config that accepts every host key.
func insecureConfig(hops ...Hop) Config {
	return Config{
		Hops: hops,
		HostKeys: func(Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.InsecureIgnoreHostKey(), nil, nil
		},
	}
}

func mustOpen(t *testing.T, cfg Config) *Tunnel {
	t.Helper()
	tun, err := openFast(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { soon(t, tun.Close) })
	return tun
}

// newTunnel starts a server and returns a tunnel to it.
func newTunnel(t *testing.T, s *sshtest.Server) (*Tunnel, *sshtest.Server) {
	t.Helper()
	checkLeaks(t)
	s, key := newServer(t, s)
	return mustOpen(t, insecureConfig(hopTo(s, key))), s
}

// serve listens on loopback, and calls handle for each connection.
func serve(t testing.TB, handle func(c *net.TCPConn)) string {
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
				handle(c.(*net.TCPConn))
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

// echo sends back what it receives, until the peer ends.
func echo(c *net.TCPConn) { io.Copy(c, c) }

// hello sends "hello" and then waits until the peer ends.
func hello(c *net.TCPConn) {
	io.WriteString(c, "hello")
	io.Copy(io.Discard, c)
}

func mustDial(t *testing.T, tun *Tunnel, address string) net.Conn {
	t.Helper()
	c, err := tun.DialContext(testContext(t), "tcp", address)
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

// checkEcho checks that c is connected to an echo.
func checkEcho(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.WriteString(c, "ping")
	require.NoError(t, err)
	require.Equal(t, "ping", readFull(t, c, 4))
}

// openFast is Open with hardly any wait between attempts.
func openFast(ctx context.Context, cfg Config) (*Tunnel, error) {
	return open(ctx, cfg, &backoff{random: func(time.Duration) time.Duration { return 5 * time.Millisecond }})
}
