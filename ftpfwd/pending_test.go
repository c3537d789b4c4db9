package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outstanding returns requests for commands, by verb; "=" is a reply of the
// forwarder's own.
func outstanding(verbs ...string) *pending {
	p := &pending{}
	for _, v := range verbs {
		r := &request{kind: command{verb: v}.kind()}
		switch r.kind {
		case verbDownload, verbUpload:
			r.transfer = &transfer{}
		}
		if v == "=" {
			r = &request{state: requestLocal, text: "own"}
		}
		p.add(r)
	}
	return p
}

func TestMatchFindsCommandOfReply(t *testing.T) {
	for _, c := range []struct {
		name  string
		sent  []string
		begun bool
		code  int
		want  verbKind
		left  int
	}{
		{"in order", []string{"SYST", "RETR"}, false, 215, verbOther, 1},
		{"CWD pipelined before RETR", []string{"CWD", "RETR"}, false, 250, verbParameter, 1},
		{"a transfer ends", []string{"RETR"}, true, 226, verbDownload, 0},
		{"a transfer ends without 150", []string{"RETR"}, false, 226, verbDownload, 0},
		{"a transfer is refused", []string{"RETR"}, false, 550, verbDownload, 0},
		{"a transfer is refused after 150", []string{"RETR"}, true, 550, verbDownload, 0},
		{"Pure-FTPd replies to NOOP during a transfer", []string{"RETR", "NOOP"}, true, 500, verbIdle, 2},
		{"pyftpdlib replies to STAT during a transfer", []string{"STOR", "STAT"}, true, 213, verbStatus, 1},
		{"a server refuses STAT during a transfer", []string{"STOR", "STAT"}, true, 502, verbStatus, 2},
		{"a transfer is refused after 150, with STAT behind", []string{"STOR", "STAT"}, true, 553, verbUpload, 1},
		{"a transfer is refused after 150, with NOOP behind", []string{"STOR", "NOOP"}, true, 450, verbUpload, 1},
		{"a transfer is refused after 150, with PORT behind", []string{"STOR", "PORT"}, true, 550, verbUpload, 1},
		{"a transfer is refused after 150, with EPSV behind", []string{"RETR", "EPSV"}, true, 500, verbDownload, 1},
		{"a transfer is refused after 150, with CWD behind", []string{"RETR", "CWD"}, true, 450, verbDownload, 1},
		{"a transfer is refused after 150, with PORT before it", []string{"PORT", "STOR"}, true, 553, verbUpload, 0},
		{"a transfer is aborted", []string{"STOR", "ABOR"}, true, 426, verbUpload, 1},
		{"PASV gets a 3yz", []string{"PASV"}, false, 331, verbPassive, 0},
		{"pyftpdlib replies to PORT behind the 150", []string{"PORT", "RETR"}, true, 200, verbActive, 1},
		{"a command without a reply is forgotten", []string{"ABOR", "RETR"}, true, 226, verbDownload, 0},
		{"PASV is refused", []string{"PASV"}, false, 502, verbPassive, 0},
		{"own replies are not the server's", []string{"=", "SYST"}, false, 215, verbOther, 1},
	} {
		p := outstanding(c.sent...)
		if c.begun {
			tr := p.begin()
			require.NotNil(t, tr)
			tr.enter(begun)
		}
		r, before := p.match(c.code)
		require.NotNil(t, r, c.name)
		assert.Equal(t, c.want, r.kind, c.name)
		assert.Equal(t, c.left, len(*p)+len(before), c.name)
	}
}

func TestSurplusReplyMatchesNoCommand(t *testing.T) {
	r, _ := outstanding().match(250)
	assert.Nil(t, r)
	p := outstanding("PASV")
	r, _ = p.match(250)
	assert.Nil(t, r, "PASV is answered by an address or a refusal")
	r, _ = p.matchAddress()
	assert.NotNil(t, r)
}

func TestAddressForgetsUnansweredCommands(t *testing.T) {
	p := outstanding("RETR", "=", "EPSV", "NOOP") // pyftpdlib drops the RETR without a reply
	r, before := p.matchAddress()
	assert.NotNil(t, r)
	require.Len(t, before, 2)
	assert.NotNil(t, before[0].transfer)
	assert.Equal(t, "own", before[1].text)
	assert.Len(t, *p, 1)
	r, _ = p.matchAddress()
	assert.Nil(t, r)
}

func TestPendingIsBounded(t *testing.T) {
	p := outstanding()
	for range 10 * maxPending {
		p.add(&request{})
	}
	assert.Len(t, *p, maxPending)
}

func FuzzPending(f *testing.F) {
	f.Add([]byte("R1\xe2"))
	f.Add([]byte("P=S1\xfa\xe3"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		verbs := map[byte]string{'R': "RETR", 'S': "STOR", 'P': "PASV", 'T': "PORT", 'A': "ABOR", 'N': "NOOP", '=': "="}
		p := outstanding()
		own, sent := 0, 0
		for _, step := range steps[:min(len(steps), maxPending)] {
			had := len(*p)
			var before []*request
			switch verb := verbs[step]; {
			case verb != "":
				p.add((*outstanding(verb))[0])
				if verb == "=" {
					own++
				}
			case step == '1':
				announceTransfer(p)
			case step == '2':
				_, before = p.matchAddress()
			default:
				var r *request
				r, before = p.match(100 + int(step)*2)
				if r == nil {
					require.GreaterOrEqual(t, len(*p), had-1, "only an ABOR without a reply is forgotten")
					break
				}
				require.NotEqual(t, requestLocal, r.state, "the server does not send own replies")
				if r.state != requestRefused {
					require.Less(t, len(*p), had, "a request with a reply is forgotten")
				}
			}
			for _, r := range before {
				if r.state == requestLocal {
					sent++
				}
			}
			sent += takeDue(p)
		}
		p.forgetServer()
		sent += takeDue(p)
		require.Equal(t, own, sent, "each own reply is sent once")
		require.Empty(t, *p)
	})
}

// takeDue takes the own replies that are due, and returns their number.
func takeDue(p *pending) (n int) {
	for p.due() != nil {
		n++
	}
	return n
}
