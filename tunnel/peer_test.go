package tunnel

import (
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// A stubborn is a server that answers requests of some kinds, and all other
// messages about no channel, with SSH_MSG_UNIMPLEMENTED.
type stubborn struct {
	requests bool // implements global requests
	channels bool // rejects channels of an unknown type

	mu       sync.Mutex
	rejected map[string]int // requests and channels by type
	more     *sync.Cond
}

func newStubborn(s *stubborn) *stubborn {
	s.rejected = make(map[string]int)
	s.more = sync.NewCond(&s.mu)
	return s
}

func (s *stubborn) serve(c *sshtest.MessageConn) {
	for ok := c.Login(); ok; {
		m, err := c.Read()
		if err != nil {
			return
		}
		var named struct {
			Type string
			Rest []byte `ssh:"rest"`
		}
		_ = ssh.Unmarshal(m[1:], &named)
		switch {
		case m[0] == sshtest.GlobalRequest && s.requests:
			err = c.Write(sshtest.RequestFailure, nil)
		case m[0] == sshtest.ChannelOpen && named.Type == "direct-tcpip":
			err = c.Confirm(m, 1<<20)
		case m[0] == sshtest.ChannelOpen && s.channels:
			err = refuse(c, m)
		case m[0] == sshtest.GlobalRequest, m[0] == sshtest.ChannelOpen:
			err = c.Reject()
		}
		s.mu.Lock()
		s.rejected[named.Type]++
		s.more.Broadcast()
		s.mu.Unlock()
		ok = err == nil
	}
}

func refuse(c *sshtest.MessageConn, m []byte) error {
	var r sshtest.ChannelRequest
	if err := ssh.Unmarshal(m, &r); err != nil {
		return err
	}
	return c.Write(sshtest.ChannelFailure, struct {
		Channel, Reason uint32
		Text, Language  string
	}{r.Channel, uint32(ssh.UnknownChannelType), "unknown", ""})
}

// wait waits until n requests or channels called name have arrived.
func (s *stubborn) wait(t *testing.T, name string, n int) {
	t.Helper()
	soon(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for s.rejected[name] < n {
			s.more.Wait()
		}
		return true
	})
}

func (s *stubborn) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected[name]
}

func TestServerWithoutGlobalRequestsIsAskedWithAChannel(t *testing.T) {
	checkLeaks(t)
	s := newStubborn(&stubborn{channels: true})
	h := messageHop(startMessages(t, s.serve))
	h.ServerAliveInterval = 20 * time.Millisecond
	h.ServerAliveCountMax = 500
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	w.wait(t, Up, 2)
	warning := w.wait(t, Warning, 1)
	assert.Equal(t, RequestWarning, warning.Warning)
	assert.ErrorContains(t, warning.Err, "global requests")

	// The first connection is the only one that is lost, and no other request is
	// sent.
	s.wait(t, keepaliveChannel, 5)
	_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
	assert.ErrorAs(t, err, new(*OpenError))
	mustDial(t, tun, "ftp:21")
	assert.Equal(t, 1, s.count(keepaliveRequest))
	assert.Zero(t, s.count("tcpip-forward"))
	assert.Len(t, w.of(Down), 1)
	assert.Len(t, w.of(Warning), 1)
}

func TestServerThatAnswersNothingIsNotAsked(t *testing.T) {
	checkLeaks(t)
	s := newStubborn(&stubborn{})
	h := messageHop(startMessages(t, s.serve))
	h.ServerAliveInterval = 10 * time.Millisecond
	h.ServerAliveCountMax = 500
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	w.wait(t, Warning, 2)
	w.wait(t, Up, 3)
	c := mustDial(t, tun, "ftp:21")
	l := tun.link
	time.Sleep(10 * h.ServerAliveInterval) // nothing must happen meanwhile
	assert.NoError(t, c.Close())
	assert.NoError(t, l.lost())
	assert.Equal(t, 1, s.count(keepaliveRequest))
	assert.Equal(t, 1, s.count(keepaliveChannel))
}

// A server need not be asked to be found out.
func TestListenTeachesThatServerHasNoGlobalRequests(t *testing.T) {
	checkLeaks(t)
	s := newStubborn(&stubborn{channels: true})
	h := messageHop(startMessages(t, s.serve))
	h.ServerAliveInterval = -1
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	for range 3 {
		_, err := tun.Listen(testContext(t), "tcp", "127.0.0.1:0")
		assert.ErrorAs(t, err, new(*OpenError))
	}
	mustDial(t, tun, "ftp:21")
	assert.Equal(t, 1, s.count("tcpip-forward"))
	assert.Len(t, w.of(Down), 1)
	assert.Len(t, w.of(Warning), 1)
}

func TestServerThatAnswersIsAskedAtOnceOnlyAtTheFirstConnection(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h := hopTo(s, key)
	h.ServerAliveInterval = time.Hour
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	tun := mustOpen(t, cfg)
	require.Eventually(t, func() bool { _, answers := tun.peers[0].way(); return answers }, testTimeout, time.Millisecond)
	s.Drop()
	w.wait(t, Up, 2)
	checkEcho(t, mustDial(t, tun, serve(t, echo)))
	assert.EqualValues(t, 1, s.Keepalives.Load())
}

// Package ssh takes such a message for one of a channel, and ends the connection.
func TestMessageOfNoChannelBehindLoginEndsConnection(t *testing.T) {
	for kind, message := range map[byte]any{
		sshtest.UserAuthBanner: struct{ Text, Language string }{"hello", ""},
		sshtest.ExtInfo: struct {
			Count       uint32
			Name, Value string
		}{1, "server-sig-algs", "ssh-ed25519"},
	} {
		checkLeaks(t)
		w := newRecorder()
		cfg := insecureConfig(messageHop(startMessages(t, func(c *sshtest.MessageConn) {
			if c.Login() {
				_ = c.Write(kind, message)
				for { // it must not be the server that ends the connection
					if _, err := c.Read(); err != nil {
						return
					}
				}
			}
		})))
		cfg.Observe = w.observe
		mustOpen(t, cfg)
		assert.ErrorContains(t, w.wait(t, Down, 1).Err, "ssh: invalid channel ")
	}
}
