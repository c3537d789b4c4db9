package ftpfwd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestA227OutsideAnAnswerToPASVIsNeverRewritten(t *testing.T) {
	const fake = "227 Entering Passive Mode (6,6,6,6,1,1)"
	withRig(t, func(r *rig) {
		r.client.say("STAT dir")
		r.server.hear("STAT dir")
		// A file's name can make a server print such a line.
		r.server.say("213-Status", fake, "213 End")
		r.client.hear("213-Status", fake, "213 End")

		r.server.say(fake, "229 ok (|||257|)") // nobody asked
		r.client.hear(fake, "229 ok (|||257|)")

		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("213-Late", fake, "213 End")
		r.client.hear("213-Late", fake, "213 End")
		listeners, _ := r.near.Open()
		assert.Equal(t, 1, listeners, "only the control listener")
	})
}

func TestASurplusReplyDoesNotHideTheNextAnnouncement(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("250 one too many", "227 ok (127,0,0,1,200,1)")
		r.client.hear("250 one too many")
		assert.NotContains(t, r.client.line(), "200,1)")
	})
}

func TestEveryLineOfAMultiLine227NamesTheSameListener(t *testing.T) {
	withRig(t, func(r *rig) {
		r.client.say("PASV")
		r.server.hear("PASV")
		r.server.say("227-Entering (10,0,0,1,4,51)", " text (10,0,0,1,4,51)", "227 Entering (10,0,0,1,4,51).")
		first, text, last := r.client.line(), r.client.line(), r.client.line()
		assert.Equal(t, " text (10,0,0,1,4,51)", text)
		assert.Equal(t, strings.Replace(first, "-", " ", 1)+".", last)
		assert.Contains(t, first, "(127,0,0,1,")
		assert.NotContains(t, first, "4,51)")
	})
}

func TestAnUnusableAnnouncementPassesUnchanged(t *testing.T) {
	withRig(t, func(r *rig) {
		for _, reply := range []string{
			"227 Entering Passive Mode (1216,256,2,127,127,127)", // curl's test 237
			"229 Entering Extended Passive Mode (|||1000000|)",   // curl's test 238
			"227 Entering Passive Mode (127,0,0,1,0,0)",
			"421 no more ports",
		} {
			r.client.say("PASV")
			r.server.hear("PASV")
			r.server.say(reply)
			r.client.hear(reply)
		}
	})
}

// vsftpd waits for a minute, pyftpdlib for half of one, others for longer.
func TestAListenerOutlastsTheServersPatience(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		l, port := r.serverData()
		at := r.epsv(fmt.Sprint(port))
		pass(4 * time.Minute)
		client, err := r.near.DialContext(t.Context(), "tcp", at)
		require.NoError(t, err)
		server := r.accept(l)
		r.begin("RETR x")
		r.download(server, client)
		require.NoError(t, r.transfer().Err)
	})
}
