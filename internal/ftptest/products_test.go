package ftptest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbers reads the six numbers of a 227, wherever they stand.
func numbers(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	digits := strings.FieldsFunc(text, func(r rune) bool { return r != ',' && (r < '0' || r > '9') })
	for _, d := range digits {
		if at, err := parsePort(d); err == nil {
			return at
		}
	}
	require.Fail(t, "no six numbers", text)
	return netip.AddrPort{}
}

// open prepares a data connection with PASV, or PORT where that is refused,
// sends a transfer command, and returns the connection once it was announced.
func open(t *testing.T, c *textproto.Conn, d Dialect, command string) net.Conn {
	t.Helper()
	var connected func() (net.Conn, error)
	if _, refused := d.Refuses["PASV"]; refused {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		at := addressOf(l.Addr())
		say(t, c, 200, fmt.Sprintf("PORT 127,0,0,1,%d,%d", at.Port()>>8, at.Port()&0xff))
		connected = l.Accept
	} else {
		at := numbers(t, say(t, c, 227, "PASV"))
		if d.Named.IsValid() {
			require.Equal(t, d.Named, at.Addr())
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", at.Port()))
		require.NoError(t, err)
		connected = func() (net.Conn, error) { return conn, nil }
	}
	require.NoError(t, c.PrintfLine("%s", command))
	conn, err := connected()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	expect(t, c, 1)
	return conn
}

func TestEveryProductMovesFiles(t *testing.T) {
	for _, p := range Products {
		t.Run(p.Name, func(t *testing.T) {
			require.NotEmpty(t, p.Source)
			if strings.HasPrefix(p.Name, "misleading") {
				p.Dialect.Greeting, p.Dialect.Welcome = nil, nil // they mislead this client too
			}
			c := connect(t, &Server{Dialect: p.Dialect})
			up := open(t, c, p.Dialect, "STOR file")
			_, err := io.WriteString(up, "data")
			require.NoError(t, err)
			require.NoError(t, up.Close())
			expect(t, c, 2)
			for command, want := range map[string]string{"RETR file": "data", "NLST": "file\r\n"} {
				down := open(t, c, p.Dialect, command)
				got, err := io.ReadAll(down)
				require.NoError(t, err)
				assert.Equal(t, want, string(got))
				expect(t, c, 2)
			}
			for verb, reply := range p.Dialect.Refuses {
				require.NoError(t, c.PrintfLine("%s", verb))
				line, err := c.ReadLine()
				require.NoError(t, err)
				assert.Equal(t, reply, line)
			}
		})
	}
}

func TestBlockModeCarriesSeveralFilesOnOneConnection(t *testing.T) {
	server := &Server{Dialect: Dialect{Block: true}}
	c := connect(t, server)
	say(t, c, 200, "MODE B")
	data := passive(t, c)
	for _, content := range []string{"first", "the second", ""} {
		say(t, c, 150, "STOR "+content+".txt")
		b := &blockConn{Conn: data}
		_, err := io.WriteString(b, content)
		require.NoError(t, err)
		require.NoError(t, b.end())
		expect(t, c, 226)
	}
	say(t, c, 150, "RETR the second.txt")
	got, err := io.ReadAll(&blockConn{Conn: data})
	require.NoError(t, err)
	assert.Equal(t, "the second", string(got))
	expect(t, c, 226)

	say(t, c, 150, "STOR broken")
	_, err = io.WriteString(&blockConn{Conn: data}, "half")
	require.NoError(t, err)
	require.NoError(t, data.Close()) // without the last block
	expect(t, c, 426)
	assert.Len(t, names(t, server.Root), 3)
}
