package tunnel

import (
	"context"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentTimeout bounds the time in which the agent lists its keys.
const agentTimeout = 10 * time.Second

// An agentConn is a connection to an ssh-agent, which signs as long as it is
// open.
type agentConn struct {
	io.Closer
	release func() bool // stops the context from closing the connection
	keys    []*identity
}

func (c *agentConn) Close() error {
	c.release()
	return c.Closer.Close()
}

// openAgent connects to the agent at socket and lists its keys. The caller must
// close the connection; it also closes when ctx is done, and if the agent has not
// listed its keys within limit.
func openAgent(ctx context.Context, socket string, limit time.Duration, timeout *handshakeTimeout) (*agentConn, error) {
	conn, err := dialAgent(socket)
	if err != nil {
		return nil, err
	}
	c := &agentConn{Closer: conn, release: context.AfterFunc(ctx, func() { conn.Close() })}
	// A named pipe of Windows has no deadlines.
	timer := time.AfterFunc(limit, func() { conn.Close() })
	defer timer.Stop()
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
			s = &agentKey{as, timeout}
		}
		id.signer = s
		c.keys = append(c.keys, id)
	}
	return c, nil
}

// An agentKey is a key that the agent has. The agent may ask the user to confirm
// a signature, or to touch a device: the timeout does not run meanwhile.
type agentKey struct {
	ssh.AlgorithmSigner
	timeout *handshakeTimeout
}

func (k *agentKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

func (k *agentKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	k.timeout.pause()
	defer k.timeout.restart()
	return k.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}
