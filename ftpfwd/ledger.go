package ftpfwd

import "slices"

// A slot is a command that the server has not answered, or a reply of our own
// that waits for its turn.
type slot struct {
	kind     verbKind
	opening  *opening  // what a PASV, EPSV, PORT or EPRT opens
	argument string    // of the command, unless it is a secret
	transfer *transfer // what a transfer command moves
	unheard  bool      // a command of ours, whose reply is not the client's
	spare    bool      // an ABOR whose transfer has been answered: some servers leave it at that
	ours     bool      // the ABOR of an upload that is being broken off
	broken   bool      // the reply to an upload that is being broken off
	own      string    // a reply of our own; the server has not seen the command
}

// maxSlots bounds the ledger: what a client pipelines beyond it is forgotten,
// oldest first.
const maxSlots = 256

// A ledger keeps which commands are outstanding. Replies cannot just be counted
// off against commands: some servers answer out of order, twice, or never, and
// one such reply would shift all that follow. So each reply is looked for among
// the commands it can answer, and a sure match forgets whatever stood before.
type ledger struct {
	slots []slot
	late  int // how many of the first are own replies that stood before what was taken last
}

// sent records a command that goes to the server, or a reply of our own.
func (l *ledger) sent(s slot) {
	l.slots = append(l.slots, s)
	if len(l.slots) > maxSlots {
		l.drop(0)
	}
}

// awaits reports whether a command of this kind is outstanding.
func (l *ledger) awaits(kind verbKind) bool { return l.find(kind) >= 0 }

// opening returns what the last outstanding PASV, EPSV, PORT or EPRT opens, or
// nil.
func (l *ledger) opening() (last *opening) {
	for _, s := range l.slots {
		if s.opening != nil {
			last = s.opening
		}
	}
	return last
}

// find returns the first slot whose command is of one of the kinds, or -1.
func (l *ledger) find(kinds ...verbKind) int {
	for i, s := range l.slots {
		for _, k := range kinds {
			if s.own == "" && s.kind == k {
				return i
			}
		}
	}
	return -1
}

// passive returns what the first outstanding PASV or EPSV opens, or nil.
func (l *ledger) passive() *opening {
	if i := l.find(verbPassive); i >= 0 {
		return l.slots[i].opening
	}
	return nil
}

// passiveNext reports whether the next answer is a PASV's or EPSV's.
func (l *ledger) passiveNext() bool {
	i := l.next(0)
	return i >= 0 && l.slots[i].kind == verbPassive
}

// reached forgets what stands before the PASV or EPSV that a 227 or 229 begins to
// answer.
func (l *ledger) reached() {
	i := l.find(verbPassive)
	s := l.takeThrough(i)
	l.slots = slices.Insert(l.slots, l.late, s)
}

// announced takes the PASV or EPSV that a 227 or 229 with a usable address
// answers. Without one the line is somebody's text that looks like a reply.
func (l *ledger) announced() (s slot, ok bool) {
	i := l.find(verbPassive)
	if i < 0 {
		return slot{}, false
	}
	return l.takeThrough(i), true
}

// answered takes the command that a final reply answers. ok is false if there
// is none.
func (l *ledger) answered(code int) (s slot, ok bool) {
	if t := l.find(verbDownload, verbUpload); t >= 0 {
		started := l.slots[t].transfer.started
		if endsTransfer(code) && (started || t == l.next(0)) {
			s := l.takeThrough(t)
			if a := l.find(verbAbort); a >= 0 {
				l.slots[a].spare = true
			}
			return s, true
		}
		// Servers answer other commands while a transfer runs, or answer PORT
		// after the 150; only if nothing else is outstanding can such a reply
		// mean the transfer.
		if other := l.other(); started && other >= 0 {
			return l.take(other), true
		}
	}
	l.forgetSpare(code)
	i := l.next(0)
	if i >= 0 && l.slots[i].cannotBe(code) {
		i = l.next(i + 1) // it is another command's, or one too many
	}
	if i < 0 {
		return slot{}, false
	}
	return l.take(i), true
}

// forgetSpare forgets an ABOR that gets no answer of its own, now that a reply has
// come which can only be the next command's.
func (l *ledger) forgetSpare(code int) {
	i := l.next(0)
	if i < 0 || !l.slots[i].spare {
		return
	}
	if next := l.next(i + 1); next >= 0 && (l.slots[next].kind == verbAbort || (code != 225 && code != 226 && code != 426)) {
		l.drop(i)
	}
}

// cannotBe reports whether code is no answer to the command: to a PASV or EPSV
// what is neither an address nor a refusal, or is about a transfer before it;
// to a transfer that has not begun the success of something else (some servers
// say 200 before 150).
func (s slot) cannotBe(code int) bool {
	switch {
	case s.kind == verbPassive:
		return code/100 < 4 || code == 426
	case s.transfer != nil && !s.transfer.started:
		return code/100 == 2 && !endsTransfer(code)
	}
	return false
}

