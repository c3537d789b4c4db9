package sshtest

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A forwarding is what one SSH connection forwards.
type forwarding struct {
	server *Server
	conn   *ssh.ServerConn
	over   chan struct{} // closed at the end of conn

	mu        sync.Mutex
	listeners map[bound]net.Listener
	closed    bool
}

// A bound is a remote forward as the client requested it, with its actual port.
type bound struct {
	Host string
	Port uint32
}

// requests answers global requests.
func (f *forwarding) requests(requests <-chan *ssh.Request) {
	for r := range requests {
		switch r.Type {
		case "tcpip-forward":
			f.hold(f.server.HoldListen)
			ok, reply := f.listen(r.Payload)
			_ = r.Reply(ok, reply)
		case "cancel-tcpip-forward":
			_ = r.Reply(f.cancel(r.Payload), nil)
		case "keepalive@openssh.com":
			f.server.Keepalives.Add(1)
			if !f.server.IgnoreKeepalive {
				_ = r.Reply(false, nil)
			}
		default:
			_ = r.Reply(false, nil)
		}
	}
}

func (f *forwarding) hold(until chan struct{}) {
	if until != nil {
		select {
		case <-until:
		case <-f.over:
		}
	}
}

func (f *forwarding) listen(payload []byte) (ok bool, reply []byte) {
	var m bound
	if f.server.NoForwarding || ssh.Unmarshal(payload, &m) != nil {
		return false, nil
	}
	if most := f.server.MostForwards; most != 0 && f.server.Forwards.Load() >= most {
		f.server.Refused.Add(1)
		return false, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))))
	if err != nil {
		return false, nil
	}
	m.Port = uint32(l.Addr().(*net.TCPAddr).Port)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = l.Close()
		return false, nil
	}
	f.listeners[m] = l
	f.server.Forwards.Add(1)
	f.server.wg.Go(func() {
		f.accept(l, m)
		f.server.Forwards.Add(-1)
	})
	return true, ssh.Marshal(struct{ Port uint32 }{m.Port})
}

func (f *forwarding) accept(l net.Listener, m bound) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		from := c.RemoteAddr().(*net.TCPAddr)
		payload := ssh.Marshal(struct { // Marshal leaves out embedded structs
			Host       string
			Port       uint32
			Originator string
			OriginPort uint32
		}{m.Host, m.Port, from.IP.String(), uint32(from.Port)})
		f.server.wg.Go(func() {
			channel, requests, err := f.conn.OpenChannel("forwarded-tcpip", payload)
			if err != nil {
				_ = c.Close()
				return
			}
			f.join(channel, requests, c.(*net.TCPConn))
		})
	}
}

func (f *forwarding) cancel(payload []byte) bool {
	var m bound
	if f.server.NoCancel || ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.listeners[m]
	if l == nil {
		return false
	}
	delete(f.listeners, m)
	return l.Close() == nil
}

// channels serves direct-tcpip channels.
func (f *forwarding) channels(channels <-chan ssh.NewChannel) {
	for c := range channels {
		if c.ChannelType() != "direct-tcpip" {
			_ = c.Reject(ssh.UnknownChannelType, "unknown channel type")
			continue
		}
		f.server.wg.Go(func() { f.dial(c) })
	}
}

func (f *forwarding) dial(c ssh.NewChannel) {
	var m struct {
		Host       string
		Port       uint32
		Originator string
		OriginPort uint32
	}
	if f.server.NoForwarding || ssh.Unmarshal(c.ExtraData(), &m) != nil {
		_ = c.Reject(ssh.Prohibited, "open failed")
		return
	}
	f.hold(f.server.HoldDial)
	address := net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port)))
	if f.server.Resolve != nil {
		address = f.server.Resolve(address)
	}
	to, err := net.Dial("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		_ = c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		_ = to.Close()
		return
	}
	f.join(channel, requests, to.(*net.TCPConn))
}

// join copies between a channel and a connection, and forwards each half-close. Like
// sshd, it sends an end of data for every end of the connection.
func (f *forwarding) join(channel ssh.Channel, requests <-chan *ssh.Request, c *net.TCPConn) {
	f.server.wg.Go(func() { ssh.DiscardRequests(requests) })
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(channel, c)
		_ = channel.CloseWrite()
	})
	both.Go(func() {
		_, _ = io.Copy(c, channel)
		_ = c.CloseWrite()
	})
	both.Wait()
	_ = channel.Close()
	_ = c.Close()
}

// close closes all listeners.
func (f *forwarding) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, l := range f.listeners {
		_ = l.Close()
	}
}
