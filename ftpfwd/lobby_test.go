package ftpfwd

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withLobby is withRig with a forwarder that serves any FTP server: the
// client's login names it.
func withLobby(t *testing.T, targets []string, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			r.forwarder.Server = ""
			for _, s := range targets {
				target, err := ParseTarget(s)
				require.NoError(t, err)
				r.forwarder.Targets = append(r.forwarder.Targets, target)
			}
			r.forwarder.Remote = renamed{r.far}
		})
		conn, err := r.near.DialContext(t.Context(), "tcp", "127.0.0.1:2121")
		require.NoError(t, err)
		r.client = newLine(t, "client", conn)
		r.client.hear("220 Log in as user@ftp-host or user@ftp-host:port")
		test(r)
		if r.server == nil {
			r.server = r.client
		}
		r.close()
	})
}

// enter names a server, which greets.
func (r *rig) enter(login string, greeting ...string) {
	r.client.say(login)
	r.server = newLine(r.t, "server", r.accept(r.serverListen))
	r.server.say(greeting...)
}

func TestALoginNamesItsServer(t *testing.T) {
	for login, user := range map[string]string{
		"USER bob@ftp.example.com:21":       "USER bob",
		"user bob@ftp.example.com":          "USER bob",
		"USER bob@corp.com@ftp.example.com": "USER bob@corp.com",
		"USER bob@10.1.2.3:21":              "USER bob",
		"USER bob@[2001:db8::1]:21":         "USER bob",
		"USER bob@2001:db8::1":              "",
		"USER bob@[2001:db8::1]":            "USER bob",
	} {
		withLobby(t, nil, func(r *rig) {
			if user == "" {
				r.client.say(login)
				assert.Contains(t, r.client.line(), "530 log in as user@ftp-host")
				return
			}
			r.enter(login, "120 in a minute", "220-Hello", " 227 (1,2,3,4,5,6)", "220 ready")
			r.server.hear(user)
			r.server.say("331 Password please")
			r.client.hear("331 Password please")
			r.client.say("PASS secret")
			r.server.hear("PASS secret")
			r.server.say("230 in")
			r.client.hear("230 in")
			client, server := r.passive()
			r.begin("RETR x")
			r.download(server, client)
			r.client.say(login, "USER alice") // again, and another
			r.server.hear(parseCommand([]byte(login)).verb + user[4:])
		})
	}
}

func TestBeforeTheLoginNothingIsDone(t *testing.T) {
	withLobby(t, nil, func(r *rig) {
		r.client.say("AUTH TLS", "SYST", "USER bob", "NOOP", "USER @ftp.example.com", "USER bob@", "QUIT")
		assert.Contains(t, r.client.line(), "534 AUTH refused")
		assert.Contains(t, r.client.line(), "530 Log in first")
		assert.Contains(t, r.client.line(), "530 log in as user@ftp-host")
		assert.Contains(t, r.client.line(), "200 ")
		assert.Contains(t, r.client.line(), "530 log in as user@ftp-host")
		assert.Contains(t, r.client.line(), "530 log in as user@ftp-host")
		r.client.hear("221 Goodbye")
		r.client.over()
	})
}

func TestWhoeverDoesNotLogInMakesRoom(t *testing.T) {
	t.Run("and names no server", func(t *testing.T) {
		withLobby(t, nil, func(r *rig) {
			pass(r.forwarder.loginTimeout() + time.Second)
			r.client.hear("421 no login within the time limit")
			r.client.over()
		})
	})
	t.Run("and is silent behind the greeting", func(t *testing.T) {
		withRig(t, func(r *rig) {
			pass(r.forwarder.loginTimeout() - time.Second)
			r.client.say("NOOP")
			r.server.hear("NOOP")
			pass(2 * time.Second)
			r.client.hear("421 no login within the time limit")
			r.client.over()
			r.server.over()
		})
	})
	t.Run("but whoever does stays", func(t *testing.T) {
		withRig(t, func(r *rig) {
			r.login()
			pass(10 * r.forwarder.loginTimeout())
			r.client.silent()
			r.client.say("NOOP")
			r.server.hear("NOOP")
		})
	})
}

func TestAServerThatTurnsItsClientsAwayIsHeard(t *testing.T) {
	withLobby(t, nil, func(r *rig) {
		r.enter("USER bob@ftp.example.com", "421-Too many", "421 users")
		r.client.hear("421-Too many", "421 users")
		_ = r.server.conn.Close()
		r.client.over()
	})
}