// transferNext reports whether the next answer is a transfer's.
func (l *ledger) transferNext() bool {
	i := l.next(0)
	return i >= 0 && l.slots[i].transfer != nil
}

// transfer returns the first outstanding transfer, or nil.
func (l *ledger) transfer() *transfer {
	if i := l.find(verbDownload, verbUpload); i >= 0 {
		return l.slots[i].transfer
	}
	return nil
}

// preliminary marks the transfer that a 1yz reply announces, and returns it.
func (l *ledger) preliminary() *transfer {
	t := l.transfer()
	if t != nil {
		t.started = true
		l.forgetSpare(150)
	}
	return t
}

// due takes the own reply whose turn has come, if there is one: nothing that the
// server has to answer stands before it.
func (l *ledger) due() (reply string, ok bool) {
	if len(l.slots) == 0 || l.slots[0].own == "" {
		return "", false
	}
	l.late = max(0, l.late-1)
	own := l.slots[0].own
	l.drop(0)
	return own, true
}

// ownWaits reports whether a reply of our own waits for the server.
func (l *ledger) ownWaits() bool {
	for _, s := range l.slots {
		if s.own != "" {
			return true
		}
	}
	return false
}

// brokenWaits reports whether the server has to answer something before an
// upload that we have answered.
func (l *ledger) brokenWaits() bool {
	i := l.next(0)
	return i >= 0 && slices.ContainsFunc(l.slots[i:], func(s slot) bool { return s.broken })
}

// waitsForOurs reports whether the server has others to answer before our ABOR.
func (l *ledger) waitsForOurs() bool {
	i := l.next(0)
	return i >= 0 && !l.slots[i].ours && l.awaitsOurs()
}

// awaitsOurs reports whether our ABOR is outstanding.
func (l *ledger) awaitsOurs() bool {
	return slices.ContainsFunc(l.slots, func(s slot) bool { return s.ours })
}

// forgetOurs drops our ABOR.
func (l *ledger) forgetOurs() {
	l.slots = slices.DeleteFunc(l.slots, func(s slot) bool { return s.ours })
}

// forget drops all that the server has not answered; own replies stay.
func (l *ledger) forget() {
	kept := l.slots[:0]
	for _, s := range l.slots {
		if s.own != "" {
			kept = append(kept, s)
		}
	}
	l.slots = kept
}

// answerTransfer puts a reply of our own in the place of t's command.
func (l *ledger) answerTransfer(t *transfer, own string) {
	for i, s := range l.slots {
		if s.transfer == t {
			l.slots[i] = slot{own: own, broken: true}
			return
		}
	}
	l.sent(slot{own: own, broken: true})
}

// busyBefore reports whether the server moves data for a command that was sent
// before o.
func (l *ledger) busyBefore(o *opening) bool {
	for _, s := range l.slots {
		if s.opening == o {
			return false
		}
		if s.transfer != nil && s.transfer.started {
			return true
		}
	}
	return false
}

// next returns the first slot from i on that the server has to answer, or -1.
func (l *ledger) next(i int) int {
	for ; i < len(l.slots); i++ {
		if l.slots[i].own == "" {
			return i
		}
	}
	return -1
}

// other returns the first slot that the server has to answer and that is no
// transfer, or -1.
func (l *ledger) other() int {
	for i := l.next(0); i >= 0; i = l.next(i + 1) {
		if l.slots[i].transfer == nil && !l.slots[i].ours {
			return i
		}
	}
	return -1
}

func (l *ledger) take(i int) slot {
	s := l.slots[i]
	l.drop(i)
	if l.next(0) < 0 || l.next(0) >= i {
		l.late = i
	}
	return s
}

// takeThrough takes slot i and forgets the commands before it: their replies
// did not come, or came as somebody else's.
func (l *ledger) takeThrough(i int) slot {
	s := l.slots[i]
	kept := make([]slot, 0, len(l.slots))
	for j, o := range l.slots {
		if j == i {
			l.late = len(kept)
		}
		if j > i || (j < i && o.own != "") {
			kept = append(kept, o)
		}
	}
	l.slots = kept
	return s
}

func (l *ledger) drop(i int) { l.slots = append(l.slots[:i], l.slots[i+1:]...) }

// endsTransfer reports whether code is one that ends a transfer and is no
// plausible answer to a command sent while one runs (RFC 959, 5.4).
func endsTransfer(code int) bool {
	switch code {
	case 226, 250, 425, 426, 451, 452, 551, 552:
		return true
	}
	return false
}
