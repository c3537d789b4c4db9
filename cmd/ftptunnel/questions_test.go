//go:build linux

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/sshtest"
)

// A terminal is a run of the program at a terminal.
type atTerminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	tty   *os.File
	shown lockedBuffer
	read  chan struct{} // closed at the end of what is shown
}

// atTerminal starts cmd at a terminal that is not read by anybody else.
func (s *site) atTerminal(cmd *exec.Cmd) *atTerminal {
	s.t.Helper()
	for i, word := range cmd.Args {
		if word == "BatchMode=yes" {
			cmd.Args[i] = "BatchMode=no"
		}
	}
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "SSH_ASKPASS") })
	term := &atTerminal{t: s.t, cmd: cmd, read: make(chan struct{})}
	tty, err := pty.StartWithAttrs(cmd, nil, &syscall.SysProcAttr{Setsid: true, Setctty: true})
	require.NoError(s.t, err)
	term.tty = tty
	go func() {
		defer close(term.read)
		buf := make([]byte, 1024)
		for {
			n, err := tty.Read(buf)
			_, _ = term.shown.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
	})
	return term
}

// awaits waits until the terminal has shown text, and types.
func (term *atTerminal) awaits(text, typed string) {
	term.t.Helper()
	require.Eventually(term.t, func() bool { return strings.Contains(term.shown.String(), text) }, 20*time.Second, 5*time.Millisecond, "%q: %q", text, &term.shown)
	_, err := term.tty.WriteString(typed)
	require.NoError(term.t, err)
}

// status waits for the end of the program and returns its exit status.
func (term *atTerminal) status() int {
	_ = term.cmd.Wait()
	<-term.read
	return term.cmd.ProcessState.ExitCode()
}

// askingSite is a site whose gateway takes a password only.
func askingSite(t *testing.T) *site {
	return newSite(t, &sshtest.Server{Password: "secret", Keys: nil})
}

func TestInterruptAtQuestionIsOneLineAndStatus130(t *testing.T) {
	s := askingSite(t)
	question := "ann@127.0.0.1's password: "
	for name, words := range map[string][]string{
		"forward": {"-L", "0:" + s.ftp, "127.0.0.1"},
		"several": {"-L", "0:" + s.ftp, "127.0.0.1,localhost"},
		"run":     {"run", "127.0.0.1", s.ftp, "--", "true"},
		"check":   {"check", "127.0.0.1", s.ftp},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.Index(words, "--")
			if i < 0 {
				i = len(words)
			}
			cmd := s.command(append(slices.Clone(words[:i]), "-o", "PubkeyAuthentication=no")...)
			cmd.Args = append(cmd.Args, words[i:]...)
			term := s.atTerminal(cmd)
			term.awaits(question, "\x03")
			assert.Equal(t, 130, term.status())
			_, after, _ := strings.Cut(term.shown.String(), question)
			assert.Equal(t, "\r\nerror: interrupted\r\n", after)
		})
	}
	t.Run("password of check", func(t *testing.T) {
		s := newSite(t, &sshtest.Server{})
		term := s.atTerminal(s.command("check", "--user", "bob", "127.0.0.1", s.ftp))
		term.awaits("Password of FTP user bob", "\x03")
		assert.Equal(t, 130, term.status())
		_, after, _ := strings.Cut(term.shown.String(), s.ftp+": ")
		assert.True(t, strings.HasSuffix(term.shown.String(), "\r\nerror: interrupted\r\n"), after)
	})
}

func TestNoLogLineStandsBetweenWrongAnswerAndNextQuestion(t *testing.T) {
	s := askingSite(t)
	term := s.atTerminal(s.command("-vv", "-o", "PubkeyAuthentication=no", "-L", "0:"+s.ftp, "127.0.0.1"))
	question := "ann@127.0.0.1's password: "
	again := "\r\nPermission denied, please try again.\r\n" + question
	term.awaits(question, "wrong\n")
	term.awaits(question+again, "wrong\n")
	term.awaits(question+again+again, "secret\n")
	term.awaits("ftp://127.0.0.1:", "\x03")
	assert.Zero(t, term.status())
	assert.NotContains(t, term.shown.String(), "drain_timeout_ms", "nothing runs")
}

// SIGHUP reads the configuration again, whether the tunnel is up or not.
func TestHangupBeforeTunnelIsUpDoesNotEndProgram(t *testing.T) {
	s := askingSite(t)
	term := s.atTerminal(s.command("-o", "PubkeyAuthentication=no", "-L", "0:"+s.ftp, "127.0.0.1"))
	term.awaits("password: ", "")
	require.NoError(t, term.cmd.Process.Signal(syscall.SIGHUP))
	term.awaits("configuration unchanged", "secret\n")
	term.awaits("ftp://127.0.0.1:", "\x03")
	assert.Zero(t, term.status())
}

func TestLockedKeyWithoutTerminalIsNamedWithHint(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("sesame"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "locked")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	s.flags[slices.Index(s.flags, "-i")+1] = file
	out, err := s.command("-q", "127.0.0.1").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "error: authenticate ann@127.0.0.1: Permission denied (publickey): not offered, for want of a passphrase: "+file+"\n")
	assert.Contains(t, string(out), "hint: "+file+" needs a passphrase, and there is no terminal to ask for it: load it into an agent first: ssh-add "+file+"\nhint: no key was offered\n")
	assert.NotContains(t, string(out), "name one with -i")
}

func TestUnknownHostKeyWithoutTerminalSaysWhatToDo(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	for i, word := range s.flags {
		if strings.HasPrefix(word, "UserKnownHostsFile=") {
			s.flags[i] = "UserKnownHostsFile=" + filepath.Join(t.TempDir(), "none")
		}
	}
	out, err := s.command("-o", "StrictHostKeyChecking=ask", "-L", "0:"+s.ftp, "127.0.0.1").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "and nobody can be asked whether to trust "+ssh.FingerprintSHA256(s.gateway.HostKey())+"\n")
	assert.NotContains(t, string(out), "requested strict checking")
	assert.Contains(t, string(out), "hint: look at the key and accept it once, at a terminal: ssh ")
	assert.Regexp(t, `hint: or compare the fingerprint .*: ssh-keyscan -p \d+ 127\.0\.0\.1 >> ~/\.ssh/known_hosts\n`, string(out))
}

// What a gateway says about a refusal may control the terminal, or look like
// another line.
func TestRefusalOfGatewayIsPrintable(t *testing.T) {
	const hostile = "nowhere\x1b[31m\u009b2J\u202e\r\nerror: forged\r\nhint: forged"
	s := newSite(t, &sshtest.Server{Resolve: func(string) string { return hostile + ":21" }})
	for _, words := range [][]string{
		{"run", "127.0.0.1", s.ftp, "--", "true"}, {"run", "--log-format=json", "127.0.0.1", s.ftp, "--", "true"},
		{"check", "127.0.0.1", s.ftp}, {"check", "--json", "127.0.0.1", s.ftp},
	} {
		i := slices.Index(words, "--")
		if i < 0 {
			i = len(words)
		}
		cmd := s.command(words[:i]...)
		cmd.Args = append(cmd.Args, words[i:]...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "nowhere", words)
		assert.NotRegexp(t, regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202e]"), string(out), words)
		assert.NotRegexp(t, `(?m)^(error|hint): forged`, string(out), words)
		if words[1] == "--log-format=json" {
			for line := range bytes.Lines(out) {
				assert.Equal(t, byte('{'), line[0], string(line))
			}
			assert.Contains(t, string(out), `"level":"ERROR","msg":"failed","error":`)
		}
	}
}
