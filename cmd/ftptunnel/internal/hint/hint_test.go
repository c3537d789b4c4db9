package hint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/tunnel"
)

func prohibited(address string) *tunnel.OpenError {
	return &tunnel.OpenError{Address: address, Prohibited: true, Err: errors.New("open failed")}
}

func TestHintLooksThroughWrappedErrors(t *testing.T) {
	assert.Empty(t, For(nil))
	assert.Empty(t, For(errors.New("unknown")))
	assert.Equal(t, []string{"type this"}, For(fmt.Errorf("wrapped: %w", &settings.Error{Text: "wrong", Hint: "type this"})))
}

func TestHintTurnsKeepalivesOffIfTheyWereNeverAnswered(t *testing.T) {
	lost := func(never bool) error { return fmt.Errorf("%w: %w", tunnel.ErrLost, &tunnel.SilentError{Never: never}) }
	assert.Contains(t, fmt.Sprint(For(lost(true))), "-o ServerAliveInterval=0")
	assert.Empty(t, For(lost(false)))
}

func TestHintsOfJoinedErrorsAreNotRepeated(t *testing.T) {
	both := fmt.Errorf("%w; %w", prohibited("ftp:21"), prohibited("ftp:21"))
	assert.Equal(t, For(prohibited("ftp:21")), For(both))
	both = fmt.Errorf("%w; %w", prohibited("ftp:21"), &tunnel.OpenError{Address: "ftp:21", Err: errors.New("Connection refused")})
	assert.Len(t, For(both), 3)
}

func TestHintDependsOnGatewaysAnswer(t *testing.T) {
	for _, c := range []struct {
		err  *tunnel.OpenError
		want string
	}{
		{prohibited("[::1]:21"), "PermitOpen [::1]:*"},
		{&tunnel.OpenError{Address: "jumped:22", Jump: "jump", Prohibited: true, Err: errors.New("open failed")}, "in the sshd_config of jump "},
		{&tunnel.OpenError{Address: "127.0.0.1:0", Listen: true, Err: errors.New("refused")}, "PermitListen"},
		{&tunnel.OpenError{Address: "ftp:21", Err: errors.New("Connection refused")}, "nothing listens on ftp:21 there"},
		{&tunnel.OpenError{Address: "ftp:21", Err: errors.New("Name or service not known")}, "the gateway cannot resolve ftp"},
		{&tunnel.OpenError{Address: "[::1]:21", Err: errors.New("No route to host")}, "check that the gateway can reach it; there, try: nc -v ::1 21"},
	} {
		assert.Contains(t, fmt.Sprint(For(c.err)), c.want)
	}
}

func TestHintNamesCauseOfListenError(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.EADDRINUSE: "another program uses that port",
		os.ErrPermission:   "ports below 1024",
	} {
		assert.Contains(t, fmt.Sprint(For(&forward.ListenError{Address: "127.0.0.1:21", Err: cause})), want)
	}
}

// SSH does not give the reason of a refusal: it takes several answers to guess
// the option.
func TestPolicyNamesTheOptionThatExplainsAllAnswers(t *testing.T) {
	no, noPort := prohibited("localhost:21"), &tunnel.OpenError{Listen: true, Address: "127.0.0.1:0", Err: errors.New("refused")}
	for _, c := range []struct {
		policy Policy
		want   string
	}{
		{Policy{}, "[]"},
		{Policy{Connect: no, Listen: noPort}, "set AllowTcpForwarding yes and DisableForwarding no"},
		{Policy{Connect: no}, "PermitOpen seems to leave out localhost:21: add PermitOpen localhost:*"},
		{Policy{Connect: no, Reach: no}, "AllowTcpForwarding seems to be remote"},
		{Policy{Reach: no}, "PermitOpen seems to allow only localhost:21"},
		{Policy{Listen: noPort}, "AllowTcpForwarding seems to be local"},
		{Policy{Connect: no, Dropbear: true}, "Dropbear seems to run with -j,"},
		{Policy{Listen: noPort, Dropbear: true}, "Dropbear seems to run with -k,"},
	} {
		c.policy.Server = "localhost:21"
		assert.Contains(t, fmt.Sprint(c.policy.Hints()), c.want)
	}
}
