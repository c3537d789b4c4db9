package ftpfwd

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What we answer ourselves is bounded by what the client reads, as what the
// server answers is.
func TestAClientThatReadsNoneOfOurRepliesIsReadNoFurther(t *testing.T) {
	withRig(t, func(r *rig) {
		commands := strings.Repeat("AUTH TLS\r\n", 100)
		said := make(chan error)
		go func() {
			for range 1000 {
				if _, err := r.client.conn.Write([]byte(commands)); err != nil {
					said <- err
					return
				}
			}
			said <- nil
		}()
		synctest.Wait()
		select {
		case <-said:
			t.Error("all commands were taken")
		default:
			r.client.line() // and the replies are there
			require.NoError(t, r.client.conn.Close())
			assert.Error(t, <-said)
		}
	})
}

// An answer without a usable port is an answer all the same.
func TestAnUnusableAnnouncementHoldsUpNothing(t *testing.T) {
	const reply = "229 Entering Extended Passive Mode (|1|192.0.2.1|50006|)"
	withRig(t, func(r *rig) {
		began := time.Now()
		r.client.say("EPSV")
		r.server.hear("EPSV")
		r.server.say(reply)
		r.client.hear(reply)
		r.client.say("PASV")
		r.server.hear("PASV")
		assert.Zero(t, time.Since(began))
		r.server.say("227 Entering Passive Mode (127,0,0,1,200,1)")
		assert.Regexp(t, `^227 .*\(127,0,0,1,\d+,\d+\)$`, r.client.line())
	})
	// Where we have asked in another way than the client, another is left.
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.declines("PASV")
		r.server.hear("EPSV")
		r.server.say(reply)
		assert.Contains(t, r.server.line(), "PORT ")
		r.server.say("200 ok")
		assert.Regexp(t, `^227 `, r.client.line())
	})
}

func TestAServersHalfIsForTheServerOnly(t *testing.T) {
	for _, c := range []struct {
		server, active string
		own, others    []string
	}{
		{"localhost:21", "", []string{"127.0.0.1", "127.0.0.9", "::1"}, []string{"10.0.0.7"}},
		{"localhost:21", "10.0.0.5", []string{"127.0.0.1", "10.0.0.5"}, []string{"10.0.0.7"}},
		{"10.0.0.6:21", "10.0.0.5", []string{"10.0.0.6"}, []string{"10.0.0.5", "10.0.0.7", "127.0.0.1"}},
		{"ftp.internal:21", "10.0.0.5", []string{"10.0.0.6"}, nil}, // only the far end knows its address
	} {
		active, _ := netip.ParseAddr(c.active)
		target := newTarget(c.server)
		assert.True(t, target.mayBe(netip.Addr{}, active), "a far end that does not tell")
		for _, a := range c.own {
			assert.True(t, target.mayBe(netip.MustParseAddr(a), active), "%s to %s", a, c.server)
		}
		for _, a := range c.others {
			assert.False(t, target.mayBe(netip.MustParseAddr(a), active), "%s to %s", a, c.server)
		}
	}
}

func TestWhoIsNotTheServerIsTurnedAwayAtItsHalf(t *testing.T) {
	withRig(t, func(r *rig) {
		l, at := r.active()
		defer l.Close()
		r.far.From = netip.MustParseAddr("10.0.0.7")
		stranger, err := r.far.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		_, err = stranger.Read(make([]byte, 1))
		assert.Error(t, err)
		assert.ErrorContains(t, r.told(Warned)[0].Err, "10.0.0.7")

		r.far.From = netip.Addr{}
		server, err := r.far.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		r.client.say("RETR f")
		r.server.hear("RETR f")
		r.server.say("150 here it comes")
		r.client.hear("150 here it comes")
		client, err := l.Accept()
		require.NoError(t, err)
		carry(t, server, client, "data")
	})
}
