package tunnel

import "golang.org/x/crypto/ssh"

// A Negotiation is what the SSH connection to one hop has agreed on.
type Negotiation struct {
	Hop           Hop
	ServerVersion string // as in SSH-2.0-OpenSSH_9.9
	KeyExchange   string // the algorithms, by their names in RFC 4253
	HostKey       string
	Cipher        string // of what is sent
	Credential    string // what let the user in last: a key by its file or comment, or a method; empty if nothing was asked for
}

// Negotiated returns what was agreed on with each hop, in the order of
// [Config].Hops, or nil while there is no connection.
func (t *Tunnel) Negotiated() []Negotiation {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == nil {
		return nil
	}
	all := make([]Negotiation, len(t.cfg.Hops))
	l := t.link
	for i := len(all) - 1; i >= 0 && l != nil; i, l = i-1, l.below {
		all[i] = Negotiation{Hop: l.hop, ServerVersion: string(l.conn.ServerVersion()), Credential: l.credential}
		if c, ok := l.conn.(ssh.AlgorithmsConnMetadata); ok {
			a := c.Algorithms()
			all[i].KeyExchange, all[i].HostKey, all[i].Cipher = a.KeyExchange, a.HostKey, a.Write.Cipher
		}
	}
	return all
}
