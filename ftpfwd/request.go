package ftpfwd

import "context"

// A request is a command that the server has not answered, or a reply of our
// own that waits for the replies to the commands before it.
type request struct {
	kind     verbKind // of the command that the server received
	verb     string
	argument string // of the command, unless it is a secret
	state    requestState
	path     *dataPath // that the command opens, or nil
	transfer *transfer // that the command moves, or that a local request has replied to; or nil
	text     string    // of a local request: the reply; of a doubted one: the reply that may be its own
	code     int       // of a doubted request: that reply's code
	answer   answer    // what happens to the final reply; if nil, it is relayed
}

// An answer decides what becomes of the final reply to a request, whose first
// line it is called with.
type answer func(ctx context.Context, line []byte, l replyLine) disposition

// A requestState says which reply a request has to get.
//
//	requestSent ─┬─▶ requestDoubted ─▶ requestSettled
//	             ├─▶ requestRefused
//	             ├─▶ requestOptional
//	             └─▶ requestGivenUp
type requestState int

const (
	requestSent     requestState = iota // the server has to reply
	requestDoubted                      // the client has received a reply that may have been to this request
	requestSettled                      // it has had a reply that is no address: a late address is dropped
	requestRefused                      // it was refused while a transfer ran, unless that refusal was the transfer's
	requestGivenUp                      // it had no reply in time, or a 1yz that the client took for one: a late reply is dropped
	requestOptional                     // an ABOR whose transfer has had its reply: some servers send no other
	requestAbort                        // our own ABOR for an upload that failed, see abort
	requestLocal                        // the server has not seen the command: text is the reply
)

// is reports whether r is a command of a kind that the server has to answer.
func (r *request) is(kinds ...verbKind) bool {
	if r.state == requestLocal || r.state == requestRefused {
		return false
	}
	for _, k := range kinds {
		if r.kind == k {
			return true
		}
	}
	return false
}

// holds reports whether r must not be forgotten: the client would miss a reply
// of ours, or a transfer or its path would have none.
func (r *request) holds() bool { return r.state == requestLocal || r.transfer != nil || r.path != nil }

// due reports whether the server has to answer r.
func (r *request) due() bool {
	switch r.state {
	case requestLocal, requestSettled, requestRefused, requestGivenUp:
		return false
	}
	return true
}

// mayComeLate reports whether code is a plausible late answer to r, a PASV, EPSV,
// PORT or EPRT. Addresses are dealt with before.
func (r *request) mayComeLate(code int) bool {
	return code != 421 && (code >= 400 || code == 200 && r.kind == verbActive)
}

// comesBefore reports whether code rather answers r, which was given up, than next:
// a command that opens a path, or one whose success has another code (RFC 959,
// 5.4). A command of the client's must not lose its reply, nor may a file seem
// changed that is not.
func (r *request) comesBefore(next *request, code int) bool {
	if code >= 400 {
		return next.path != nil
	}
	return next.is(verbPassive, verbRestart, verbStatus, verbFeatures, verbUser, verbQuit) || changeVerbs[next.verb]
}

// isOver reports whether the client has received a final reply to r, a PASV or EPSV,
// if that was one.
func (r *request) isOver() bool {
	return r.state == requestDoubted && r.kind == verbPassive && r.code >= 200
}

// mayBeRefused reports whether code is a plausible refusal of r while a transfer
// runs, other than the transfer's end.
func (r *request) mayBeRefused(code int) bool {
	switch code {
	case 500, 501, 502, 503, 504, 530:
		return r.is(verbAbort, verbStatus, verbIdle)
	case 450, 550: // of the file that is named
		return r.is(verbStatus)
	}
	return false
}

// mayBeAccepted reports whether code is a plausible success of r, which can be sent
// while a transfer runs.
func (r *request) mayBeAccepted(code int) bool {
	switch code {
	case 200:
		return r.kind == verbIdle
	case 211, 212, 213:
		return r.kind == verbStatus
	case 225:
		return r.kind == verbAbort
	}
	return false
}

// excludes reports whether code is no plausible reply to r: for a PASV or EPSV,
// the success of something else, or what is about a transfer before it; for a
// transfer that has not begun, the success of something else (some servers reply
// 200 before 150).
func (r *request) excludes(code int) bool {
	switch {
	case r.kind == verbPassive:
		return code/100 == 2 || code == 426
	case r.transfer != nil && !r.transfer.begun():
		return code/100 == 2 && !endsTransfer(code)
	}
	return false
}

// endsTransfer reports whether code ends a transfer and is no plausible reply
// to a command that was sent while one runs (RFC 959, 5.4).
func endsTransfer(code int) bool {
	switch code {
	case 226, 250, 425, 426, 451, 452, 551, 552:
		return true
	}
	return false
}
