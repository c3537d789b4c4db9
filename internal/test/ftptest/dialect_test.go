package ftptest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start connects a client to a server with dialect d and logs it in.
func start(t *testing.T, d Dialect) (*client, *Server) {
	t.Helper()
	s := &Server{Dialect: d}
	c := newClient(t, s, "127.0.0.1:2121")
	c.logIn(t)
	return c, s
}

func TestRepliesAreThoseOfDialect(t *testing.T) {
	c, _ := start(t, Dialect{
		Replies: map[string]string{
			"SYST 215": "215 Windows_NT",
			"200":      "250 {verb}/{name}/{user}/{dir}/{text}",
			"FEAT 211": "211-None\n211 End",
			"500":      "502-No {verb}\n and no more\n502 End",
		},
		Refused: map[string]string{"AUTH TLS": "431 Not now, {user}", "MKD": "550 Read-only"},
	})
	for command, want := range map[string]string{
		"SYST":     "215 Windows_NT",
		"noop":     "250 NOOP//someone///Nothing done",
		"type i":   "250 TYPE/i/someone///TYPE is I now",
		"FEAT":     "211-None\n211 End",
		"AUTH tls": "431 Not now, someone",
		"AUTH SSL": "502-No AUTH\n and no more\n502 End",
		"MKD d":    "550 Read-only",
	} {
		assert.Equal(t, want, c.ask(t, command))
	}
}

func TestMasqueradeIsOnlyInRepliesToPASVAndLPSV(t *testing.T) {
	c, _ := start(t, Dialect{Masquerade: netip.MustParseAddr("192.0.2.1")})
	assert.Contains(t, c.ask(t, "PASV"), "(192,0,2,1,")
	assert.Contains(t, c.ask(t, "LPSV"), "(4,4,192,0,2,1,2,")
	assert.Contains(t, c.ask(t, "EPSV"), "(|||")
}

func TestPlaceholdersOfPassiveRepliesAreReplaced(t *testing.T) {
	c, _ := start(t, Dialect{Replies: map[string]string{
		"PASV 227": "227 {h1}.{h2}.{h3}.{h4} {address} {p1} {p2} {port} {tuple}",
	}})
	var p1, p2, port, t1, t2 int
	_, err := fmt.Sscanf(c.ask(t, "PASV"), "227 127.0.0.1 127.0.0.1 %d %d %d 127,0,0,1,%d,%d", &p1, &p2, &port, &t1, &t2)
	require.NoError(t, err)
	assert.Equal(t, port, p1<<8|p2)
	assert.Equal(t, [2]int{p1, p2}, [2]int{t1, t2})
}

func TestIPv6ServersAnswerPASVAsDocumented(t *testing.T) {
	for name, want := range map[string]string{
		"ProFTPD over IPv6":   `\(1,\d+,\d+\)\.$`,
		"vsftpd over IPv6":    `\(0,0,0,0,\d+,\d+\)\.$`,
		"pyftpdlib over IPv6": `\(::1,\d+,\d+\)\.$`,
	} {
		for _, p := range Products {
			if p.Name == name {
				c := newClient(t, &Server{Dialect: p.Dialect}, "[::1]:21")
				c.logIn(t)
				assert.Regexp(t, want, c.ask(t, "PASV"))
				assert.Regexp(t, "^522 ", c.ask(t, "PORT 127,0,0,1,200,1"))
			}
		}
	}
}

func TestPASVIsRefusedOnlyOffPort21(t *testing.T) {
	d := Dialect{OffPort21: map[string]string{"PASV": "502 No"}}
	for address, want := range map[string]string{"127.0.0.1:21": "227", "127.0.0.1:2121": "502"} {
		c := newClient(t, &Server{Dialect: d}, address)
		c.logIn(t)
		assert.Equal(t, want, c.ask(t, "PASV")[:3])
		assert.Equal(t, "229", c.ask(t, "EPSV")[:3])
	}
}

func TestPromptServerSends125Or150AtOnce(t *testing.T) {
	c, _ := start(t, Dialect{Prompt: true})
	reply := c.ask(t, "EPSV")
	assert.Regexp(t, "^150 ", c.ask(t, "LIST"))
	address := fmt.Sprintf("127.0.0.1:%d", passivePort(t, reply))
	conn, err := c.network.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	c.reply(t, "226")

	reply = c.ask(t, "EPSV")
	address = fmt.Sprintf("127.0.0.1:%d", passivePort(t, reply))
	conn, err = c.network.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	// The listener is closed as soon as it has accepted.
	require.Eventually(t, func() bool {
		_, err := c.network.DialContext(t.Context(), "tcp", address)
		return err != nil
	}, 5*time.Second, time.Millisecond)
	assert.Regexp(t, "^125 ", c.ask(t, "LIST"))
	c.reply(t, "226")
}

func TestMissingPassiveConnectionGets425(t *testing.T) {
	for _, prompt := range []bool{false, true} {
		c, _ := start(t, Dialect{ConnectWithin: time.Millisecond, Prompt: prompt})
		_ = c.ask(t, "EPSV")
		reply := c.ask(t, "LIST")
		if prompt {
			assert.Regexp(t, "^150 ", reply)
			reply = c.reply(t, "")
		}
		assert.Regexp(t, "^425 ", reply)
		listeners, _ := c.network.Open()
		assert.Equal(t, 1, listeners)
	}
}