func TestWhatIsNoFTPServerEndsTheSession(t *testing.T) {
	withLobby(t, nil, func(r *rig) {
		r.enter("USER bob@ftp.example.com", "SSH-2.0-OpenSSH_9.2")
		assert.Contains(t, r.client.line(), `421 this is not an FTP server: it begins with "SSH-2.0-`)
	})
}

func TestAServerThatCannotBeReachedIsA421(t *testing.T) {
	withLobby(t, nil, func(r *rig) {
		r.far.Dialled = func(string) error { return errors.New("connect failed") }
		r.client.say("USER bob@ftp.example.com")
		r.client.hear("421 connect failed")
		r.client.over()
	})
}

func TestAServerThatDoesNotGreetIsA421(t *testing.T) {
	withLobby(t, nil, func(r *rig) {
		r.client.say("USER bob@ftp.example.com")
		pass(r.forwarder.dialTimeout() + time.Second)
		r.client.hear("421 the FTP server does not greet")
		r.client.over()
	})
	withLobby(t, nil, func(r *rig) {
		r.enter("USER bob@ftp.example.com", "220-Hello")
		_ = r.server.conn.Close()
		r.client.hear("421 the FTP server does not greet")
	})
}

func TestALoginThatMayNotNameItsServerIsRefused(t *testing.T) {
	withLobby(t, []string{"*.internal"}, func(r *rig) {
		r.client.say("USER bob@ftp.example.com")
		r.client.hear("530 ftp.example.com:21 is not among the servers that may be named here")
		r.enter("USER bob@ftp.internal", "220 ready") // and it may try again
		r.server.hear("USER bob")
	})
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		targets []string
		allowed []string
		refused []string
	}{
		{
			nil,
			[]string{"ftp.example.com:21", "10.1.2.3:2121", "[2001:db8::1]:21", "local-host:21"},
			[]string{
				"ftp.example.com:22", "localhost:21", "LOCALHOST.:21", "localhost.localdomain:21", "x.localhost:21", "ip6-localhost:21", "ip6-loopback:21",
				"127.0.0.1:21", "127.9.9.9:21", "[::1]:21", "0.0.0.0:21", "[::]:21", "[::ffff:127.0.0.1]:21",
			},
		},
		{
			[]string{"ftp.internal", "*.dmz:2121", "10.1.0.0/16", "fd00::/8", "192.0.2.7:22"},
			[]string{"ftp.internal:21", "FTP.internal:990", "a.b.dmz:2121", "10.1.255.1:21", "[fd77::1]:21", "[::ffff:10.1.0.1]:21", "192.0.2.7:22"},
			[]string{"ftp.internal:22", "x.ftp.internal:21", "a.dmz:21", "10.2.0.1:21", "[fe80::1]:21", "10.1.x:21", "192.0.2.7:21", "localhost:21"},
		},
		{[]string{"localhost", "127.0.0.0/8:21"}, []string{"localhost:21", "127.0.0.1:21"}, []string{"localhost:22", "127.0.0.1:2121", "[::1]:21"}},
	} {
		var targets Targets
		for _, s := range c.targets {
			target, err := ParseTarget(s)
			require.NoError(t, err)
			targets = append(targets, target)
		}
		for _, a := range c.allowed {
			assert.NoError(t, targets.check(a), "%v %s", c.targets, a)
		}
		for _, a := range c.refused {
			assert.Error(t, targets.check(a), "%v %s", c.targets, a)
		}
	}
}

func TestTargetsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, s := range []string{"", "a b", "ftp:0", "ftp:70000", "10.0.0.0/33", "[", "a/b", "user@host"} {
		_, err := ParseTarget(s)
		assert.Error(t, err, s)
	}
}

// The gateway's resolver takes these for addresses, some of them its own.
func TestNumbersAreNoHostNames(t *testing.T) {
	for _, host := range []string{"127.1", "2130706433", "0x7f000001", "0x7f.1", "0", "127.0.0.1.", "fe80::1%eth0", "", "a/b", "a b", "ho\x00st"} {
		assert.False(t, hostName(host), host)
	}
	for _, host := range []string{"ftp", "ftp-1.example.com", "1.example.com", "3com", "a_b", "10.0.0.1", "::1"} {
		assert.True(t, hostName(host), host)
	}
}
