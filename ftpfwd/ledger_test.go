package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outstanding makes a ledger of commands, by verb; "=" is a reply of our own.
func outstanding(verbs ...string) *ledger {
	l := &ledger{}
	for _, v := range verbs {
		s := slot{kind: command{verb: v}.kind()}
		switch s.kind {
		case verbDownload, verbUpload:
			s.transfer = &transfer{}
		}
		if v == "=" {
			s = slot{own: "own"}
		}
		l.sent(s)
	}
	return l
}

func TestARepliesCommandIsFoundWhateverElseIsOutstanding(t *testing.T) {
	for _, c := range []struct {
		why     string
		sent    []string
		started bool
		code    int
		want    verbKind
		left    int
	}{
		{"in order", []string{"SYST", "RETR"}, false, 215, verbOther, 1},
		{"CWD pipelined before RETR", []string{"CWD", "RETR"}, false, 250, verbOther, 1},
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
		l := outstanding(c.sent...)
		if c.started {
			require.NotNil(t, l.preliminary())
		}
		s, ok := l.answered(c.code)
		require.True(t, ok, c.why)
		assert.Equal(t, c.want, s.kind, c.why)
		assert.Len(t, l.slots, c.left, c.why)
	}
}

func TestASurplusReplyAnswersNothing(t *testing.T) {
	_, ok := outstanding().answered(250)
	assert.False(t, ok)
	l := outstanding("PASV")
	_, ok = l.answered(250)
	assert.False(t, ok, "PASV is answered by an address or a refusal")
	assert.True(t, announced(l))
}

func TestAnAnnouncementForgetsWhatWasNeverAnswered(t *testing.T) {
	l := outstanding("RETR", "=", "EPSV", "NOOP") // pyftpdlib kills the RETR without a word
	assert.True(t, announced(l))
	own, _ := l.due()
	assert.Equal(t, "own", own)
	assert.Len(t, l.slots, 1)
	assert.False(t, announced(l))
}

func TestTheLedgerIsBounded(t *testing.T) {
	l := outstanding()
	for range 10 * maxSlots {
		l.sent(slot{})
	}
	assert.Len(t, l.slots, maxSlots)
}

func announced(l *ledger) bool {
	_, ok := l.announced()
	return ok
}
