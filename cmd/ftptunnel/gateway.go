package main

import (
	"context"
	"net"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/tunnel"
)

// A gateway is one SSH connection to the FTP servers, made when it is needed.
type gateway struct {
	name string // as the user named it
	hops []tunnel.Hop

	// What follows is guarded by the lock of the gateways that it is one of.
	tunnel   *tunnel.Tunnel // nil until needed
	opening  chan struct{}  // closed when an attempt to open it has ended; nil if there is none
	trouble  error          // why the last one failed
	failed   error          // what only a person can mend
	sessions int            // that go through it
	retired  bool           // another has taken its place
}

// dialPatiently connects to server, waiting for t to reconnect if need be.
func dialPatiently(ctx context.Context, t *tunnel.Tunnel, server string) (net.Conn, error) {
	return t.DialContext(ctx, "tcp", server)
}

// dialGreeted connects to server if t is up, and waits for its greeting: what comes first is kept for
// whoever reads the connection.
func dialGreeted(ctx context.Context, t *tunnel.Tunnel, server string) (net.Conn, error) {
	if err := t.Ready(ctx); err != nil {
		return nil, err
	}
	conn, err := t.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	first := make([]byte, 4096)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	n, err := conn.Read(first)
	if !stop() || n == 0 {
		_ = conn.Close()
		return nil, greeting.NewError(ctx, server, err)
	}
	return &greetedConn{Conn: conn, first: first[:n]}, nil
}

// A greetedConn is a connection of which the first bytes have been read.
type greetedConn struct {
	net.Conn
	first []byte
}

func (c *greetedConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite sends an end of file.
func (c *greetedConn) CloseWrite() error { return closeWrite(c.Conn) }

// A controlConn is a control connection that counts until it is closed.
type controlConn struct {
	net.Conn
	once    sync.Once
	release func()
}

// Close closes the connection.
func (c *controlConn) Close() error {
	defer c.once.Do(c.release)
	return c.Conn.Close()
}

// CloseWrite sends an end of file.
func (c *controlConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }
