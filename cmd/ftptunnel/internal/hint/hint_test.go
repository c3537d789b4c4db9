package hint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/greeting"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

func prohibited(address string) *tunnel.OpenError {
	return &tunnel.OpenError{Address: address, Prohibited: true, Err: errors.New("open failed")}
}

func TestHintLooksThroughWrappedErrors(t *testing.T) {
	assert.Empty(t, Adviser{}.For(nil))
	assert.Empty(t, Adviser{}.For(errors.New("unknown")))
	assert.Equal(t, []string{"type this"}, Adviser{}.For(fmt.Errorf("wrapped: %w", &settings.Error{Text: "wrong", Hint: "type this"})))
}

func TestHintTurnsKeepalivesOffIfTheyWereNeverAnswered(t *testing.T) {
	lost := func(never bool) error { return fmt.Errorf("%w: %w", tunnel.ErrLost, &tunnel.SilentError{Never: never}) }
	assert.Contains(t, fmt.Sprint(Adviser{}.For(lost(true))), "-o ServerAliveInterval=0")
	assert.Empty(t, Adviser{}.For(lost(false)))
}

func TestHintsOfJoinedErrorsAreNotRepeated(t *testing.T) {
	both := fmt.Errorf("%w; %w", prohibited("ftp:21"), prohibited("ftp:21"))
	assert.Equal(t, Adviser{}.For(prohibited("ftp:21")), Adviser{}.For(both))
	both = fmt.Errorf("%w; %w", prohibited("ftp:21"), &tunnel.OpenError{Address: "ftp:21", Err: errors.New("Connection refused")})
	assert.Len(t, Adviser{}.For(both), 3)
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
		{&tunnel.OpenError{Address: "ftp:21", Err: errors.New("Name or service not known")}, "the gateway cannot resolve ftp: give a name"},
		{&tunnel.OpenError{Address: "ftp:21", Err: errors.New("Temporary failure in name resolution")}, "the gateway cannot resolve ftp now"},
		{&tunnel.OpenError{Address: "[::1]:21", Err: errors.New("No route to host")}, "check that the gateway can reach it; there, try: nc -v ::1 21"},
	} {
		assert.Contains(t, fmt.Sprint(Adviser{}.For(c.err)), c.want)
	}
}

func TestHintNamesCauseOfListenError(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.EADDRINUSE: "another program uses that port",
		os.ErrPermission:   "ports below 1024",
	} {
		assert.Contains(t, fmt.Sprint(Adviser{}.For(&forward.ListenError{Address: "127.0.0.1:21", Err: cause})), want)
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

// typed is: ftptunnel run -p 2222 -i key -F cfg --fxp alice@127.0.0.1 ftp -- curl
var typed = Adviser{settings.CommandLine{
	Command: "ftptunnel run",
	Flags: []settings.Flag{
		{Name: "port", Letter: "p", Value: "2222"}, {Name: "identity", Letter: "i", Value: "my key"},
		{Name: "config", Letter: "F", Value: "cfg"}, {Name: "fxp", Switch: true},
	},
	Args: []string{"alice@127.0.0.1", "ftp"}, Child: []string{"curl"},
}}

// What a hint tells to type must work as it is.
func TestHintsKeepTheFlagsThatWereGiven(t *testing.T) {
	gw := tunnel.Hop{Alias: "127.0.0.1", HostName: "127.0.0.1", Port: 2222, User: "alice"}
	jump := tunnel.Hop{Alias: "jump", HostName: "10.0.0.1", Port: 2200, User: "bob"}
	const ssh, toJump = "-F cfg -p 2222 -i 'my key' alice@127.0.0.1", "-F cfg -p 2200 bob@jump"
	hop := func(h tunnel.Hop, op string, err error) error { return &tunnel.HopError{Hop: h, Op: op, Err: err} }
	for want, err := range map[string]error{
		"check that this works: ssh " + ssh:             hop(gw, tunnel.OpAuthenticate, &tunnel.AuthError{Allowed: []string{"publickey"}}),
		"check that this works: ssh " + toJump:          hop(jump, tunnel.OpAuthenticate, &tunnel.AuthError{Allowed: []string{"publickey"}}),
		"try: ssh -v " + ssh:                            hop(gw, tunnel.OpDial, syscall.ECONNREFUSED),
		"try: ssh -v " + toJump:                         hop(jump, tunnel.OpDial, syscall.EHOSTUNREACH),
		"HostName in ~/.ssh/config; try: ssh -v " + ssh: hop(gw, tunnel.OpDial, errors.New("unknown")),
		"compare with: ssh -v " + ssh:                   hop(gw, tunnel.OpHandshake, errors.New("unknown")),
		"is an SSH server: ssh -v " + ssh:               hop(gw, tunnel.OpHandshake, &tunnel.NotSSHError{Line: "hello"}),
		"and the FTP server behind: ftptunnel run --identity='my key' --config=cfg --fxp gateway 127.0.0.1:2222 -- curl": hop(gw, tunnel.OpHandshake, &tunnel.NotSSHError{Line: "220 ready"}),
		"at a terminal: ssh " + ssh: hop(gw, tunnel.OpVerify, &knownhosts.HostKeyError{Kind: knownhosts.Unknown}),
		"or name another: ftptunnel run --port=2222 --identity='my key' --config=cfg --fxp alice@127.0.0.1 ftp-host:port -- curl": &greeting.Error{Server: "ftp:21", Line: "SSH-"},
		"give the port with -p: ftptunnel run --identity='my key' --config=cfg --fxp --port=22 gw ftp -- curl":                    &sshconfig.Error{Problem: sshconfig.PortInName, Host: "gw", Port: "22"},
		"--identity=FILE alice@127.0.0.1 ftp -- curl":                                                                             &sshconfig.Error{Problem: sshconfig.OnCommandLine, Option: "-i"},
		"--config=none alice@127.0.0.1 ftp -- curl":                                                                               &sshconfig.Error{Problem: sshconfig.OnCommandLine, Option: "-F"},
		"compare with: ssh -G -F cfg -p 2222 -i 'my key' alice@127.0.0.1":                                                         &sshconfig.Error{Problem: sshconfig.OnCommandLine, Option: "-o"},
		`"Host jump" with "ProxyJump none"`:                                                                                       &sshconfig.Error{Problem: sshconfig.JumpLoop, Host: "jump"},
	} {
		assert.Contains(t, fmt.Sprint(typed.For(err)), want)
	}
	byURI := Adviser{settings.CommandLine{Args: []string{"gw1,ssh://alice@gw:2222/"}}}
	assert.Contains(t, fmt.Sprint(byURI.For(hop(tunnel.Hop{Alias: "gw", Port: 2222, User: "alice"}, tunnel.OpAuthenticate, &tunnel.AuthError{Allowed: []string{"publickey"}}))), "ssh -p 2222 alice@gw]")
	byConfig := Adviser{settings.CommandLine{Args: []string{"gw"}}}
	assert.Contains(t, fmt.Sprint(byConfig.For(hop(tunnel.Hop{Alias: "gw", Port: 2222, User: "alice"}, tunnel.OpAuthenticate, &tunnel.AuthError{Allowed: []string{"publickey"}}))), "ssh alice@gw]", "the configuration has the port")
}

func TestHintDependsOnGreeting(t *testing.T) {
	for want, err := range map[string]*greeting.Error{
		"the FTP server is busy":          {Server: "ftp:21", Line: "421 too many", Code: 421},
		"accept clients from the gateway": {Server: "ftp:21", Line: "530 no", Code: 530},
		"check that ftp:21 is the FTP server's address, as the gateway sees it, or name another: ftptunnel ftp-host:port": {Server: "ftp:21", Line: "SSH-"},
	} {
		lines := Adviser{}.For(err)
		assert.Len(t, lines, 1)
		assert.Contains(t, lines[0], want)
	}
	withPort := Adviser{settings.CommandLine{Flags: []settings.Flag{{Name: "listen", Letter: "L", Value: "2121:ftp:21"}}, Args: []string{"gw"}}}
	assert.Contains(t, fmt.Sprint(withPort.For(&greeting.Error{Server: "ftp:21"})), "or name another: -L port:ftp-host:ftp-port")
}

// An idle timeout does not end a session within milliseconds.
func TestHintAboutHangUpDependsOnAgeOfSession(t *testing.T) {
	const turnedAway, idle = "look in the FTP server's log", "look for an idle timeout"
	for after, want := range map[time.Duration][]string{50 * time.Millisecond: {turnedAway}, 3 * time.Second: {turnedAway, idle}, 5 * time.Minute: {idle}} {
		lines := Adviser{}.For(&ftpfwd.HangUpError{After: after})
		require.Len(t, lines, len(want), after)
		for i := range want {
			assert.Contains(t, lines[i], want[i])
		}
	}
}

func TestHintAboutRefusedLogin(t *testing.T) {
	assert.Equal(t, []string{FTPLogin}, Adviser{}.For(&ftpfwd.LoginError{User: "bob", Code: 530, Reply: "530 Login incorrect."}))
	assert.Contains(t, fmt.Sprint(Adviser{}.For(&ftpfwd.LoginError{User: "bob", Code: 530, Reply: "530 Non-anonymous sessions must use encryption."})), "requires TLS")
	assert.Contains(t, fmt.Sprint(Adviser{}.For(&ftpfwd.LoginError{User: "anonymous", Code: 530, Reply: "530 Login incorrect."})), "open -u user,password")
}
