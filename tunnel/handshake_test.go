package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

type keyProblem struct{ text string }

func (e *keyProblem) Error() string { return e.text }

func TestHopErrorWrapsErrorOfVerify(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { return &keyProblem{"changed"} }, nil, nil
	}
	e := failedHop(t, cfg)
	assert.Equal(t, "verify host key", e.Op)
	var problem *keyProblem
	assert.ErrorAs(t, e, &problem)
	assert.True(t, Permanent(e))
}

func TestUnverifiedHostGetsNoPassword(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{Password: "secret"})
	cfg := insecureConfig(hopTo(s))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return func(string, net.Addr, ssh.PublicKey) error { return errors.Join(ErrUnverified) }, nil, nil
	}
	cfg.Ask = func(_ context.Context, question string, _ bool) (string, error) {
		t.Errorf("asked %q", question)
		return "secret", nil
	}
	e := failedHop(t, cfg)
	var denied *AuthError
	require.ErrorAs(t, e, &denied)

	// A signature is no secret.
	cfg.Hops = []Hop{hopTo(s, key)}
	mustOpen(t, cfg)
}

func TestHostKeyIsVerifiedOnceAndPinned(t *testing.T) {
	_, first := newKey(t)
	_, second := newKey(t)
	calls := 0
	l := newHandshakeTimeout(time.Hour, newTransport(nil))
	defer l.stop()
	s := &handshake{timeout: l, verify: func(string, net.Addr, ssh.PublicKey) error { calls++; return nil }}
	assert.NoError(t, s.checkHostKey("", nil, first))
	assert.NoError(t, s.checkHostKey("", nil, first))
	assert.Error(t, s.checkHostKey("", nil, second))
	assert.Equal(t, 1, calls)
}

func TestHostKeyAlgorithmsHaveOpenSSHsOrder(t *testing.T) {
	assert.Equal(t, ssh.KeyAlgoED25519, hostKeyAlgorithms(Hop{}, nil)[0])
	assert.Equal(t, []string{ssh.KeyAlgoRSASHA512}, hostKeyAlgorithms(Hop{}, []string{"sk-unheard-of", ssh.KeyAlgoRSASHA512}))
	assert.Equal(t, []string{ssh.KeyAlgoECDSA256}, hostKeyAlgorithms(Hop{HostKeyAlgorithms: []string{ssh.KeyAlgoECDSA256}}, nil))
}

func TestFTPServerInPlaceOfGatewayIsNotWaitedFor(t *testing.T) {
	checkLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "220 ready\r\n")
		_, _ = io.Copy(io.Discard, conn) // it waits for a command
	}()
	h := Hop{Alias: "gw", HostName: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "u", PubkeyAuthentication: true}
	e := failedHop(t, insecureConfig(h))
	assert.Equal(t, OpHandshake, e.Op)
	var stranger *NotSSHError
	require.ErrorAs(t, e, &stranger)
	assert.Equal(t, "220 ready", stranger.Line)
	assert.EqualError(t, e, `handshake u@gw: answered "220 ready" instead of an SSH banner`)
	require.NoError(t, l.Close())
	<-served
}

func TestNoCommonAlgorithmIsPermanent(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	cfg := insecureConfig(hopTo(s, key))
	cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
		return ssh.InsecureIgnoreHostKey(), []string{ssh.KeyAlgoECDSA521}, nil
	}
	e := failedHop(t, cfg)
	assert.Equal(t, "handshake", e.Op)
	assert.True(t, Permanent(e))
}
