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
	conn, err := greeting.Begin(ctx, t, server)
	if err != nil {
		return nil, err // not a nil *greeting.Conn
	}
	return conn, nil
}

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
func (c *controlConn) CloseWrite() error {
	return c.Conn.(interface{ CloseWrite() error }).CloseWrite()
}
