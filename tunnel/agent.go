package tunnel

import (
	"context"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentTimeout bounds the listing of an agent's keys.
const agentTimeout = 10 * time.Second

// An agentConn is a connection to an ssh-agent.
type agentConn struct {
	io.Closer
	release func() bool
	keys    []*identity
}

func (c *agentConn) Close() error {
	c.release()
	return c.Closer.Close()
}

// openAgent connects to the agent at socket and lists its keys. The connection
// is closed when ctx is done, or by Close.
func openAgent(ctx context.Context, socket string, l *limit) (*agentConn, error) {
	conn, err := dialAgent(socket)
	if err != nil {
		return nil, err
	}
	c := &agentConn{Closer: conn, release: context.AfterFunc(ctx, func() { conn.Close() })}
	// It has no deadline everywhere, so the limit is kept by closing.
	late := time.AfterFunc(agentTimeout, func() { conn.Close() })
	defer late.Stop()
	client := agent.NewClient(conn)
	listed, err := client.List()
	if err != nil {
		c.Close()
		return nil, err
	}
	signers, err := client.Signers()
	if err != nil {
		c.Close()
		return nil, err
	}
	comments := make(map[string]string)
	for _, k := range listed {
		comments[string(k.Blob)] = k.Comment
	}
	for _, s := range signers {
		id := &identity{name: "agent key " + comments[string(s.PublicKey().Marshal())], public: s.PublicKey()}
		if as, ok := s.(ssh.AlgorithmSigner); ok {
			s = &agentKey{as, l}
		}
		id.signer = s
		c.keys = append(c.keys, id)
	}
	return c, nil
}
