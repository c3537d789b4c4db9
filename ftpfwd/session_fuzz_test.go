package ftpfwd

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The commands and replies of a fuzzed session.
var (
	fuzzCommands = []string{
		"PASV", "EPSV", "EPSV 2", "EPSV ALL", "PORT 127,0,0,1,200,1", "PORT 6,6,6,6,200,1", "PORT x", "EPRT |1|127.0.0.1|51201|", "EPRT |2|::1|51201|",
		"RETR x", "STOR x", "LIST", "REST 7", "ABOR", "NOOP", "STAT", "FEAT", "AUTH TLS", "MODE B", "MODE Z", "MODE S", "REIN", "LPSV", "USER x", "QUIT", "",
	}
	fuzzReplies = []string{
		"227 ok (127,0,0,1,20,1)", "227 ok (6,6,6,6,20,2)", "229 ok (|||5121|)", "229 ok (|||0|)", "227-ok (127,0,0,1,20,1)\r\n227 ok (127,0,0,1,20,1)",
		"200 ok", "150 here", "125 now", "226 done", "250 ok", "425 no", "426 broke", "500 what", "502 no", "522 family", "530 login", "550 none", "421 bye",
		"350 continue", "211-features\r\n AUTH TLS\r\n211 end", "213-\r\n227 (6,6,6,6,1,1)\r\n213 end", "220 hi", "553-x\r\n150 y", "no code",
	}
)

// FuzzSession lets a client and a server do anything, one action for each byte.
// Whatever they do, the session ends once both have closed, everything is closed,
// and the server is sent no address but the forwarder's.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"", "\x01\x42\x80\x81\x09\x46\xa0\xc0\x48", "\x04\x45\x0a\x46\x82\xa0\xa4\x48", "\x09\x4d\x40\x46\xa0\xa8\xc4\x48\x17",
		"\x12\x45\x01\x42\x80\x81\x09\x46\xa0\xa1\x48\x09\x46\xa0\x48", "\x01\x4c\x40\x80\x81\x09\x4c\x0d\xa6\x48", "\x04\x4c\x4c\x4c\x42\x09\x46\x4a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, actions []byte) {
		if len(actions) > 200 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.connect()
			s := &fuzzSession{rig: r}
			s.listen()
			for _, a := range actions {
				s.do(a)
				synctest.Wait()
			}
			s.end()
		})
	})
}

// A fuzzSession is a session and the data connections of its client and server.
type fuzzSession struct {
	*rig
	toClient, toServer       string     // all that was sent to them
	clientConns, serverConns []net.Conn // their data connections
}

// listen accepts data connections at every address that the commands and replies
// name, and reads both control connections.
func (s *fuzzSession) listen() {
	for _, address := range []string{"127.0.0.1:5121", "127.0.0.1:5122"} {
		l, err := s.far.Listen(s.t.Context(), "tcp", address)
		require.NoError(s.t, err)
		s.listeners = append(s.listeners, l)
		go s.acceptAll(l, &s.serverConns)
	}
	for _, address := range []string{"127.0.0.1:51201", "[::1]:51201"} {
		l, err := s.near.Listen(s.t.Context(), "tcp", address)
		require.NoError(s.t, err)
		s.listeners = append(s.listeners, l)
		go s.acceptAll(l, &s.clientConns)
	}
	go collectLines(s.client, &s.toClient)
	go collectLines(s.server, &s.toServer)
}

// acceptAll collects the connections to l.
func (s *fuzzSession) acceptAll(l net.Listener, into *[]net.Conn) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		*into = append(*into, c)
		s.mu.Unlock()
	}
}

// collectLines reads all that p receives.
func collectLines(p *peer, into *string) {
	for {
		line, err := p.reader.ReadString('\n')
		*into += line
		if err != nil {
			return
		}
	}
}

// do does the action of a byte: the client or the server sends a line, or does
// something with its data connections.
func (s *fuzzSession) do(a byte) {
	switch n := int(a & 0x3f); {
	case a < 0x40:
		_, _ = s.client.conn.Write([]byte(fuzzCommands[n%len(fuzzCommands)] + "\r\n"))
	case a < 0x80:
		_, _ = s.server.conn.Write([]byte(fuzzReplies[n%len(fuzzReplies)] + "\r\n"))
	case a < 0xa0:
		s.dial(n%2 == 0)
	case a < 0xc0:
		s.writeData(n)
	case a < 0xe0:
		s.closeData(n)
	default:
		advance(time.Duration(1+n) * 500 * time.Millisecond)
	}
}

// dial connects to the last address that the client or the server has received.
func (s *fuzzSession) dial(client bool) {
	network, text, into, verbs := s.near, s.toClient, &s.clientConns, []string{"227", "229"}
	if !client {
		network, text, into, verbs = s.far, s.toServer, &s.serverConns, []string{"PORT ", "EPRT "}
	}
	lines := strings.Split(text, "\r\n")
	for _, l := range slices.Backward(lines) {
		if !strings.HasPrefix(l, verbs[0]) && !strings.HasPrefix(l, verbs[1]) {
			continue
		}
		address := ""
		if at, err := parseExtended(strings.TrimPrefix(l, "EPRT ")); err == nil {
			address = at.String()
		} else if a, ok := findAnnouncement(227, l); ok {
			address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.addr.Port()).String()
		}
		if c, err := network.DialContext(s.t.Context(), "tcp", address); err == nil {
			*into = append(*into, c)
		}
		return
	}
}

// conn returns the newest data connection of the client or the server, or nil.
func (s *fuzzSession) conn(n int) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := s.clientConns
	if n%2 == 1 {
		conns = s.serverConns
	}
	if len(conns) == 0 {
		return nil
	}
	return conns[len(conns)-1]
}

func (s *fuzzSession) writeData(n int) {
	if c := s.conn(n); c != nil {
		go func() { _, _ = c.Write([]byte(blockData("data", n%4 > 1))) }()
	}
}

func (s *fuzzSession) closeData(n int) {
	c := s.conn(n)
	switch {
	case c == nil:
	case n%4 > 1:
		reset(c)
	default:
		_ = closeWrite(c)
	}
}

// end closes both control connections, and checks that the session ends.
func (s *fuzzSession) end() {
	_ = s.client.conn.Close()
	_ = s.server.conn.Close()
	advance(lingerAtMost + dataAtMost + s.forwarder.dialTimeout())
	for _, c := range slices.Concat(s.clientConns, s.serverConns) {
		_ = c.Close()
	}
	assert.Len(s.t, s.rig.events(SessionClosed), 1)
	for _, l := range strings.Split(s.toServer, "\r\n") {
		if strings.HasPrefix(l, "PORT") {
			at, err := parseHostPort(l[4:])
			assert.NoError(s.t, err, l)
			assert.True(s.t, at.Addr().IsLoopback(), l)
		}
	}
	s.rig.close()
}
