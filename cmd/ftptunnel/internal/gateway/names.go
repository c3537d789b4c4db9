package gateway

import "net"

// Names returns the names and addresses that the gateways are known by: as the
// user named them, as the ssh configuration does, and the addresses to which
// there is a connection.
func (g *Group) Names() (names []string) {
	for _, m := range g.members {
		names = append(names, m.names()...)
	}
	return names
}

func (g *gateway) names() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.hops); n > 0 {
		names = append(names, g.hops[n-1].Alias, g.hops[n-1].HostName)
	}
	if g.conn == nil {
		return names
	}
	if at, ok := g.conn.RemoteAddr().(*net.TCPAddr); ok && at.IP != nil {
		names = append(names, at.IP.String())
	}
	return names
}
