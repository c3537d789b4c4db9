package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
		id.signer = preferSHA512(s)
		c.keys = append(c.keys, id)
	}
	return c, nil
}

// nextIdentity returns the next key to offer, with its signer, or nil.
func (a *authenticator) nextIdentity() *identity {
	if !a.collected {
		a.collected = true
		a.collect()
	}
	for a.upcoming < len(a.identities) {
		id := a.identities[a.upcoming]
		a.upcoming++
		if id.signer != nil {
			return id
		}
		// Only its passphrase tells which key it is.
		s, err := a.unlock(id)
		if a.aborted != nil {
			return nil
		}
		if err != nil {
			a.warnOnce(err)
			continue
		}
		id.signer = preferSHA512(s)
		return id
	}
	return nil
}

// collect lists the keys to offer as ssh does: those of the identity files
// that the agent has too, the agent's others, the remaining files.
func (a *authenticator) collect() {
	var held []*identity
	if a.hop.IdentityAgent != "" {
		var err error
		a.agent, err = openAgent(a.ctx, a.hop.IdentityAgent, a.limit)
		if err != nil {
			a.warnOnce(fmt.Errorf("ssh-agent at %s: %w", a.hop.IdentityAgent, err))
		} else {
			held = a.agent.keys
		}
	}
	var first, last []*identity
	used := make(map[*identity]bool)
	for _, path := range a.hop.IdentityFiles {
		id, err := readIdentity(path)
		if err != nil {
			if a.hop.IdentityFilesSet || !errors.Is(err, fs.ErrNotExist) {
				a.warnOnce(err)
			}
			continue
		}
		if k := sameKey(held, id); k != nil {
			if !used[k] {
				first = append(first, &identity{name: id.name, public: k.public, signer: k.signer})
			}
			used[k] = true
			continue
		}
		if err := a.prepare(id); err != nil {
			a.warnOnce(err)
			continue
		}
		last = append(last, id)
	}
	a.identities = first
	if !a.hop.IdentitiesOnly {
		for _, k := range held {
			if !used[k] {
				a.identities = append(a.identities, k)
			}
		}
	}
	a.identities = append(a.identities, last...)
}

// prepare gives id, which no agent has, its signer, unless only a passphrase
// tells which key it is.
func (a *authenticator) prepare(id *identity) error {
	switch {
	case id.signer != nil:
		id.signer = preferSHA512(id.signer)
	case id.locked == nil:
		return fmt.Errorf("identity file %s: the private key is not there, and the agent does not have it", id)
	case !a.mayAsk() && a.tunnel.keys.unlocked[string(id.locked)] == nil:
		_, err := a.unlock(id)
		return err
	case id.public != nil:
		id.signer = preferSHA512(&lockedKey{id.public, func() (ssh.Signer, error) { return a.unlock(id) }})
	}
	return nil
}

// warnOnce gives a warning, unless the tunnel gave it at an earlier connection.
func (a *authenticator) warnOnce(err error) {
	if warned := a.tunnel.keys.warned; !warned[err.Error()] {
		warned[err.Error()] = true
		a.warn(err)
	}
}

// sameKey returns the one of keys that is id's, or nil.
func sameKey(keys []*identity, id *identity) *identity {
	if id.public == nil {
		return nil
	}
	for _, k := range keys {
		if bytes.Equal(k.public.Marshal(), id.public.Marshal()) {
			return k
		}
	}
	return nil
}
