package ftpfwd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretLines are commands whose argument is a secret, as clients send them and
// servers may understand them, and what is shown of them.
var secretLines = map[string]string{
	"PASS hunter2-word":                    "PASS ****",
	"pass hunter2-word":                    "PASS ****",
	"  PASS hunter2-word":                  "PASS ****",
	"\tpAsS\thunter2-word":                 "PASS ****",
	"\xef\xbb\xbfPASS hunter2-word":        "PASS ****", // a byte order mark
	"\x01PASS hunter2-word":                "PASS ****",
	"\x00\x7fPASS hunter2-word":            "PASS ****",
	"\xc2\xa0PASS hunter2-word":            "PASS ****", // a blank that does not break
	"\xff\xf4\xff\xf2PASS hunter2-word":    "PASS ****", // Telnet's interrupt and mark
	"\xff\xfb\x27PASS hunter2-word":        "PASS ****", // WILL, with an option that is a printable byte
	"PA\xff\xf1SS hunter2-word":            "PASS ****",
	"PASShunter2-word":                     "PASS ****",
	"NOOP\rPASS hunter2-word":              "PASS ****",
	"USER ann\r\x00PASS hunter2-word":      "PASS ****",
	"PASS":                                 "PASS ****",
	"XPAS hunter2-word":                    "XPAS ****",
	"XPASS hunter2-word":                   "XPAS ****",
	"XAUT 2 hunter2-word":                  "XAUT ****",
	"acct hunter2-word":                    "ACCT ****",
	"ADAT hunter2-word":                    "ADAT ****",
	"AUTH GSSAPI hunter2-word":             "AUTH GSSAPI ****",
	"MIC hunter2-word":                     "MIC ****",
	"conf hunter2-word":                    "CONF ****",
	"ENC hunter2-word":                     "ENC ****",
	"SITE PSWD old-secret hunter2-word":    "SITE PSWD ****",
	"site passwd hunter2-word":             "SITE PASSWD ****",
	"\xef\xbb\xbfSITE CHPASS hunter2-word": "SITE CHPASS ****",
	"SITE CPWD hunter2-word":               "SITE CPWD ****",
	"SITE GPASS hunter2-word":              "SITE GPASS ****",
	"SITE ADDUSER ann hunter2-word *@*":    "SITE ADDUSER ****",
}

func TestSecretsOfCommandsAreMasked(t *testing.T) {
	for line, shown := range secretLines {
		assert.Equal(t, shown, parseCommand([]byte(line+"\r\n")).redact(), "%q", line)
	}
	for _, line := range []string{
		"AUTH TLS", "STOR PASS.txt", "CWD ACCT", "PASV", "XPWD", "SITE CHMOD 644 PASSWD", "STAT", "MICE x", "SITE HELP", "CLNT PASSIVE",
	} {
		assert.Equal(t, line, parseCommand([]byte(line)).redact(), "nothing of it is secret")
	}
}

// shown returns all that an event can be logged as.
func shown(e Event) string {
	return fmt.Sprintf("%q %v %+v %v", fmt.Sprintf("%+v %+v", e.Line, e.Change), e.Err, e.User+e.Text, e.Transfer.File+e.Transfer.Path+fmt.Sprint(e.Transfer.Err))
}

// Servers repeat a command that they do not understand, as it was sent, in
// capitals or in quotes.
func TestSecretThatServerRepeatsIsInNoEvent(t *testing.T) {
	for line := range secretLines {
		if !strings.Contains(line, "hunter2-word") || parseCommand([]byte(line)).kind() == verbSecurity {
			continue
		}
		withRig(t, func(r *rig) {
			r.client.send("USER bob", line)
			r.server.expect("USER bob", line[parseCommand([]byte(line)).prefix:])
			replies := []string{
				"500 '" + line + "': not understood",
				"530-TLS is required for",
				" hunter2-word",
				"530 " + strings.ToUpper(line),
				"503 " + strings.Repeat("What? ", 30) + "hunter2-",
			}
			r.server.send(replies...)
			r.client.expect(replies...)
			r.passive()
			r.exchange("RETR hunter2-word", `550 no "hunter2-word" here`)
			r.exchange("DELE x", "550 HUNTER2-WORD, what?")
			require.NotEmpty(r.t, r.endedTransfers())
			require.NotEmpty(r.t, r.events(Changed))
			for _, e := range r.observed {
				assert.NotContains(r.t, strings.ToLower(shown(e)), "hunter2", "%v", e.Kind)
			}
		})
	}
}

