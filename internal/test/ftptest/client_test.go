package ftptest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/memnet"
)

// A client is an FTP client in a network in memory. It accepts replies as RFC 959
// describes them, and what can be understood otherwise.
type client struct {
	network *memnet.Network
	control net.Conn
	text    *textproto.Conn
}

// newClient serves s at address and connects a client to it.
func newClient(t *testing.T, s *Server, address string) *client {
	t.Helper()
	network := &memnet.Network{}
	s.Network = network
	conn, err := network.DialContext(t.Context(), "tcp", Start(t, s, address))
	require.NoError(t, err)
	c := &client{network, conn, textproto.NewConn(conn)}
	// There are no deadlines in this network.
	late := time.AfterFunc(20*time.Second, func() { network.Fail(os.ErrDeadlineExceeded) })
	t.Cleanup(func() {
		late.Stop()
		_ = c.text.Close()
	})
	c.reply(t, "2")
	return c
}

// logIn logs c in.
func (c *client) logIn(t *testing.T) {
	t.Helper()
	if reply := c.ask(t, "USER someone"); strings.HasPrefix(reply, "3") {
		reply = c.ask(t, "PASS secret")
		require.Equal(t, "230", reply[:3], reply)
	}
}

// reply reads a reply, joins its lines with line feeds, and requires that it begins
// with code. A reply of several lines ends at a line with its code and a blank; one
// that begins with a refusal also ends at a success.
func (c *client) reply(t *testing.T, code string) string {
	t.Helper()
	first, err := c.text.ReadLine()
	require.NoError(t, err)
	lines := []string{first}
	if len(first) > 3 && first[3] == '-' {
		for {
			line, err := c.text.ReadLine()
			require.NoError(t, err)
			lines = append(lines, line)
			if strings.HasPrefix(line, first[:3]+" ") || first[0] == '5' && strings.HasPrefix(line, "150 ") {
				break
			}
		}
	}
	last := lines[len(lines)-1]
	require.True(t, strings.HasPrefix(last, code), "%q", lines)
	return strings.Join(lines, "\n")
}

func (c *client) ask(t *testing.T, line string) string {
	t.Helper()
	require.NoError(t, c.text.PrintfLine("%s", line))
	return c.reply(t, "")
}

// methods are the commands that prepare data connections.
var methods = []string{"EPSV", "PASV", "EPRT", "PORT", "LPSV", "LPRT"}

// open prepares a data connection. It returns a function that opens it after the
// transfer command was sent, or nil if the server refuses.
func (c *client) open(t *testing.T, method string) func() net.Conn {
	t.Helper()
	own := addressOf(c.control.LocalAddr()).Addr()
	if strings.HasSuffix(method, "SV") {
		reply := c.ask(t, method)
		if reply[0] != '2' {
			return nil
		}
		address := netip.AddrPortFrom(addressOf(c.control.RemoteAddr()).Addr(), passivePort(t, reply))
		conn, err := c.network.DialContext(t.Context(), "tcp", address.String())
		require.NoError(t, err, reply)
		return func() net.Conn { return conn }
	}
	l, err := c.network.Listen(t.Context(), "tcp", netip.AddrPortFrom(own, 0).String())
	require.NoError(t, err)
	at := addressOf(l.Addr())
	argument := map[string]string{"PORT": tuple(at), "LPRT": long(at), "EPRT": fmt.Sprintf("|1|%v|%d|", own, at.Port())}[method]
	if own.Is6() {
		argument = strings.Replace(argument, "|1|", "|2|", 1)
	}
	if c.ask(t, method+" "+argument)[0] != '2' {
		_ = l.Close()
		return nil
	}
	return func() net.Conn {
		defer l.Close()
		conn, err := l.Accept()
		require.NoError(t, err)
		return conn
	}
}

// passivePort returns the port in the reply to a passive command: the last two
// numbers of a list, or the last number.
func passivePort(t *testing.T, reply string) uint16 {
	t.Helper()
	reply = strings.TrimRight(reply, ").|! ")
	n := strings.FieldsFunc(reply, func(r rune) bool { return r < '0' || r > '9' })
	last, err := strconv.ParseUint(n[len(n)-1], 10, 16)
	require.NoError(t, err)
	if !strings.Contains(reply, ",") {
		return uint16(last)
	}
	high, err := strconv.ParseUint(n[len(n)-2], 10, 8)
	require.NoError(t, err)
	return uint16(high<<8 | last)
}

// get sends a command for a download and returns the data.
func (c *client) get(t *testing.T, method, line string) string {
	t.Helper()
	open := c.open(t, method)
	require.NotNil(t, open)
	require.NoError(t, c.text.PrintfLine("%s", line))
	conn := open()
	c.reply(t, "1")
	b, err := io.ReadAll(conn)
	require.NoError(t, err)
	_ = conn.Close()
	c.reply(t, "2")
	return string(b)
}

// put sends a command for an upload, with content.
func (c *client) put(t *testing.T, method, line, content string) {
	t.Helper()
	open := c.open(t, method)
	require.NotNil(t, open)
	require.NoError(t, c.text.PrintfLine("%s", line))
	conn := open()
	c.reply(t, "1")
	_, err := io.WriteString(conn, content)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	c.reply(t, "2")
}

func TestEveryProductListsAndMovesFiles(t *testing.T) {
	for _, p := range Products {
		t.Run(p.Name, func(t *testing.T) {
			address := "127.0.0.1:21"
			if p.IPv6 {
				address = "[::1]:21"
			}
			c := newClient(t, &Server{Dialect: p.Dialect}, address)
			c.logIn(t)
			usable := 0
			for _, method := range methods {
				if open := c.open(t, method); open == nil {
					continue
				}
				usable++
				name := "caf\u00e9 by " + method
				c.put(t, method, "STOR "+name, "content")
				assert.Equal(t, "content", c.get(t, method, "RETR "+name))
				assert.Contains(t, c.get(t, method, "LIST"), " "+name+"\r\n")
			}
			assert.Positive(t, usable)
		})
	}
}

func TestServersThatRequireTLSRefuseEveryClient(t *testing.T) {
	for _, p := range TLSOnly {
		t.Run(p.Name, func(t *testing.T) {
			c := newClient(t, &Server{Dialect: p.Dialect}, "127.0.0.1:21")
			_ = c.ask(t, "USER someone")
			_ = c.ask(t, "PASS secret")
			_ = c.ask(t, "PASV")
			assert.Regexp(t, "^5", c.ask(t, "LIST"))
		})
	}
}

func TestProductsHaveNamesAndSources(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range append(append([]Product(nil), Products...), TLSOnly...) {
		assert.NotEmpty(t, p.Name)
		assert.NotEmpty(t, p.Source, p.Name)
		assert.False(t, seen[p.Name], p.Name)
		seen[p.Name] = true
	}
}

// loopback is this host's network, in which every chosen local port is taken.
type loopback struct {
	host
	asked chan netip.AddrPort
}

func (l *loopback) DialFrom(ctx context.Context, local netip.AddrPort, network, address string) (net.Conn, error) {
	l.asked <- local
	if local.Port() != 0 {
		return nil, fmt.Errorf("bind: %v is taken", local)
	}
	return l.host.DialFrom(ctx, local, network, address)
}
