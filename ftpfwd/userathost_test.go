package ftpfwd

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withLoginRouting is withRig with a forwarder whose clients name their FTP server
// when they log in. There is no server before that.
func withLoginRouting(t *testing.T, targets []string, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			r.forwarder.Server = ""
			for _, s := range targets {
				target, err := ParseTarget(s)
				require.NoError(t, err)
				r.forwarder.Targets.Allowed = append(r.forwarder.Targets.Allowed, target)
			}
			r.forwarder.Remote = oneHost{r.far}
		})
		r.client = r.connectClient()
		r.client.expect("220 Log in as user@ftp-host or user@ftp-host:port")
		test(r)
		if r.server == nil {
			r.server = r.client
		}
		r.close()
	})
}

// nameServer sends a USER that names a server, and the server's greeting.
func (r *rig) nameServer(user string, greeting ...string) {
	r.client.send(user)
	r.server = newPeer(r.t, "server", r.accept(r.controlListener))
	r.server.send(greeting...)
}

func TestLoginNamesItsServer(t *testing.T) {
	for login, user := range map[string]string{
		"USER bob@ftp.example.com:21":       "USER bob",
		"user bob@ftp.example.com":          "USER bob",
		"USER bob@corp.com@ftp.example.com": "USER bob@corp.com",
		"USER bob@10.1.2.3:21":              "USER bob",
		"USER bob@[2001:db8::1]:21":         "USER bob",
		"USER bob@2001:db8::1":              "",
		"USER bob@[2001:db8::1]":            "USER bob",
		"USER bob@127.0x1":                  "",
		"USER bob@0177.0x1:21":              "",
	} {
		withLoginRouting(t, nil, func(r *rig) {
			if user == "" {
				r.client.send(login)
				assert.Contains(r.t, r.client.receive(), "530 log in as user@ftp-host")
				return
			}
			r.nameServer(login, "120 in a minute", "220-Hello", " 227 (1,2,3,4,5,6)", "220 ready")
			r.server.expect(user)
			r.server.send("331 Password please")
			r.client.expect("331 Password please")
			r.exchange("PASS secret", "230 in")
			client, server := r.passive()
			r.startTransfer("RETR x")
			r.finishDownload(server, client)
			r.client.send(login, "USER alice") // a second login
			r.server.expect(parseCommand([]byte(login)).verb + user[4:])
		})
	}
}

func TestCommandsBeforeLoginAreAnsweredByForwarder(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.client.send("AUTH TLS", "SYST", "USER bob", "NOOP", "USER @ftp.example.com", "USER bob@", "QUIT")
		assert.Contains(r.t, r.client.receive(), "534 AUTH refused")
		assert.Contains(r.t, r.client.receive(), "530 Log in first")
		assert.Contains(r.t, r.client.receive(), "530 log in as user@ftp-host")
		assert.Contains(r.t, r.client.receive(), "200 ")
		assert.Contains(r.t, r.client.receive(), "530 log in as user@ftp-host")
		assert.Contains(r.t, r.client.receive(), "530 log in as user@ftp-host")
		r.client.expect("221 Goodbye")
		r.client.expectEOF()
	})
}

// warnedOnce checks that the session has one warning, of this kind.
func (r *rig) warnedOnce(w Warning) {
	r.t.Helper()
	warnings := r.events(Warned)
	require.Len(r.t, warnings, 1)
	assert.Equal(r.t, w, warnings[0].Warning)
}

func TestImplicitTLSBeforeLoginReceives421(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.client.sendBytes("\x16\x03\x01\x02")
		assert.Contains(r.t, r.client.receive(), "421 this port takes plain FTP")
		r.client.expectEOF()
		r.warnedOnce(NotFTP)
	})
}

func TestLoginTimeoutEndsSessionOfClient(t *testing.T) {
	t.Run("that names no server", func(t *testing.T) {
		withLoginRouting(t, nil, func(r *rig) {
			advance(r.forwarder.loginTimeout() + time.Second)
			r.client.expect("421 no login within the time limit")
			r.client.expectEOF()
		})
	})
	t.Run("that does not log in", func(t *testing.T) {
		withRig(t, func(r *rig) {
			advance(r.forwarder.loginTimeout() - time.Second)
			r.client.send("NOOP")
			r.server.expect("NOOP")
			advance(2 * time.Second)
			r.client.expect("421 no login within the time limit")
			r.client.expectEOF()
			r.server.expectEOF()
		})
	})
	t.Run("but not of one that has logged in", func(t *testing.T) {
		withRig(t, func(r *rig) {
			r.login()
			advance(10 * r.forwarder.loginTimeout())
			r.client.expectNothing()
			r.client.send("NOOP")
			r.server.expect("NOOP")
		})
	})
}

