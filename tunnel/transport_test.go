package tunnel

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// receives returns how long a transport lives that receives texts, one a tenth of
// a second after the other, and an hour at most; and why it ended.
func receives(t *testing.T, texts ...string) (lived time.Duration, why error) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		over := make(chan struct{})
		defer close(over)
		tr := newTransport(here)
		go func() {
			defer there.Close()
			for _, text := range texts {
				time.Sleep(100 * time.Millisecond)
				_, _ = io.WriteString(there, text)
			}
			select {
			case <-time.After(time.Hour):
			case <-over:
			}
		}()
		began := time.Now()
		_, _ = io.Copy(io.Discard, tr)
		lived, why = time.Since(began), tr.failure(nil)
	})
	return lived, why
}

func TestServerOfAnotherProtocolFailsWithinASecond(t *testing.T) {
	for _, line := range []string{
		"220 ftp.example.com ready\r\n", "220-Welcome\r\n", "421 Too many users\r\n", "HTTP/1.1 400 Bad Request\r\n",
		"* OK IMAP4\r\n", "+OK POP3\r\n", "RFB 003.008\n", "\x15\x03\x01\x00\x02",
	} {
		lived, why := receives(t, line)
		assert.Equal(t, errStranger, why, line)
		assert.Less(t, lived, 2*time.Second, line)
	}
}

// RFC 4253, 4.2: other lines may come before the identification string.
func TestLinesBeforeIdentificationStringAreAllowed(t *testing.T) {
	for _, texts := range [][]string{
		{"SSH-2.0-x\r\n"},
		{"220 Authorized use only\r\n", "SSH-2.0-x\r\n"},
		{"220-Authorized\r\n220 use only\r\nSSH-2.0-x\r\n"},
		{"Authorized use only\r\n"},
		{"This is gateway 220\r\n"},
	} {
		lived, why := receives(t, texts...)
		assert.Equal(t, errClosedByPeer, why, texts)
		assert.GreaterOrEqual(t, lived, time.Hour, texts)
	}
}