func TestEarlyConnectPrecedes200(t *testing.T) {
	c, _ := start(t, Dialect{EarlyConnect: true})
	l, err := c.network.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, c.text.PrintfLine("PORT %s", tuple(addressOf(l.Addr()))))
	conn, err := l.Accept() // before any further command
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c.reply(t, "200")
	assert.Regexp(t, "^150 ", c.ask(t, "NLST"))
	_, err = io.ReadAll(conn)
	require.NoError(t, err)
	c.reply(t, "226")
	assert.Regexp(t, "^425 ", c.ask(t, "PORT "+tuple(addressOf(l.Addr()))))
}

func TestPORTIsForOneTransferUnlessKept(t *testing.T) {
	for _, keep := range []bool{false, true} {
		c, _ := start(t, Dialect{KeepPort: keep})
		l, err := c.network.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		_ = c.ask(t, "PORT "+tuple(addressOf(l.Addr())))
		for i := range 3 {
			reply := c.ask(t, "NLST")
			if i > 0 && !keep {
				assert.Regexp(t, "^425 ", reply)
				continue
			}
			assert.Regexp(t, "^150 ", reply)
			conn, err := l.Accept()
			require.NoError(t, err)
			_, err = io.ReadAll(conn)
			require.NoError(t, err)
			c.reply(t, "226")
		}
	}
}

func TestDefaultPortIsControlPortOfClient(t *testing.T) {
	c, s := start(t, Dialect{DefaultPort: true})
	require.NoError(t, s.Root.WriteFile("file", []byte("content"), 0o600))
	l, err := c.network.Listen(t.Context(), "tcp", c.control.LocalAddr().String())
	require.NoError(t, err)
	for range 2 {
		assert.Regexp(t, "^150 ", c.ask(t, "RETR file"))
		conn, err := l.Accept()
		require.NoError(t, err)
		b, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Equal(t, "content", string(b))
		c.reply(t, "226")
	}
	require.NoError(t, l.Close())
	assert.Regexp(t, "^425 ", c.ask(t, "RETR file"))
}

func TestActiveConnectionComesFromPortBelowControlPortIfFree(t *testing.T) {
	network := &loopback{asked: make(chan netip.AddrPort, 2)}
	server := &Server{Network: network, Dialect: Dialect{DefaultPort: true}}
	c := connect(t, server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	say(t, c, 200, "PORT "+tuple(addressOf(l.Addr())))
	say(t, c, 150, "NLST")
	expect(t, c, 226)
	assert.NotZero(t, (<-network.asked).Port())
	assert.Zero(t, (<-network.asked).Port())
}

func TestBusyServerAnswersAtOnceDuringTransfers(t *testing.T) {
	c, _ := start(t, Dialect{Busy: "500 Unknown command"})
	conn := c.open(t, "EPSV")()
	assert.Regexp(t, "^150 ", c.ask(t, "STOR file"))
	assert.Equal(t, "500 Unknown command", c.ask(t, "NOOP"))
	assert.Regexp(t, "^211-", c.ask(t, "STAT"))
	require.NoError(t, conn.Close())
	c.reply(t, "226")
	assert.Regexp(t, "^200 ", c.ask(t, "NOOP"))
}

func TestSilentAbortHasOneReply(t *testing.T) {
	c, _ := start(t, Dialect{SilentAbort: true})
	_ = c.open(t, "EPSV")()
	assert.Regexp(t, "^150 ", c.ask(t, "STOR file"))
	assert.Regexp(t, "^226 ", c.ask(t, "ABOR"))
	assert.Regexp(t, "^200 ", c.ask(t, "NOOP"))
}

func TestNamesInSTATCanLookLikeRepliesOnlyIfBare(t *testing.T) {
	const name = "a\n227 Entering Passive Mode (6,6,6,6,1,1)\nb"
	for _, bare := range []bool{false, true} {
		c, s := start(t, Dialect{BareStatus: bare})
		if err := s.Root.WriteFile(name, nil, 0o600); err != nil {
			t.Skip("the file system does not allow such names")
		}
		reply := c.ask(t, "STAT .")
		assert.Regexp(t, "^213-", reply)
		assert.Equal(t, bare, strings.Contains(reply, "\n227 Entering Passive Mode (6,6,6,6,1,1)\n"), reply)
		assert.Contains(t, c.get(t, "PASV", "NLST"), name+"\r\n")
		assert.Regexp(t, "^550 ", c.ask(t, "STAT missing"))
	}
}

func TestDOSListsHaveFormatOfWindows(t *testing.T) {
	c, s := start(t, Dialect{DOSLists: true})
	require.NoError(t, s.Root.Mkdir("Users", 0o700))
	require.NoError(t, s.Root.WriteFile("welcome.png", make([]byte, 184946), 0o600))
	when := time.Date(2017, 3, 17, 17, 37, 0, 0, time.UTC)
	for _, name := range []string{"Users", "welcome.png"} {
		require.NoError(t, s.Root.Chtimes(name, when, when))
	}
	want := "03-17-17  05:37PM       <DIR>          Users\r\n03-17-17  05:37PM               184946 welcome.png\r\n"
	assert.Equal(t, want, c.get(t, "PASV", "LIST"))
}

func TestNamesAreBytes(t *testing.T) {
	c, s := start(t, Dialect{})
	name := "caf\xe9 \xff"
	if err := s.Root.WriteFile(name, nil, 0o600); err != nil {
		t.Skip("the file system does not allow such names")
	}
	c.put(t, "PASV", "STOR "+name, "content")
	assert.Equal(t, name+"\r\n", c.get(t, "PASV", "NLST"))
	assert.Regexp(t, "^213 7", c.ask(t, "SIZE "+name))
}
