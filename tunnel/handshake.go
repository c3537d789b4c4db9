package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostKeyOrder is OpenSSH's order of host key algorithms. Package ssh prefers
// ECDSA and RSA. With these, servers would present keys that are not in the
// known_hosts files that ssh writes.
var hostKeyOrder = []string{
	ssh.KeyAlgoED25519,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// A handshake makes a link of a transport: version exchange, key exchange, host
// key and authentication.
type handshake struct {
	hop       Hop
	transport *transport
	timeout   *handshakeTimeout
	verify    ssh.HostKeyCallback
	auth      *authenticator
	observe   func(Event)

	hostKey  []byte // once accepted
	rejected error  // why the host key was rejected
}

func newHandshake(ctx context.Context, t *Tunnel, h Hop, conn net.Conn, timeout time.Duration) *handshake {
	s := &handshake{hop: h, transport: newTransport(conn), observe: t.observe}
	s.timeout = newHandshakeTimeout(timeout, s.transport)
	s.auth = newAuthenticator(ctx, t, s)
	return s
}

// clientConfig returns the configuration of package ssh; algorithms are the
// host key algorithms of [Config].HostKeys.
func (s *handshake) clientConfig(algorithms []string) *ssh.ClientConfig {
	h := s.hop
	return &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: unlessEmpty(h.KexAlgorithms, defaultKexAlgorithms),
			Ciphers:      unlessEmpty(h.Ciphers, defaultCiphers),
			MACs:         unlessEmpty(h.MACs, defaultMACs),
		},
		User:              h.User,
		HostKeyCallback:   s.checkHostKey,
		HostKeyAlgorithms: hostKeyAlgorithms(h, algorithms),
		AuthCallback:      s.auth.nextMethod,
		BannerCallback: func(text string) error {
			s.observe(Event{Kind: Banner, Hop: h, Text: text})
			return nil
		},
	}
}

// checkHostKey verifies the host key at the first key exchange. At later ones
// the server must have the same key: a prompt, or files that have changed, must
// not end a connection in the middle of a transfer.
func (s *handshake) checkHostKey(hostname string, remote net.Addr, key ssh.PublicKey) error {
	if s.hostKey != nil {
		if !bytes.Equal(s.hostKey, key.Marshal()) {
			return errors.New("host key changed during the connection")
		}
		return nil
	}
	s.timeout.pause()
	defer s.timeout.restart()
	err := s.hop.checkRSASize(key)
	if err == nil {
		err = s.verify(hostname, remote, key)
	}
	switch {
	case errors.Is(err, ErrUnverified):
		s.auth.withoutSecrets(err)
	case err != nil:
		s.rejected = err
		return err
	}
	s.hostKey = key.Marshal()
	return nil
}

// failure returns the error of a handshake that failed with err.
func (s *handshake) failure(err error) error {
	switch {
	case s.rejected != nil:
		return &HopError{Hop: s.hop, Op: OpVerify, Err: s.rejected}
	case s.hostKey != nil:
		return &HopError{Hop: s.hop, Op: OpAuthenticate, Err: s.auth.failure(err)}
	}
	err = s.transport.failure(err)
	if line := s.transport.notSSH(); line != "" {
		err = &NotSSHError{Line: line, Err: err}
	}
	return &HopError{Hop: s.hop, Op: OpHandshake, Err: err}
}

// hostKeyAlgorithms returns algorithms, those of h or the default, without the
// algorithms that package ssh does not implement: it would offer them to the
// server, and fail if the server chose one.
func hostKeyAlgorithms(h Hop, algorithms []string) []string {
	implemented := slices.Concat(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys)
	for _, list := range [][]string{algorithms, h.HostKeyAlgorithms} {
		list = slices.DeleteFunc(slices.Clone(list), func(a string) bool { return !slices.Contains(implemented, a) })
		if len(list) > 0 {
			return list
		}
	}
	return hostKeyOrder
}

func timeoutError(d time.Duration) error {
	return fmt.Errorf("no answer for %v: %w", d, os.ErrDeadlineExceeded)
}

// A handshakeTimeout fails a transport after a time. It does not run while the
// user or an agent is asked, and starts again from zero after that.
type handshakeTimeout struct {
	timer *time.Timer
	d     time.Duration
}

func newHandshakeTimeout(d time.Duration, t *transport) *handshakeTimeout {
	return &handshakeTimeout{time.AfterFunc(d, func() { t.fail(timeoutError(d)) }), d}
}

func (t *handshakeTimeout) pause()   { t.timer.Stop() }
func (t *handshakeTimeout) restart() { t.timer.Reset(t.d) }
func (t *handshakeTimeout) stop()    { t.timer.Stop() }
