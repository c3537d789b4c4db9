package gateway

import (
	"context"
	"net"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
)

// A dialFunc connects to an FTP server through a gateway.
type dialFunc func(ctx context.Context, t Tunnel, server string) (net.Conn, error)

// dial connects to server. If the SSH connection is lost, it waits for the next.
func dial(ctx context.Context, t Tunnel, server string) (net.Conn, error) {
	return t.DialContext(ctx, "tcp", server)
}

// dialGreeted connects to server and waits for its greeting, which Read returns
// first. It fails if the SSH connection is lost.
func dialGreeted(ctx context.Context, t Tunnel, server string) (net.Conn, error) {
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

// A greetedConn is a connection whose first bytes have been read.
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

// A controlConn is a control connection. Its session ends when it is closed.
type controlConn struct {
	net.Conn
	once  sync.Once
	ended func()
}

// Close closes the connection.
func (c *controlConn) Close() error {
	defer c.once.Do(c.ended)
	return c.Conn.Close()
}

// CloseWrite sends an end of file.
func (c *controlConn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error { return c.(interface{ CloseWrite() error }).CloseWrite() }
