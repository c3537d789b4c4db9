package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// connectAtMost bounds reaching one hop where ConnectTimeout is not set.
const connectAtMost = 30 * time.Second

// connect reaches the destination hop by hop: connection, key exchange, host
// key, authentication.
func (t *Tunnel) connect(ctx context.Context) (*link, error) {
	l := newLink()
	for _, h := range t.cfg.Hops {
		if err := t.reach(ctx, l, h); err != nil {
			l.close(ErrClosed)
			return nil, err
		}
	}
	l.watch()
	return l, nil
}

// reach adds the connection to h to l.
func (t *Tunnel) reach(ctx context.Context, l *link, h Hop) error {
	limit := h.ConnectTimeout
	if limit == 0 {
		limit = connectAtMost
	}
	below, err := t.dialHop(ctx, l, h, limit)
	if err != nil {
		return &HopError{Hop: h, Op: "dial", Err: err}
	}
	tr := newTransport(below)
	at := &attempt{tunnel: t, hop: h, transport: tr}
	if err := at.handshake(ctx, l, limit); err != nil {
		_ = below.Close()
		return at.explain(ctx, err)
	}
	return nil
}

// dialHop connects to h: the first hop over the network, the others through the
// one before.
func (t *Tunnel) dialHop(ctx context.Context, l *link, h Hop, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if len(l.conns) > 0 {
		return l.dial(ctx, l.last(), h.Addr())
	}
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[h.AddressFamily]
	if network == "" {
		network = "tcp"
	}
	if t.cfg.Dial != nil {
		return t.cfg.Dial(ctx, network, h.Addr())
	}
	var d net.Dialer
	if h.BindAddress != "" {
		local, err := net.ResolveTCPAddr(network, net.JoinHostPort(h.BindAddress, "0"))
		if err != nil {
			return nil, fmt.Errorf("BindAddress: %w", err)
		}
		d.LocalAddr = local
	}
	return d.DialContext(ctx, network, h.Addr())
}

// An attempt is the SSH handshake with one hop. Why it failed is kept here,
// since package ssh passes some reasons on as text only.
type attempt struct {
	tunnel    *Tunnel
	hop       Hop
	transport *transport
	bound     *bound

	key        []byte // the host key, once it has been judged
	unverified bool   // it is not to be trusted, but the policy is to go on
	keyErr     error
	authErr    error
}

func (a *attempt) handshake(ctx context.Context, l *link, limit time.Duration) error {
	a.bound = newBound(limit, func() {
		_ = a.transport.fail(fmt.Errorf("no answer within %v: %w", limit, os.ErrDeadlineExceeded))
		_ = a.transport.Conn.Close()
	})
	defer a.bound.stop()
	stop := context.AfterFunc(ctx, func() {
		_ = a.transport.fail(ctx.Err())
		_ = a.transport.Conn.Close()
	})
	defer stop()

	verify, algorithms, err := a.tunnel.cfg.HostKeys(a.hop)
	if err != nil {
		a.keyErr = err
		return err
	}
	if len(algorithms) == 0 {
		algorithms = hostKeyAlgorithms
	}
	auth := newAuthenticator(ctx, a)
	defer auth.close()
	config := &ssh.ClientConfig{
		User:              a.hop.User,
		HostKeyCallback:   a.judge(verify),
		HostKeyAlgorithms: algorithms,
		AuthCallback:      auth.next,
		BannerCallback: func(text string) error {
			a.tunnel.tell(Event{Kind: Banner, Hop: a.hop, Text: text})
			return nil
		},
	}
	c, channels, requests, err := ssh.NewClientConn(a.transport, a.hop.Addr(), config)
	if err != nil {
		return err
	}
	if !stop() { // ctx was done, and has closed the connection
		_ = c.Close()
		return ctx.Err()
	}
	l.add(a.transport, c, channels, requests)
	return nil
}

// judge wraps verify: it is asked once for a connection. Later key exchanges
// must bring the same key, and never ask or read a file again (RFC 4253, 9).
func (a *attempt) judge(verify ssh.HostKeyCallback) ssh.HostKeyCallback {
	return func(name string, remote net.Addr, key ssh.PublicKey) error {
		if a.key != nil {
			if !bytes.Equal(a.key, key.Marshal()) {
				return errors.New("the host key changed at a rekey")
			}
			return nil
		}
		a.bound.pause()
		defer a.bound.resume()
		err := verify(name, remote, key)
		if errors.Is(err, ErrUnverified) {
			a.unverified, err = true, nil
		}
		if a.keyErr = err; err != nil {
			return err
		}
		a.key = key.Marshal()
		return nil
	}
}

// explain says which stage failed.
func (a *attempt) explain(ctx context.Context, err error) error {
	e := &HopError{Hop: a.hop, Op: "handshake", Err: err}
	said := a.transport.said()
	switch {
	case a.keyErr != nil:
		e.Op, e.Err = "verify host key", a.keyErr
	case a.authErr != nil:
		e.Op, e.Err = "authenticate", a.authErr
	case ctx.Err() != nil:
		e.Err = ctx.Err()
	case len(said) > 0 && !bytes.Contains(said, []byte("SSH-")):
		e.Err = fmt.Errorf("%s answered %q instead of an SSH banner", a.hop.Addr(), firstLine(said))
	case a.transport.failure() != nil:
		e.Err = fmt.Errorf("connection to %s: %w", a.hop.Addr(), a.transport.failure())
	}
	return e
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimRight(line, "\r")
}

// hostKeyAlgorithms is OpenSSH's order without certificates. Package ssh would
// put ED25519, which ssh writes to known_hosts first, last.
var hostKeyAlgorithms = []string{
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// permanent reports whether err is one that only a person can mend. Trying
// again could lock an account.
func permanent(err error) bool {
	var hop *HopError
	if !errors.As(err, &hop) {
		return false
	}
	var negotiation *ssh.AlgorithmNegotiationError
	return hop.Op == "verify host key" || hop.Op == "authenticate" || errors.As(err, &negotiation)
}

// A bound is a time limit that stands still while a person is asked.
type bound struct {
	mu     sync.Mutex
	timer  *time.Timer
	expire func()
	left   time.Duration
	since  time.Time
	paused int
	ended  bool
}

// newBound starts a bound that calls expire after limit.
func newBound(limit time.Duration, expire func()) *bound {
	b := &bound{left: limit, since: time.Now(), expire: expire}
	b.timer = time.AfterFunc(limit, expire)
	return b
}

func (b *bound) pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paused++; b.paused == 1 && b.timer.Stop() {
		b.left -= time.Since(b.since)
	}
}

func (b *bound) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paused--; b.paused == 0 && !b.ended {
		b.since = time.Now()
		b.timer.Reset(max(b.left, 0))
	}
}

func (b *bound) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.timer.Stop()
}
