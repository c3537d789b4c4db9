package tunnel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

const defaultConnectTimeout = 30 * time.Second

// What a [HopError] says was being done.
const (
	dialHop       = "dial"
	handshakeHop  = "handshake"
	verifyHostKey = "verify host key"
	authenticate  = "authenticate"
)

// hostKeyOrder is OpenSSH's order. The ssh package prefers ECDSA and RSA, and
// would so be shown keys that known_hosts files written by ssh do not have.
var hostKeyOrder = []string{
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// A handshake is the making of one link, from the first packet to the end of
// authentication.
type handshake struct {
	hop       Hop
	transport *transport
	limit     *limit
	verify    ssh.HostKeyCallback
	auth      *authenticator

	pinned  []byte // the host key, once trusted
	refused error  // why the host key was not
}

// join connects to h, through below if that is not nil.
func (t *Tunnel) join(ctx context.Context, h Hop, below *link) (*link, error) {
	verify, algorithms, err := t.cfg.HostKeys(h)
	if err != nil {
		return nil, &HopError{Hop: h, Op: verifyHostKey, Err: err}
	}
	timeout := cmp.Or(h.ConnectTimeout, defaultConnectTimeout)
	conn, err := t.reach(ctx, h, below, timeout)
	if err != nil {
		return nil, &HopError{Hop: h, Op: dialHop, Err: err}
	}

	s := &handshake{hop: h, transport: newTransport(conn), verify: verify}
	s.limit = newLimit(timeout, s.transport)
	defer s.limit.Stop()
	s.auth = newAuthenticator(ctx, t, s)
	defer s.auth.close()
	release := context.AfterFunc(ctx, func() { s.transport.fail(context.Cause(ctx)) })
	defer release()

	sshConn, chans, requests, err := ssh.NewClientConn(s.transport, h.Addr(), &ssh.ClientConfig{
		Config:            ssh.Config{KeyExchanges: h.KexAlgorithms, Ciphers: h.Ciphers, MACs: h.MACs},
		User:              h.User,
		HostKeyCallback:   s.checkHostKey,
		HostKeyAlgorithms: hostKeyAlgorithms(h, algorithms),
		AuthCallback:      s.auth.next,
		BannerCallback: func(text string) error {
			t.tell(Event{Kind: Banner, Hop: h, Text: text})
			return nil
		},
	})
	if err != nil {
		s.transport.await()
		return nil, s.failure(err)
	}
	l := newLink(h, below, s.transport, sshConn, chans, requests)
	if n := len(s.auth.tried); n > 0 {
		l.credential = s.auth.tried[n-1]
	}
	if !release() {
		// The transport has failed, or is about to.
		l.close(context.Cause(ctx))
		return nil, &HopError{Hop: h, Op: authenticate, Err: context.Cause(ctx)}
	}
	return l, nil
}

// reach makes the connection under the SSH connection.
func (t *Tunnel) reach(ctx context.Context, h Hop, below *link, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, timedOut(timeout))
	defer cancel()
	if below != nil {
		// Not as it is: a nil *conn is not a nil net.Conn.
		conn, err := below.dial(ctx, h.Addr())
		if refused, ok := errors.AsType[*OpenError](err); ok {
			refused.Jump = below.hop.String()
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	if h.ProxyCommand != "" {
		conn, err := runProxy(h.ProxyCommand, t.cfg.Stderr)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	network := "tcp"
	switch h.AddressFamily {
	case "inet":
		network = "tcp4"
	case "inet6":
		network = "tcp6"
	}
	dial := t.cfg.Dial
	if dial == nil {
		dial = h.dial
	}
	return dial(ctx, network, h.Addr())
}

// checkHostKey decides on the host key at the first key exchange. At later
// ones the server must show the same key again: asking a person, or reading
// files that may have changed, could end a connection in the middle of a
// transfer.
func (s *handshake) checkHostKey(hostname string, remote net.Addr, key ssh.PublicKey) error {
	if s.pinned != nil {
		if !bytes.Equal(s.pinned, key.Marshal()) {
			return errors.New("the host key changed during the connection")
		}
		return nil
	}
	s.limit.hold()
	defer s.limit.release()
	err := s.hop.checkRSASize(key)
	if err == nil {
		err = s.verify(hostname, remote, key)
	}
	switch {
	case errors.Is(err, ErrUnverified):
		s.auth.distrust(err)
	case err != nil:
		s.refused = err
		return err
	}
	s.pinned = key.Marshal()
	return nil
}

// failure tells at what the handshake failed.
func (s *handshake) failure(err error) error {
	switch {
	case s.refused != nil:
		return &HopError{Hop: s.hop, Op: verifyHostKey, Err: s.refused}
	case s.pinned != nil:
		return &HopError{Hop: s.hop, Op: authenticate, Err: s.auth.failure(err)}
	}
	err = s.transport.failure(err)
	if line := s.transport.stranger(); line != "" {
		err = &StrangerError{Line: line, Err: err}
	}
	return &HopError{Hop: s.hop, Op: handshakeHop, Err: err}
}

// hostKeyAlgorithms returns those of algorithms that the ssh package knows,
// since it would send, and then be taken at its word for, all of them.
func hostKeyAlgorithms(h Hop, algorithms []string) []string {
	known := slices.Concat(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys)
	for _, list := range [][]string{algorithms, h.HostKeyAlgorithms} {
		list = slices.DeleteFunc(slices.Clone(list), func(a string) bool { return !slices.Contains(known, a) })
		if len(list) > 0 {
			return list
		}
	}
	return hostKeyOrder
}

func timedOut(d time.Duration) error {
	return fmt.Errorf("no answer for %v: %w", d, os.ErrDeadlineExceeded)
}

// A limit fails a transport when a time has passed. It stands still while a
// person or an agent is asked, and begins anew when that is over.
type limit struct {
	*time.Timer
	d time.Duration
}

func newLimit(d time.Duration, t *transport) *limit {
	return &limit{time.AfterFunc(d, func() { t.fail(timedOut(d)) }), d}
}

func (l *limit) hold()    { l.Stop() }
func (l *limit) release() { l.Reset(l.d) }
