package tunnel

import (
	"context"
	"errors"
	"sync"
	"testing"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// A script answers prompts in order and records them.
type script struct {
	answers   []string
	questions []string
}

func (s *script) ask(_ context.Context, question string, echo bool) (string, error) {
	s.questions = append(s.questions, question)
	if len(s.answers) == 0 {
		return "", errors.New("interrupted")
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer, nil
}

// recordOffers makes s record the fingerprints of the keys that clients offer.
func recordOffers(s *sshtest.Server) *[]string {
	var mu sync.Mutex
	var keys []string
	s.Configure = func(c *ssh.ServerConfig) {
		judge := c.PublicKeyCallback
		c.PublicKeyCallback = func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, ssh.FingerprintSHA256(key))
			return judge(m, key)
		}
	}
	return &keys
}

func startServer(t *testing.T, s *sshtest.Server) *sshtest.Server {
	t.Helper()
	require.NoError(t, s.Start())
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPasswordPromptIsThatOfSSH(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{Password: "secret"})
	answers := &script{answers: []string{"wrong", "wrong", "secret"}}
	cfg := insecureConfig(hopTo(s))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)
	q := "ann@127.0.0.1's password: "
	assert.Equal(t, []string{q, q, q}, answers.questions)
}

func TestPasswordPromptsAreLimited(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{Password: "secret"})
	for most, asked := range map[int]int{0: 3, 1: 1} {
		answers := &script{answers: []string{"a", "b", "c", "d", "e"}}
		h := hopTo(s)
		h.NumberOfPasswordPrompts = most
		cfg := insecureConfig(h)
		cfg.Ask = answers.ask
		e := failedHop(t, cfg)
		assert.Equal(t, "authenticate", e.Op)
		var denied *AuthError
		require.ErrorAs(t, e, &denied)
		assert.Equal(t, []string{"password"}, denied.Allowed)
		assert.Equal(t, []string{"password"}, denied.Tried)
		assert.EqualError(t, denied, "Permission denied (password).")
		assert.Len(t, answers.questions, asked)
		assert.True(t, Permanent(e))
	}
}

func TestUnansweredPromptEndsTheAttempt(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{
		Password:   "secret",
		Challenges: []sshtest.Challenge{{Question: "Code: ", Answer: "1"}},
	})
	answers := &script{}
	cfg := insecureConfig(hopTo(s))
	cfg.Ask = answers.ask
	e := failedHop(t, cfg)
	assert.Equal(t, "authenticate", e.Op)
	assert.ErrorContains(t, e, "interrupted")
	assert.Equal(t, []string{"(ann@127.0.0.1) Code: "}, answers.questions, "no other method is tried")
	assert.True(t, Permanent(e))
}

func TestBatchModeDisablesPrompts(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{Password: "secret"})
	answers := &script{answers: []string{"secret"}}
	h := hopTo(s)
	h.BatchMode = true
	cfg := insecureConfig(h)
	cfg.Ask = answers.ask
	var denied *AuthError
	require.ErrorAs(t, failedHop(t, cfg), &denied)
	assert.Empty(t, answers.questions)
	assert.Empty(t, denied.Tried)
}

func TestPreferredAuthenticationsSetTheOrder(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{
		Password:   "secret",
		Challenges: []sshtest.Challenge{{Question: "Code: ", Answer: "1", Echo: true}},
	})
	for _, c := range []struct {
		order     []string
		questions []string
	}{
		{nil, nil},
		{[]string{"password", "publickey"}, []string{"ann@127.0.0.1's password: "}},
		{[]string{"keyboard-interactive"}, []string{"(ann@127.0.0.1) Code: "}},
	} {
		answers := &script{answers: []string{map[bool]string{true: "1", false: "secret"}[len(c.order) == 1]}}
		h := hopTo(s, key)
		h.PreferredAuthentications = c.order
		cfg := insecureConfig(h)
		cfg.Ask = answers.ask
		mustOpen(t, cfg)
		assert.Equal(t, c.questions, answers.questions)
	}
}

