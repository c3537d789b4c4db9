package ftpfwd

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A conn that tells how its bytes were written shows that what arrived
// together leaves together: a client that looks for surplus bytes behind a
// reply finds them in the same read.
func TestWhatArrivesTogetherLeavesTogether(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("NOOP")
		r.server.hear("NOOP")
		r.server.raw("200 one\r\n200 two\r\n200 three\r\n")
		synctest.Wait()
		b := make([]byte, 100)
		n, err := r.client.conn.Read(b)
		require.NoError(t, err)
		assert.Equal(t, "200 one\r\n200 two\r\n200 three\r\n", string(b[:n]))
	})
}

func TestAGreetingAnswersNoCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.connect()
		r.client.say("AUTH TLS", "FEAT", "EPSV") // some clients do not wait
		r.server.hear("FEAT", "EPSV")
		r.server.say("120 in a minute", "220-hello", "220 ready", "211-Features", " AUTH TLS", " SIZE", "211 End", "229 ok (|||4000|)")
		r.client.hear("120 in a minute", "220-hello", "220 ready")
		assert.Contains(t, r.client.line(), "534 AUTH refused")
		r.client.hear("211-Features", " SIZE", "211 End")
		assert.NotContains(t, r.client.line(), "|4000|")
		r.close()
	})
}

func TestOwnRepliesKeepTheirPlace(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("NOOP", "AUTH TLS", "SYST", "AUTH SSL")
		r.server.hear("NOOP", "SYST")
		r.client.silent()
		r.server.say("200-first", "200 ok", "215 UNIX")
		r.client.hear("200-first", "200 ok")
		assert.Contains(t, r.client.line(), "534 ")
		r.client.hear("215 UNIX")
		assert.Contains(t, r.client.line(), "534 ")
	})
}

func TestAnOwnReplyDoesNotWaitForEverForAServerThatNeverAnswers(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("SITE FORGETFUL", "AUTH TLS")
		r.server.hear("SITE FORGETFUL")
		began := time.Now()
		assert.Contains(t, r.client.line(), "534 ")
		assert.Equal(t, ownReplyAtMost, time.Since(began))
	})
}

// A server may wait for a data connection for minutes before it says so.
func TestAnOwnReplyDoesNotOvertakeATransferThatWaitsForItsData(t *testing.T) {
	withRig(t, func(r *rig) {
		l, _ := r.active()
		defer l.Close()
		r.client.say("RETR x", "AUTH TLS")
		r.server.hear("RETR x")
		pass(3 * ownReplyAtMost)
		r.server.say("150 soon")
		r.client.hear("150 soon")
		pass(3 * ownReplyAtMost)
		r.client.silent()
		r.server.say("425 I cannot connect")
		r.client.hear("425 I cannot connect")
		assert.Contains(t, r.client.line(), "534 ")
	})
}

func TestAClientThatIsHeldIsNotReadFurther(t *testing.T) {
	var listening chan struct{}
	withRig(t, func(r *rig) {
		r.client.say("PORT 127,0,0,1,200,1")
		written := make(chan struct{})
		go func() {
			_, _ = io.WriteString(r.client.conn, strings.Repeat("NOOP\r\n", 100_000))
			close(written)
		}()
		synctest.Wait()
		select {
		case <-written:
			t.Error("600 kB were taken while a command was held")
		default:
		}
		close(listening)
		r.server.line()
		for range 100_000 {
			r.server.hear("NOOP")
		}
	}, func(r *rig) {
		listening = make(chan struct{})
		r.forwarder.Remote = slow{named{r.far}, listening}
	})
}