func TestDescriptionOfSessionLeavesOutSecrets(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("USER bob:hunter2-word@x", "331 password")
		r.exchange("PASS other-secret", "230 in")
		client, server := r.passive()
		r.startTransfer("RETR other-secret")
		infos := r.forwarder.Sessions(context.Background())
		require.Len(r.t, infos, 1)
		assert.Equal(r.t, "bob:****", infos[0].User)
		require.Len(r.t, infos[0].Transfers, 1)
		assert.Equal(r.t, "****", infos[0].Transfers[0].File)
		r.finishDownload(server, client)
		for _, e := range r.observed {
			assert.NotContains(r.t, shown(e), "hunter2")
		}
	})
}

func TestPasswordBehindUserNameIsMasked(t *testing.T) {
	for argument, want := range map[string]string{
		"bob": "bob", "bob@host": "bob@host", "bob@host:21": "bob@host:21", "bob@[::1]:21": "bob@[::1]:21",
		"bob:pw": "bob:****", "bob:pw@host:21": "bob:****", "bob:p@w@host": "bob:****",
	} {
		assert.Equal(t, want, shownUser(argument))
	}
}

// A short password, or one that is the user's name, is a word that is logged
// without being the password. It is hidden where a server may repeat it.
func TestShortSecretHidesNoOtherText(t *testing.T) {
	for _, word := range []string{"a", "ftp", "bob", "230"} {
		withRig(t, func(r *rig) {
			r.exchange("USER bob", "331 password")
			r.exchange("PASS "+word, "230 Welcome, software for all that ftpd knows")
			r.exchange("CWD "+word, "250 done")
			r.exchange("NOOP", "230 "+word+" is no password")
			r.passive()
			r.exchange("RETR "+word, "550 none")
			require.Equal(r.t, word, r.endedTransfer().File)
			var lines []string
			for _, e := range r.events(LinePassed)[1:] {
				if line := e.Line.Received; !strings.Contains(line, "EPSV") && !strings.HasPrefix(line, "229") {
					lines = append(lines, line)
				}
			}
			assert.Equal(r.t, []string{
				"USER bob", "331 password", "PASS ****", "230 Welcome, software for all that ftpd knows",
				"CWD " + word, "250 done", "NOOP", "230 ****", "RETR " + word, "550 none",
			}, lines)
		})
	}
}

func TestWordsOfPassphraseAreNoSecrets(t *testing.T) {
	var s secrets
	s.note(piece{bytes: []byte("PASS my long pass phrase\r\n")})
	assert.False(t, s.said("230 that took long"))
	assert.True(t, s.said("500 'pass my long pass phrase'?"))
	s.note(piece{bytes: []byte("SITE PSWD long new-one\r\n")})
	assert.True(t, s.said("500 the new-one is too long"))
}

func TestErrorThatRepeatsSecretKeepsItsCause(t *testing.T) {
	var s secrets
	s.note(piece{bytes: []byte("PASS hunter2-word\r\n")})
	cause := errors.New("it replied: hunter2-word")
	err := s.error(cause)
	assert.EqualError(t, err, maskedText)
	assert.ErrorIs(t, err, cause)
	assert.Equal(t, errNoData, s.error(errNoData))
	assert.NoError(t, s.error(nil))
}

func TestSecretIsRecognizedInQuotesAndWhenCut(t *testing.T) {
	for _, secret := range []string{`say "hello"`, "pa\xe4ss-word", "back\\slash\\es", "tab\tin between"} {
		var s secrets
		s.note(piece{bytes: []byte("PASS " + secret + "\r\n")})
		assert.True(t, s.in(fmt.Sprintf("it replied %q", secret)), secret)
		assert.True(t, s.in("530 "+strings.Repeat("x", cutLength)+secret[:9]), secret)
		assert.False(t, s.in("530 "+secret[:9]), "a shorter text is whole")
	}
}