func TestPartialSuccessContinuesWithNextMethod(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	s.Close()
	s.Configure = func(c *ssh.ServerConfig) {
		judge := c.PublicKeyCallback
		c.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if _, err := judge(m, k); err != nil {
				return nil, err
			}
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
				PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
					if string(p) == "secret" {
						return nil, nil
					}
					return nil, errors.New("denied")
				},
			}}
		}
	}
	require.NoError(t, s.Start())
	answers := &script{answers: []string{"secret"}}
	cfg := insecureConfig(hopTo(s, key))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)
	assert.Len(t, answers.questions, 1)
}

func TestTooManyAuthenticationFailuresArePermanent(t *testing.T) {
	checkLeaks(t)
	s := &sshtest.Server{}
	_, nobodys := newKey(t)
	s.Keys = []ssh.PublicKey{nobodys}
	s.Configure = func(c *ssh.ServerConfig) { c.MaxAuthTries = 2 }
	startServer(t, s)
	var files []string
	for range 4 {
		private, _ := newKey(t)
		files = append(files, writeKey(t, private, ""))
	}
	e := failedHop(t, insecureConfig(hopTo(s, files...)))
	var denied *AuthError
	require.ErrorAs(t, e, &denied)
	assert.ErrorContains(t, denied, "too many authentication failures")
	assert.NotEmpty(t, denied.Tried)
	assert.True(t, Permanent(e))
}

// The tunnel asks again if the server disconnected before the answer.
func TestAnswerAfterDisconnectIsNotPermanent(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{Password: "secret"})
	cfg := insecureConfig(hopTo(s))
	cfg.Ask = func(context.Context, string, bool) (string, error) {
		s.Drop()
		return "secret", nil
	}
	e := failedHop(t, cfg)
	assert.Equal(t, "authenticate", e.Op)
	assert.False(t, Permanent(e), "%v", e)
}

func TestKeyboardInteractiveAsksEveryQuestion(t *testing.T) {
	checkLeaks(t)
	s := startServer(t, &sshtest.Server{Challenges: []sshtest.Challenge{
		{Question: "Password: ", Answer: "one"}, {Question: "Hello.\nEnter passphrase for key 'id': ", Answer: "two", Echo: true},
	}})
	answers := &script{answers: []string{"one", "two"}}
	cfg := insecureConfig(hopTo(s))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)
	assert.Equal(t, []string{"(ann@127.0.0.1) Password: ", "(ann@127.0.0.1) Hello.\n(ann@127.0.0.1) Enter passphrase for key 'id': "}, answers.questions)
}

// Package ssh does not parse a banner with bytes behind its end, and treats that as
// a rejected login.
func TestUnreadableBannerIsTheReasonOfTheError(t *testing.T) {
	checkLeaks(t)
	s := startMessages(t, func(c *sshtest.MessageConn) {
		if c.AcceptService() && c.Expect(sshtest.UserAuthRequest) {
			_ = c.Write(sshtest.UserAuthBanner, struct{ Text, Language, Trailing string }{"hello", "", "more"})
			_ = c.Write(sshtest.UserAuthFailure, struct {
				Methods []string
				Partial bool
			}{Methods: []string{"publickey"}})
			_, _ = c.Read()
		}
	})
	e := failedHop(t, insecureConfig(messageHop(s)))
	assert.Equal(t, OpAuthenticate, e.Op)
	assert.NotContains(t, e.Error(), "Permission denied")
	assert.ErrorContains(t, e, "message type 53")
	assert.True(t, Permanent(e))
}

func TestServerWithoutMethodsIsAPermanentError(t *testing.T) {
	checkLeaks(t)
	s := startMessages(t, func(c *sshtest.MessageConn) {
		if c.AcceptService() && c.Expect(sshtest.UserAuthRequest) {
			_ = c.Write(sshtest.UserAuthFailure, struct {
				Methods []string
				Partial bool
			}{})
			_, _ = c.Read()
		}
	})
	e := failedHop(t, insecureConfig(messageHop(s)))
	assert.ErrorAs(t, e, new(*AuthError))
	assert.ErrorContains(t, e, "no supported methods")
}