func TestRefusalInGreetingIsRelayed(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.nameServer("USER bob@ftp.example.com", "421-Too many", "421 users")
		r.client.expect("421-Too many", "421 users")
		_ = r.server.conn.Close()
		r.client.expectEOF()
	})
}

func TestNamedServerOfAnotherProtocolEndsSession(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.nameServer("USER bob@ftp.example.com", "SSH-2.0-OpenSSH_9.2")
		assert.Contains(r.t, r.client.receive(), `421 this is not an FTP server: it begins with "SSH-2.0-`)
		r.warnedOnce(NotFTP)
	})
}

func TestClientReceives421WhenNamedServerIsUnreachable(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("connect failed") }
		r.client.send("USER bob@ftp.example.com")
		r.client.expect("421 connect failed")
		r.client.expectEOF()
	})
}

func TestClientReceives421WhenNamedServerDoesNotGreet(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		withLoginRouting(t, nil, func(r *rig) {
			r.client.send("USER bob@ftp.example.com")
			advance(r.forwarder.dialTimeout() + time.Second)
			r.client.expect("421 the FTP server does not greet")
			r.warnedOnce(ServerUnreachable)
			r.client.expectEOF()
		})
	})
	t.Run("before it closes", func(t *testing.T) {
		withLoginRouting(t, nil, func(r *rig) {
			r.nameServer("USER bob@ftp.example.com", "220-Hello")
			_ = r.server.conn.Close()
			r.client.expect("421 the FTP server does not greet")
			r.warnedOnce(ServerUnreachable)
		})
	})
}

func TestLoginOfRejectedTargetMayBeRepeated(t *testing.T) {
	withLoginRouting(t, []string{"*.internal"}, func(r *rig) {
		r.client.send("USER bob@ftp.example.com")
		r.client.expect("530 ftp.example.com:21 is not among the servers that may be named here")
		r.nameServer("USER bob@ftp.internal", "220 ready")
		r.server.expect("USER bob")
	})
}

// A port has several forms, and one meaning.
func TestLoginDoesNotNameGatewayOrItsSSHPort(t *testing.T) {
	withLoginRouting(t, nil, func(r *rig) {
		r.forwarder.Targets.FarEnd = func() []string { return []string{"gateway", "10.0.0.1"} }
		for _, named := range []string{"ftp.example.com:022", "ftp.example.com:22"} {
			r.client.send("USER bob@" + named)
			r.client.expect("530 ftp.example.com:22 is an SSH server's port")
		}
		for _, named := range []string{"gateway", "GATEWAY.:2121", "10.0.0.1", "[::ffff:10.0.0.1]", "localhost", "[::1]:21"} {
			r.client.send("USER bob@" + named)
			assert.Contains(r.t, r.client.receive(), "is the gateway itself, which may not be named here", named)
		}
	})
}

// A login names a server that can be dialled, and nothing more.
func FuzzLogin(f *testing.F) {
	for _, login := range []string{"bob@ftp.example.com", "bob@example.com@[::1]:2121", "bob@h:21", "@h", "bob@", "bob@127.1", "bob@h:0", "b@[fe80::1%lo]", "bob@127.0x1", "bob@h:022"} {
		f.Add(login)
	}
	f.Fuzz(func(t *testing.T, login string) {
		user, address, err := parseLogin(login)
		if err != nil {
			return
		}
		require.NotEmpty(t, user)
		require.True(t, strings.HasPrefix(login, user+"@"))
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.True(t, hostName(host), host)
		number, err := portNumber(port)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(int(number)), port, "a port has one form")
		if !(Targets{}).allowed(address) {
			return
		}
		require.NotEqual(t, "22", port)
		require.False(t, net.ParseIP(host).IsLoopback(), host)
	})
}

func TestGreetingOfNamedServerIsDroppedWhateverItsLines(t *testing.T) {
	for _, greeting := range []string{
		"\r\n220 ready\r\n",
		"Welcome to a server.\r\n\r\n220 ready\r\n",
		"220-" + strings.Repeat("long ", 1000) + "\r\n more " + strings.Repeat("long ", 1000) + "\r\n220 ready\r\n",
		"220 " + strings.Repeat("long ", 1000) + "\r\n",
		strings.Repeat("plain ", 1000) + "\r\n220 ready\r\n",
		"120 wait\r\n220 ready\r\n",
	} {
		withLoginRouting(t, nil, func(r *rig) {
			r.nameServer("USER bob@ftp.example", strings.TrimSuffix(greeting, "\r\n"))
			r.server.expect("USER bob")
			r.server.send("331 password")
			r.client.expect("331 password")
		})
	}
}
