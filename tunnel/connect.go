package tunnel

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	defaultConnectTimeout = 30 * time.Second

	defaultInterval = 15 * time.Second // ServerAliveInterval
	defaultCount    = 3                // ServerAliveCountMax
)

// connect makes one attempt to connect to all hops.
func (t *Tunnel) connect(ctx context.Context) (*link, error) {
	t.observe(Event{Kind: Connecting})
	var l *link
	for _, h := range t.cfg.Hops {
		next, err := t.connectHop(ctx, h, l)
		if err != nil {
			if l != nil {
				l.close(err)
			}
			return nil, err
		}
		l = next
	}
	h := l.hop
	l.start(func() {
		l.keepAlive(cmp.Or(h.ServerAliveInterval, defaultInterval), cmp.Or(h.ServerAliveCountMax, defaultCount))
	})
	t.set(l, nil, nil)
	t.observe(Event{Kind: Up, Text: l.String()})
	return l, nil
}

// connectHop connects to h, through the link via unless that is nil.
func (t *Tunnel) connectHop(ctx context.Context, h Hop, via *link) (*link, error) {
	verify, algorithms, err := t.cfg.HostKeys(h)
	if err != nil {
		return nil, &HopError{Hop: h, Op: OpVerify, Err: err}
	}
	timeout := cmp.Or(h.ConnectTimeout, defaultConnectTimeout)
	conn, err := t.dialHop(ctx, h, via, timeout)
	if err != nil {
		return nil, &HopError{Hop: h, Op: OpDial, Err: err}
	}

	s := newHandshake(ctx, t, h, conn, timeout)
	s.verify = verify
	defer s.timeout.stop()
	defer s.auth.close()
	release := context.AfterFunc(ctx, func() { s.transport.fail(context.Cause(ctx)) })
	defer release()

	sshConn, chans, requests, err := ssh.NewClientConn(s.transport, h.Addr(), s.clientConfig(algorithms))
	if err != nil {
		s.transport.wait()
		return nil, s.failure(err)
	}
	l := newLink(h, via, s.transport, sshConn, chans, requests)
	if n := len(s.auth.tried); n > 0 {
		l.credential = s.auth.tried[n-1]
	}
	if !release() {
		// The context is done, so the transport has failed or is about to.
		l.close(context.Cause(ctx))
		return nil, &HopError{Hop: h, Op: OpAuthenticate, Err: context.Cause(ctx)}
	}
	return l, nil
}

// dialHop makes the connection that carries the SSH connection to h.
func (t *Tunnel) dialHop(ctx context.Context, h Hop, via *link, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, timeoutError(timeout))
	defer cancel()
	if via != nil {
		conn, err := via.dial(ctx, h.Addr())
		if rejected, ok := errors.AsType[*OpenError](err); ok {
			rejected.Jump = via.hop.String()
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	if h.ProxyCommand != "" {
		conn, err := startProxyCommand(h.ProxyCommand, t.cfg.Stderr)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	network := "tcp"
	switch h.AddressFamily {
	case "inet":
		network = "tcp4"
	case "inet6":
		network = "tcp6"
	}
	dial := t.cfg.Dial
	if dial == nil {
		dial = h.dial
	}
	return dial(ctx, network, h.Addr())
}
