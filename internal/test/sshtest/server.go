// Package sshtest is an SSH server for tests and demonstrations: it authenticates
// users, forwards connections in both directions (RFC 4254, 7), and misbehaves as
// configured.
package sshtest

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// A Server is an SSH server on loopback. Set its fields before Start.
type Server struct {
	Keys       []ssh.PublicKey // accepted for any user
	Password   string          // accepted for any user, if not empty
	Challenges []Challenge     // keyboard-interactive, if not empty
	Banner     string

	Before          string // sent instead of an SSH banner; the connection then closes
	Silent          bool   // accepts connections and sends nothing
	NoForwarding    bool   // refuses direct-tcpip and tcpip-forward
	MostForwards    int64  // the most remote forwards granted, if not zero
	NoCancel        bool   // refuses cancel-tcpip-forward and keeps listening, as old Dropbears do
	IgnoreKeepalive bool   // does not answer keepalive@openssh.com

	// Resolve, if not nil, returns the address to dial for direct-tcpip to
	// address.
	Resolve func(address string) string

	// Configure, if not nil, may change how users authenticate.
	Configure func(*ssh.ServerConfig)

	// HoldDial and HoldListen, if not nil, delay the answers to direct-tcpip
	// and tcpip-forward until they can be received from.
	HoldDial, HoldListen chan struct{}

	Keepalives atomic.Int64 // keepalive@openssh.com requests received
	Forwards   atomic.Int64 // remote forwards that are open
	Refused    atomic.Int64 // requests for remote forwards that were refused

	hostKey  ssh.Signer
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[*pausable]struct{}
	users []string
	ended bool
}

// A Challenge is one question of keyboard-interactive and its correct answer.
type Challenge struct {
	Question, Answer string
	Echo             bool
}

// Start generates a host key and serves on a free port of 127.0.0.1 until
// Close.
func (s *Server) Start() error { return s.StartAt("127.0.0.1:0") }

// StartAt is Start on an address.
func (s *Server) StartAt(address string) (err error) {
	if s.hostKey == nil {
		if s.hostKey, err = newHostKey(); err != nil {
			return err
		}
	}
	if s.listener, err = net.Listen("tcp", address); err != nil {
		return err
	}
	s.mu.Lock()
	s.conns, s.ended = make(map[*pausable]struct{}), false
	s.mu.Unlock()
	s.wg.Go(s.accept)
	return nil
}

// Addr returns the address at which s listens.
func (s *Server) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// HostKey returns the host key. It does not change when s is started again.
func (s *Server) HostKey() ssh.PublicKey { return s.hostKey.PublicKey() }

// Users returns the users who have logged in, in order.
func (s *Server) Users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.users...)
}

// Close closes the listener and all connections, and waits for the goroutines. The
// server may be started again.
func (s *Server) Close() error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	err := s.listener.Close()
	s.Drop()
	s.wg.Wait()
	return err
}

// Drop closes all connections, as a crash would.
func (s *Server) Drop() {
	s.each(func(c *pausable) {
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
		c.resume()
		_ = c.Close()
	})
}

// Garble sends bytes that cannot be decrypted on all connections, which stay open.
func (s *Server) Garble() {
	s.each(func(c *pausable) { _, _ = c.Write(bytes.Repeat([]byte{0xff}, 64)) })
}

// Pause makes s neither read nor write on its connections, like a frozen host.
func (s *Server) Pause() { s.each((*pausable).pause) }

// Resume ends a Pause.
func (s *Server) Resume() { s.each((*pausable).resume) }

func (s *Server) each(f func(*pausable)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		p := newPausable(c)
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			_ = c.Close()
			return
		}
		s.conns[p] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(p)
			_ = p.Close()
			s.mu.Lock()
			delete(s.conns, p)
			s.mu.Unlock()
		})
	}
}

func (s *Server) serve(c net.Conn) {
	switch {
	case s.Silent:
		_, _ = c.Read(make([]byte, 1<<16))
		_, _ = c.Read(make([]byte, 1))
		return
	case s.Before != "":
		_, _ = c.Write([]byte(s.Before))
		return
	}
	conn, channels, requests, err := ssh.NewServerConn(c, s.config())
	if err != nil {
		return
	}
	s.mu.Lock()
	s.users = append(s.users, conn.User())
	s.mu.Unlock()
	f := &forwarding{server: s, conn: conn, over: make(chan struct{}), listeners: make(map[bound]net.Listener)}
	s.wg.Go(func() {
		_ = conn.Wait()
		close(f.over)
	})
	s.wg.Go(func() { f.requests(requests) })
	f.channels(channels)
	f.close()
}

var errDenied = errors.New("denied")

func (s *Server) config() *ssh.ServerConfig {
	c := &ssh.ServerConfig{}
	c.AddHostKey(s.hostKey)
	if s.Banner != "" {
		c.BannerCallback = func(ssh.ConnMetadata) string { return s.Banner }
	}
	if len(s.Keys) > 0 {
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, k := range s.Keys {
				if string(k.Marshal()) == string(key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errDenied
		}
	}
	if s.Password != "" {
		c.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			if string(p) != s.Password {
				return nil, errDenied
			}
			return nil, nil
		}
	}
	if len(s.Challenges) > 0 {
		c.KeyboardInteractiveCallback = s.challenge
	}
	if s.Configure != nil {
		s.Configure(c)
	}
	return c
}

func (s *Server) challenge(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	questions, echos := make([]string, len(s.Challenges)), make([]bool, len(s.Challenges))
	for i, c := range s.Challenges {
		questions[i], echos[i] = c.Question, c.Echo
	}
	answers, err := ask("", "", questions, echos)
	if err != nil {
		return nil, err
	}
	for i, c := range s.Challenges {
		if i >= len(answers) || answers[i] != c.Answer {
			return nil, errDenied
		}
	}
	return nil, nil
}

// A pausable is a connection that can be paused.
type pausable struct {
	net.Conn
	mu      sync.Mutex
	changed *sync.Cond
	paused  bool
}

func newPausable(c net.Conn) *pausable {
	p := &pausable{Conn: c}
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *pausable) set(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
	p.changed.Broadcast()
}

func (p *pausable) pause()  { p.set(true) }
func (p *pausable) resume() { p.set(false) }

func (p *pausable) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.paused {
		p.changed.Wait()
	}
}

func (p *pausable) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.wait()
	return n, err
}

func (p *pausable) Write(b []byte) (int, error) {
	p.wait()
	return p.Conn.Write(b)
}
