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

// What a client and a server may say in a fuzzed session.
var (
	fuzzCommands = []string{
		"PASV", "EPSV", "EPSV 2", "EPSV ALL", "PORT 127,0,0,1,200,1", "PORT 6,6,6,6,200,1", "PORT x", "EPRT |1|127.0.0.1|51201|", "EPRT |2|::1|51201|",
		"RETR x", "STOR x", "LIST", "REST 7", "ABOR", "NOOP", "STAT", "FEAT", "AUTH TLS", "MODE B", "MODE Z", "MODE S", "REIN", "LPSV", "USER x", "QUIT", "",
	}
	fuzzReplies = []string{
		"227 ok (127,0,0,1,20,1)", "227 ok (6,6,6,6,20,2)", "229 ok (|||5121|)", "229 ok (|||0|)", "227-ok (127,0,0,1,20,1)\r\n227 ok (127,0,0,1,20,1)",
		"200 ok", "150 here", "125 now", "226 done", "250 ok", "425 no", "426 broke", "500 what", "502 no", "522 family", "530 login", "550 none", "421 bye",
		"350 go on", "211-features\r\n AUTH TLS\r\n211 end", "213-\r\n227 (6,6,6,6,1,1)\r\n213 end", "220 hi", "553-x\r\n150 y", "no code",
	}
)

// FuzzSession lets a client and a server do anything to each other, byte for
// action. Whatever they do, the session ends when they have gone, everything is
// closed, and nobody is made to connect to a third.
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
			z := &fuzzed{rig: r}
			z.listen()
			for _, a := range actions {
				z.act(a)
				synctest.Wait()
			}
			z.end()
		})
	})
}

// A fuzzed session, and the data connections of its two ends.
type fuzzed struct {
	*rig
	heard              string     // by the client
	said               string     // to the server
	atClient, atServer []net.Conn // data connections
}

// listen waits for data connections wherever the two announce that they do.
func (z *fuzzed) listen() {
	for _, address := range []string{"127.0.0.1:5121", "127.0.0.1:5122"} {
		l, err := z.far.Listen(z.t.Context(), "tcp", address)
		require.NoError(z.t, err)
		z.opened = append(z.opened, l)
		go z.take(l, &z.atServer)
	}
	for _, address := range []string{"127.0.0.1:51201", "[::1]:51201"} {
		l, err := z.near.Listen(z.t.Context(), "tcp", address)
		require.NoError(z.t, err)
		z.opened = append(z.opened, l)
		go z.take(l, &z.atClient)
	}
	go listenTo(z.client, &z.heard)
	go listenTo(z.server, &z.said)
}

// take collects connections.
func (z *fuzzed) take(l net.Listener, into *[]net.Conn) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		z.mu.Lock()
		*into = append(*into, c)
		z.mu.Unlock()
	}
}

func listenTo(l *line, into *string) {
	for {
		s, err := l.in.ReadString('\n')
		*into += s
		if err != nil {
			return
		}
	}
}

// act does what a stands for: the client says something, the server does, or
// one of the two does something with its data connections.
func (z *fuzzed) act(a byte) {
	switch n := int(a & 0x3f); {
	case a < 0x40:
		_, _ = z.client.conn.Write([]byte(fuzzCommands[n%len(fuzzCommands)] + "\r\n"))
	case a < 0x80:
		_, _ = z.server.conn.Write([]byte(fuzzReplies[n%len(fuzzReplies)] + "\r\n"))
	case a < 0xa0:
		z.dial(n%2 == 0)
	case a < 0xc0:
		z.write(n)
	case a < 0xe0:
		z.close(n)
	default:
		pass(time.Duration(1+n) * 500 * time.Millisecond)
	}
}

// dial connects to where the other side was last heard to listen.
func (z *fuzzed) dial(client bool) {
	network, text, into, verbs := z.near, z.heard, &z.atClient, []string{"227", "229"}
	if !client {
		network, text, into, verbs = z.far, z.said, &z.atServer, []string{"PORT ", "EPRT "}
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
		if c, err := network.DialContext(z.t.Context(), "tcp", address); err == nil {
			*into = append(*into, c)
		}
		return
	}
}

func (z *fuzzed) conn(n int) net.Conn {
	z.mu.Lock()
	defer z.mu.Unlock()
	conns := z.atClient
	if n%2 == 1 {
		conns = z.atServer
	}
	if len(conns) == 0 {
		return nil
	}
	return conns[len(conns)-1]
}

func (z *fuzzed) write(n int) {
	if c := z.conn(n); c != nil {
		go func() { _, _ = c.Write([]byte(blocks("data", n%4 > 1))) }()
	}
}

func (z *fuzzed) close(n int) {
	c := z.conn(n)
	switch {
	case c == nil:
	case n%4 > 1:
		reset(c)
	default:
		_ = closeWrite(c)
	}
}

// end lets both sides go, and checks that the session does.
func (z *fuzzed) end() {
	_ = z.client.conn.Close()
	_ = z.server.conn.Close()
	pass(lingerAtMost + dataAtMost + z.forwarder.dialTimeout())
	for _, c := range slices.Concat(z.atClient, z.atServer) {
		_ = c.Close()
	}
	assert.Len(z.t, z.rig.told(SessionClosed), 1)
	for _, l := range strings.Split(z.said, "\r\n") {
		if strings.HasPrefix(l, "PORT") {
			at, err := parseHostPort(l[4:])
			assert.NoError(z.t, err, l)
			assert.True(z.t, at.Addr().IsLoopback(), l)
		}
	}
	z.rig.close()
}
