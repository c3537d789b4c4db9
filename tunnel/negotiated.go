package tunnel

import "golang.org/x/crypto/ssh"

// A Negotiation is what was negotiated with one hop.
type Negotiation struct {
	Hop           Hop
	ServerVersion string // the identification string, as in SSH-2.0-OpenSSH_9.9
	KeyExchange   string // the name of the algorithm, as HostKey and Cipher (RFC 4253, section 6)
	HostKey       string
	Cipher        string // from client to server
	Credential    string // the last one used: a key by file name or agent comment, or a method; empty if the server required none
}

// Negotiated returns what was negotiated with each hop, in the order of
// [Config].Hops, or nil while the tunnel is not connected.
func (t *Tunnel) Negotiated() []Negotiation {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == nil {
		return nil
	}
	all := make([]Negotiation, len(t.cfg.Hops))
	l := t.link
	for i := len(all) - 1; i >= 0 && l != nil; i, l = i-1, l.via {
		all[i] = Negotiation{Hop: l.hop, ServerVersion: string(l.conn.ServerVersion()), Credential: l.credential}
		if c, ok := l.conn.(ssh.AlgorithmsConnMetadata); ok {
			a := c.Algorithms()
			all[i].KeyExchange, all[i].HostKey, all[i].Cipher = a.KeyExchange, a.HostKey, a.Write.Cipher
		}
	}
	return all
}
