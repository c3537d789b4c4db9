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

func TestWaitAcceptsWhateverClientsDo(t *testing.T) {
	for _, text := range []string{
		"220 ready\r\n", "220-hello\r\n220 ready\r\n", "120 ready in 5 minutes\r\n220 ready\r\n",
		"120 ready in 5 minutes\r\n120 in 4\r\n220 ready\r\n", "150 wait\r\n220 ready\r\n",
		"200 ready\r\n", "230 logged in\r\n", "202 hello\r\n", // any 2yz
		"220\r\n", "220\n", "220-\r\n220\r\n", "220 \r\n", // bare codes
		"\r\n\r\n220 ready\r\n", "Welcome to the gateway\r\n220 ready\r\n", "2200 files\r\n220 ready\r\n", "999 x\r\n220 ready\r\n",
		"220-hello\r\n 220 in text\r\n221 not the end\r\nplain\r\n220 ready\r\n",
	} {
		s := newServer(text, false)
		c, err := Wait(t.Context(), s, "ftp:21")
		require.NoError(t, err, text)
		again := make([]byte, len(text))
		_, err = io.ReadFull(c, again)
		require.NoError(t, err)
		assert.Equal(t, text, string(again), "it is unread")
		c.Quit()
		assert.Equal(t, "QUIT\r\n", <-s.received)
	}
}

func TestWaitReportsWhatAnswersInsteadOfAnFTPServer(t *testing.T) {
	for text, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2\r\n": `ftp:21 does not greet as an FTP server: "SSH-2.0-OpenSSH_9.2"`,
		"HTTP/1.1 400 Bad\r\n":    `ftp:21 does not greet as an FTP server: "HTTP/1.1 400 Bad"`,
		"\x15\x03\x01\x00\x02\n":  `ftp:21 does not greet as an FTP server: "\x15\x03\x01\x00\x02"`,
		"hello\r\nthere\r\n":      `ftp:21 does not greet as an FTP server: "hello", then it closed the connection`,
		"331 password?\r\n":       `ftp:21 does not greet as an FTP server: "331 password?"`,
		"421 too many users\r\n":  `the FTP server at ftp:21 accepts no clients now: "421 too many users"`,
		"421-too\r\n421 many\r\n": `the FTP server at ftp:21 accepts no clients now: "421-too"`,
		"120 soon\r\n421 no\r\n":  `the FTP server at ftp:21 accepts no clients now: "421 no"`,
		"530 not from there\r\n":  `the FTP server at ftp:21 rejects the gateway: "530 not from there"`,
		"":                        "no greeting from an FTP server at ftp:21: it closed the connection",
		"220-hello\r\n":           `ftp:21 does not greet as an FTP server: "220-hello", then it closed the connection`,
	} {
		s := newServer(text, true)
		_, err := Wait(t.Context(), s, "ftp:21")
		assert.EqualError(t, err, want)
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

func TestWaitReadsNoMoreThanABoundedGreeting(t *testing.T) {
	block := strings.Repeat("x", 1<<10)
	for start, then := range map[string]string{
		"220-":   block,                   // one line
		"220-a":  "\r\n" + block,          // many lines
		"120 x":  "\r\n120 soon " + block, // many replies
		"220-b ": "\r\n220-" + block,
		"SSH":    block,
	} {
		s := &endless{start, then, make(chan int, 1)}
		_, err := Wait(t.Context(), s, "ftp:21")
		assert.ErrorIs(t, err, errTooLong, start)
		assert.LessOrEqual(t, <-s.sent, maxReceived+8<<10, start)
	}
	long := &Error{Server: "ftp:21", Line: strings.Repeat("x", 1<<20)}
	assert.Less(t, len(long.Error()), 300)
}

func TestWaitEndsAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]string{
			"":          "no greeting from an FTP server at ftp:21: it sent nothing in time",
			"hello\r\n": `ftp:21 does not greet as an FTP server: "hello", then nothing more in time`,
		} {
			began := time.Now()
			_, err := Wait(t.Context(), newServer(text, false), "ftp:21")
			assert.EqualError(t, err, want)
			assert.Equal(t, Limit, time.Since(began))
		}
	})
}

func TestWaitEndsWhenItsContextDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := Wait(ctx, newServer("", false), "ftp:21")
		assert.ErrorIs(t, err, context.Canceled)
		lost := errors.New("connection lost")
		ctx, cancelCause := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancelCause(lost) })
		_, err = Wait(ctx, newServer("", false), "ftp:21")
		assert.ErrorIs(t, err, lost)
	})
}

func TestQuitWaitsForServersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			line, _ := bufio.NewReader(there).ReadString('\n')
			assert.Equal(t, "QUIT\r\n", line)
			time.Sleep(300 * time.Millisecond)
			_ = there.Close()
		}()
		began := time.Now()
		Quit(here)
		assert.Equal(t, 300*time.Millisecond, time.Since(began))

		here, there = net.Pipe() // and reads nothing
		began = time.Now()
		Quit(here)
		assert.Equal(t, quitAtMost, time.Since(began))
		_ = there.Close()
	})
}

func TestWatchLosesNothing(t *testing.T) {
	here, there := net.Pipe()
	c := &Conn{Conn: here}
	c.first.WriteString("220 ready\r\n")
	stirred := c.Watch()
	go func() {
		_, _ = io.WriteString(there, "421 idle\r\n")
		_, _ = io.WriteString(there, "more")
		_ = there.Close()
	}()
	<-stirred
	text, err := io.ReadAll(c)
	assert.NoError(t, err)
	assert.Equal(t, "220 ready\r\n421 idle\r\nmore", string(text))
	assert.NoError(t, c.Close())
}
