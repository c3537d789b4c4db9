package tunnel

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const defaultConnectTimeout = 30 * time.Second

// connect makes one attempt to connect to all hops.
func (t *Tunnel) connect(ctx context.Context) (*link, error) {
	t.observe(Event{Kind: Connecting})
	var l *link
	for i, h := range t.cfg.Hops {
		next, err := t.connectHop(ctx, h, t.peers[i], l)
		if err != nil {
			t.closeLink(l, err)
			return nil, err
		}
		l = next
	}
	l.startKeepalives()
	t.set(l, nil, nil)
	t.observe(Event{Kind: Up, Text: l.String()})
	return l, nil
}

// closeLink closes l, which may be nil, and those that carry it, and reports what
// their ends have shown.
func (t *Tunnel) closeLink(l *link, cause error) {
	if l != nil {
		l.close(cause)
	}
	for ; l != nil; l = l.via {
		if l.lesson != nil {
			t.observe(Event{Kind: Warning, Hop: l.hop, Warning: RequestWarning, Err: l.lesson})
		}
	}
}

// connectHop connects to h, whose server is p, through the link via unless that is
// nil.
func (t *Tunnel) connectHop(ctx context.Context, h Hop, p *peer, via *link) (*link, error) {
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
	l := newLink(h, p, via, s.transport, sshConn, chans, requests)
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
		conn, err := startProxyCommand(h.ProxyCommand, func(line string) {
			t.observe(Event{Kind: Output, Hop: h, Text: line})
		})
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
