package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// failedHop returns the HopError that opening cfg must end with.
func failedHop(t *testing.T, cfg Config) *HopError {
	t.Helper()
	ctx := within(t)
	err := soon(t, func() error {
		tun, err := openImpatient(ctx, cfg)
		if err == nil {
			tun.Close()
		}
		return err
	})
	var hop *HopError
	require.ErrorAs(t, err, &hop)
	return hop
}

func TestASilentServerIsGivenUp(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{Silent: true})
	h := hopTo(s, key)
	h.ConnectTimeout = 200 * time.Millisecond
	e := failedHop(t, trusting(h))
	assert.Equal(t, "handshake", e.Op)
	assert.ErrorIs(t, e, os.ErrDeadlineExceeded)
}

func TestDoneContextEndsAnAttempt(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{Silent: true})
	ctx, cancel := context.WithCancel(context.Background())
	cfg := trusting(hopTo(s, key))
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		time.AfterFunc(50*time.Millisecond, cancel)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	_, err := Open(ctx, cfg)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestTimeStandsStillWhileSomebodyIsAsked(t *testing.T) {
	leakFree(t)
	s := &sshtest.Server{Password: "secret"}
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Close() })
	h := hopTo(s)
	h.ConnectTimeout = 300 * time.Millisecond
	slow := func() { time.Sleep(600 * time.Millisecond) }
	cfg := trusting(h)
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { slow(); return nil }, nil, nil
	}
	cfg.Ask = func(context.Context, string, bool) (string, error) { slow(); return "secret", nil }
	mustOpen(t, cfg)
}

func TestWhatAnswersInsteadOfSSHIsQuoted(t *testing.T) {
	for greeting, quoted := range map[string]string{
		"220 ftp.example.com ready\r\n":    `"220 ftp.example.com ready"`,
		"Exceeded MaxStartups\r\n":         `"Exceeded MaxStartups"`,
		"HTTP/1.1 400 Bad Request\r\n\r\n": `"HTTP/1.1 400 Bad Request"`,
	} {
		t.Run(strings.Fields(greeting)[0], func(t *testing.T) {
			leakFree(t)
			s, key := newServer(t, &sshtest.Server{Before: greeting})
			e := failedHop(t, trusting(hopTo(s, key)))
			assert.Equal(t, "handshake", e.Op)
			assert.ErrorContains(t, e, "answered "+quoted)
			assert.False(t, Permanent(e), "time may mend it")
		})
	}
}

func TestAClosedPortFailsToDial(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	s.Close()
	assert.Equal(t, "dial", failedHop(t, trusting(hopTo(s, key))).Op)
}

func TestAJumpHostThatRefusesFailsTheNextHop(t *testing.T) {
	leakFree(t)
	first, key := newServer(t, &sshtest.Server{NoForwarding: true})
	next := hopTo(first, key)
	next.Alias = "inner"
	e := failedHop(t, trusting(hopTo(first, key), next))
	assert.Equal(t, "inner", e.Hop.Alias)
	assert.Equal(t, "dial", e.Op)
	var refused *OpenError
	require.ErrorAs(t, e, &refused)
	assert.True(t, refused.Prohibited)
}

type keyProblem struct{ text string }

func (e *keyProblem) Error() string { return e.text }

func TestTheErrorOfVerifyIsFound(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { return &keyProblem{"changed"} }, nil, nil
	}
	e := failedHop(t, cfg)
	assert.Equal(t, "verify host key", e.Op)
	var problem *keyProblem
	assert.ErrorAs(t, e, &problem)
	assert.True(t, Permanent(e))
}

func TestAHostThatIsNotVerifiedGetsNoPassword(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{Password: "secret"})
	cfg := trusting(hopTo(s))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { return errors.Join(ErrUnverified) }, nil, nil
	}
	cfg.Ask = func(_ context.Context, question string, _ bool) (string, error) {
		t.Errorf("asked %q", question)
		return "secret", nil
	}
	e := failedHop(t, cfg)
	var denied *AuthError
	require.ErrorAs(t, e, &denied)

	// A key gives nothing away.
	cfg.Hops = []Hop{hopTo(s, key)}
	mustOpen(t, cfg)
}

func TestTheHostKeyIsJudgedOnceAndPinned(t *testing.T) {
	_, first := newKey(t)
	_, second := newKey(t)
	calls := 0
	l := newLimit(time.Hour, newTransport(nil))
	defer l.Stop()
	s := &handshake{limit: l, verify: func(string, net.Addr, ssh.PublicKey) error { calls++; return nil }}
	assert.NoError(t, s.checkHostKey("", nil, first))
	assert.NoError(t, s.checkHostKey("", nil, first))
	assert.Error(t, s.checkHostKey("", nil, second))
	assert.Equal(t, 1, calls)
}

func TestHostKeysAreAskedForInOpenSSHsOrder(t *testing.T) {
	assert.Equal(t, ssh.KeyAlgoED25519, hostKeyAlgorithms(Hop{}, nil)[0])
	assert.Equal(t, []string{ssh.KeyAlgoRSASHA512}, hostKeyAlgorithms(Hop{}, []string{"sk-unheard-of", ssh.KeyAlgoRSASHA512}))
	assert.Equal(t, []string{ssh.KeyAlgoECDSA256}, hostKeyAlgorithms(Hop{HostKeyAlgorithms: []string{ssh.KeyAlgoECDSA256}}, nil))
}

func TestNoAlgorithmInCommonIsForGood(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := trusting(hopTo(s, key))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return ssh.InsecureIgnoreHostKey(), []string{ssh.KeyAlgoECDSA521}, nil
	}
	e := failedHop(t, cfg)
	assert.Equal(t, "handshake", e.Op)
	assert.True(t, Permanent(e))
}

func TestTheBannerIsPassedOn(t *testing.T) {
	leakFree(t)
	s, key := newServer(t, &sshtest.Server{Banner: "no trespassing\n"})
	w := newWitness()
	cfg := trusting(hopTo(s, key))
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.Equal(t, "no trespassing\n", w.await(t, Banner, 1).Text)
}

func TestRefusalsToConnectAreToldApart(t *testing.T) {
	tun, _ := up(t, &sshtest.Server{})
	var e *OpenError
	_, err := tun.DialContext(within(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Prohibited)
	assert.ErrorContains(t, e, "refused")

	tun, _ = up(t, &sshtest.Server{NoForwarding: true})
	_, err = tun.DialContext(within(t), "tcp", "127.0.0.1:1")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Prohibited)
	_, err = tun.Listen(within(t), "tcp", "127.0.0.1:0")
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Listen)
}

func TestTheHostIsPassedAsItIs(t *testing.T) {
	address := serving(t, echo)
	var mu sync.Mutex
	var asked []string
	tun, _ := up(t, &sshtest.Server{Resolve: func(a string) string {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, a)
		return address
	}})
	for _, a := range []string{"LocalHost:21", "[::1]:21"} {
		exchange(t, mustDial(t, tun, a))
	}
	assert.Equal(t, []string{"LocalHost:21", "[::1]:21"}, asked)
}

func TestADialThatIsGivenUpLeavesNothingOpen(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{}, 1)
	address := serving(t, func(c *net.TCPConn) {
		io.Copy(io.Discard, c)
		ended <- struct{}{}
	})
	tun, _ := up(t, &sshtest.Server{HoldDial: release})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := tun.DialContext(ctx, "tcp", address)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
	soon(t, func() bool { <-ended; return true })
}
