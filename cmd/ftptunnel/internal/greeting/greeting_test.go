package greeting

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server sends text to each connection and records what it receives.
type server struct {
	text     string
	hangUp   bool // closes after text
	received chan string
}

func newServer(text string, hangUp bool) *server {
	return &server{text, hangUp, make(chan string, 2)}
}

func (s *server) DialContext(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		_, _ = io.WriteString(there, s.text)
		if s.hangUp {
			_ = there.Close()
		}
		line, _ := bufio.NewReader(there).ReadString('\n')
		_ = there.Close()
		s.received <- line
	}()
	return here, nil
}

func TestCheckAcceptsAGreetingAndSendsQUIT(t *testing.T) {
	for _, text := range []string{"220 ready\r\n", "220-hello\r\n220 ready\r\n", "120 ready in 5 minutes\r\n220 ready\r\n"} {
		s := newServer(text, false)
		require.NoError(t, Check(t.Context(), s, "ftp:21"), text)
		assert.Equal(t, "QUIT\r\n", <-s.received)
	}
}

func TestCheckReportsWhatAnswersInsteadOfAnFTPServer(t *testing.T) {
	for text, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2\r\n": `ftp:21 does not greet as an FTP server: "SSH-2.0-OpenSSH_9.2"`,
		"421 too many users\r\n":  `ftp:21 does not greet as an FTP server: "421 too many users"`,
		"":                        "no greeting from an FTP server at ftp:21: it closed the connection",
		"22":                      "no greeting from an FTP server at ftp:21: it closed the connection",
	} {
		s := newServer(text, true)
		assert.EqualError(t, Check(t.Context(), s, "ftp:21"), want)
		<-s.received
	}
}

// endless is a server whose greeting has no end.
type endless struct {
	start, then string
	sent        chan int
}

func (s *endless) DialContext(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		sent, err := io.WriteString(there, s.start)
		for n := 0; err == nil; sent += n {
			n, err = io.WriteString(there, s.then)
		}
		s.sent <- sent
	}()
	return here, nil
}

func TestCheckReadsNoMoreThanABoundedGreeting(t *testing.T) {
	block := strings.Repeat("x", 1<<10)
	for start, then := range map[string]string{
		"220-":   block,                   // one line
		"220-a":  "\r\n" + block,          // many lines
		"120 x":  "\r\n120 soon " + block, // many replies
		"220-b ": "\r\n220-" + block,
		"SSH":    block,
	} {
		s := &endless{start, then, make(chan int, 1)}
		assert.EqualError(t, Check(t.Context(), s, "ftp:21"), "no greeting from an FTP server at ftp:21: it sent 64 kB without a greeting", start)
		assert.LessOrEqual(t, <-s.sent, maxReceived+8<<10, start)
	}
	long := &Error{Server: "ftp:21", Line: strings.Repeat("x", 1<<20)}
	assert.Less(t, len(long.Error()), 300)
}

func TestCheckWaitsForAGreetingUntilTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := Check(t.Context(), newServer("", false), "ftp:21")
		assert.EqualError(t, err, "no greeting from an FTP server at ftp:21: it sent nothing in time")
		assert.Equal(t, Limit, time.Since(began))
	})
}

func TestCheckEndsWhenItsContextDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		assert.ErrorIs(t, Check(ctx, newServer("", false), "ftp:21"), context.Canceled)
		lost := errors.New("connection lost")
		ctx, cancelCause := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancelCause(lost) })
		assert.ErrorIs(t, Check(ctx, newServer("", false), "ftp:21"), lost)
	})
}

func TestCheckAllJoinsTheErrorsOfAllServers(t *testing.T) {
	s := newServer("SSH-2.0\r\n", true)
	err := CheckAll(t.Context(), s, []string{"a:21", "b:21"})
	assert.EqualError(t, err, `a:21 does not greet as an FTP server: "SSH-2.0"; b:21 does not greet as an FTP server: "SSH-2.0"`)
	assert.NoError(t, CheckAll(t.Context(), s, nil))
}
