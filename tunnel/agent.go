package tunnel

import (
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentKeys are the keys of an agent, and the connection that signs with them.
type agentKeys struct {
	conn io.Closer // nil if there is no agent
	keys []*identity
}

// openAgent asks the agent at socket for its keys. It is asked anew for each
// connection: an agent comes and goes, and so do its keys. None is no error.
func (a *authenticator) openAgent(socket string) *agentKeys {
	keys := &agentKeys{}
	if socket == "" {
		return keys
	}
	conn, err := dialAgent(socket)
	if err != nil {
		a.warn(fmt.Errorf("agent: %w", err))
		return keys
	}
	keys.conn = conn
	client := agent.NewClient(conn)
	listed, err := client.List()
	if err != nil {
		a.warn(fmt.Errorf("agent: %w", err))
		return keys
	}
	signers, err := client.Signers()
	if err != nil {
		a.warn(fmt.Errorf("agent: %w", err))
		return keys
	}
	for i, s := range signers {
		name := "agent key " + ssh.FingerprintSHA256(s.PublicKey())
		if i < len(listed) && listed[i].Comment != "" {
			name = "agent key " + listed[i].Comment
		}
		keys.keys = append(keys.keys, &identity{name: name, public: s.PublicKey(), signer: s})
	}
	return keys
}

// close may be called on nil.
func (k *agentKeys) close() {
	if k != nil && k.conn != nil {
		_ = k.conn.Close()
	}
}
