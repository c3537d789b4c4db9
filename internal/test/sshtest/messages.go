package sshtest

import (
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// The numbers of messages (RFC 4250, section 4.1.2).
const (
	Unimplemented   = 3
	ServiceRequest  = 5
	ServiceAccept   = 6
	ExtInfo         = 7
	UserAuthRequest = 50
	UserAuthFailure = 51
	UserAuthSuccess = 52
	UserAuthBanner  = 53
	GlobalRequest   = 80
	RequestSuccess  = 81
	RequestFailure  = 82
	ChannelOpen     = 90
	ChannelConfirm  = 91
	ChannelFailure  = 92
	WindowAdjust    = 93
	ChannelData     = 94
	ChannelEOF      = 96
	ChannelClose    = 97
)

// A MessageServer is an SSH server on loopback that a test writes message by
// message: for what package ssh hides, such as the order of messages on different
// channels, or would not send. It has one key exchange, curve25519-sha256 with
// ssh-ed25519, and one cipher, aes128-gcm@openssh.com.
type MessageServer struct {
	// Serve serves one connection, after the key exchange. The connection closes
	// when it returns.
	Serve func(*MessageConn)

	hostKey  ssh.Signer
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

// Start generates a host key and serves on a free port of 127.0.0.1 until Close.
func (s *MessageServer) Start() (err error) {
	if s.hostKey, err = newHostKey(); err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.conns = make(map[net.Conn]bool)
	s.wg.Go(s.accept)
	return nil
}

// Addr returns the address at which s listens.
func (s *MessageServer) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// Close closes the listener and all connections, and waits for the goroutines.
func (s *MessageServer) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.ended = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *MessageServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			_ = c.Close()
			return
		}
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			if m, err := newMessageConn(c, s.hostKey); err == nil {
				s.Serve(m)
			}
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// Login lets the user log in with the method none, and reports whether the client
// did.
func (c *MessageConn) Login() bool {
	return c.AcceptService() && c.Expect(UserAuthRequest) && c.Write(UserAuthSuccess, nil) == nil
}

// AcceptService accepts the client's request for user authentication, and reports
// whether there was one.
func (c *MessageConn) AcceptService() bool {
	return c.Expect(ServiceRequest) && c.Write(ServiceAccept, struct{ Name string }{"ssh-userauth"}) == nil
}

// Expect reads a message, and reports whether it has the given number.
func (c *MessageConn) Expect(number byte) bool {
	m, err := c.Read()
	return err == nil && m[0] == number
}

// Reject answers the message that was read last with SSH_MSG_UNIMPLEMENTED.
func (c *MessageConn) Reject() error {
	return c.Write(Unimplemented, struct{ Sequence uint32 }{c.in.count - 1})
}

// A ChannelRequest is what the client asks for in SSH_MSG_CHANNEL_OPEN.
type ChannelRequest struct {
	Type      string `sshtype:"90"`
	Channel   uint32
	Window    uint32
	MaxPacket uint32
	Rest      []byte `ssh:"rest"`
}

// Confirm accepts a channel that the client opens with message. Both sides use
// the client's number for it. The client may send window bytes.
func (c *MessageConn) Confirm(message []byte, window uint32) error {
	var r ChannelRequest
	if err := ssh.Unmarshal(message, &r); err != nil {
		return err
	}
	return c.Write(ChannelConfirm, struct{ Theirs, Ours, Window, MaxPacket uint32 }{r.Channel, r.Channel, window, 1 << 15})
}
