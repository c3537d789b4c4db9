package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outstanding returns requests for commands, by verb; "=" is a reply of our own.
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

func TestReplyMatchesItsCommandAmongOthers(t *testing.T) {
	for _, c := range []struct {
		why     string
		sent    []string
		started bool
		code    int
		want    verbKind
		left    int
	}{
		{"in order", []string{"SYST", "RETR"}, false, 215, verbOther, 1},
		{"CWD pipelined before RETR", []string{"CWD", "RETR"}, false, 250, verbParameter, 1},
		{"a transfer ends", []string{"RETR"}, true, 226, verbDownload, 0},
		{"a transfer ends without 150", []string{"RETR"}, false, 226, verbDownload, 0},
		{"a transfer is refused", []string{"RETR"}, false, 550, verbDownload, 0},
		{"a transfer is refused after 150", []string{"RETR"}, true, 550, verbDownload, 0},
		{"Pure-FTPd answers NOOP during a transfer", []string{"RETR", "NOOP"}, true, 500, verbOther, 1},
		{"pyftpdlib answers STAT during a transfer", []string{"STOR", "STAT"}, true, 213, verbOther, 1},
		{"pyftpdlib says 150 before PORT's 200", []string{"PORT", "RETR"}, true, 200, verbActive, 1},
		{"a reply that never came is forgotten", []string{"ABOR", "RETR"}, true, 226, verbDownload, 0},
		{"PASV is refused", []string{"PASV"}, false, 502, verbPassive, 0},
		{"own replies are not the server's", []string{"=", "SYST"}, false, 215, verbOther, 1},
	} {
		p := outstanding(c.sent...)
		if c.started {
			tr := p.begin()
			require.NotNil(t, tr)
			tr.enter(begun)
		}
		r, before := p.match(c.code)
		require.NotNil(t, r, c.why)
		assert.Equal(t, c.want, r.kind, c.why)
		assert.Equal(t, c.left, len(*p)+len(before), c.why)
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
	require.Len(t, before, 1)
	assert.Equal(t, "own", before[0].text)
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
