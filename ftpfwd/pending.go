package ftpfwd

import "slices"

// Bounds of what a client pipelines.
const (
	maxPending = 256 // requests of a session: beyond it the oldest is forgotten whose reply means nothing to us
	maxHolding = 64  // requests that cannot be forgotten: the client's commands wait when there are so many
)

// pending keeps the requests without a final reply, oldest first. Replies
// cannot just be counted off against commands: some servers reply out of order,
// twice, or never, and one such reply would shift all that follow. So each reply
// is matched with the commands that it can answer, and a certain match forgets
// the commands before it.
//
// Methods that take a request also return what stood before it and is settled by
// that: replies of our own, which no command of the server's holds back any more
// and which are due before the reply that has come, and transfers that get no
// reply.
type pending []*request

// add appends a request.
func (p *pending) add(r *request) {
	*p = append(*p, r)
	if len(*p) <= maxPending {
		return
	}
	if i := slices.IndexFunc(*p, func(r *request) bool { return !r.holds() }); i >= 0 {
		p.drop(i)
	}
}

// full reports whether the client must wait before it sends another command.
func (p pending) full() bool {
	if len(p) < maxHolding {
		return false
	}
	n := 0
	for _, r := range p {
		if r.holds() {
			n++
		}
	}
	return n >= maxHolding
}

// find returns the index of the first request that the server has to answer
// and that is of one of the kinds, or -1.
func (p pending) find(kinds ...verbKind) int { return p.findFrom(0, kinds...) }

// findFrom is find, from index i on.
func (p pending) findFrom(i int, kinds ...verbKind) int {
	for ; i < len(p); i++ {
		if p[i].is(kinds...) {
			return i
		}
	}
	return -1
}

// awaits reports whether a command of this kind is outstanding.
func (p pending) awaits(kind verbKind) bool { return p.find(kind) >= 0 }

// path returns what the last outstanding PASV, EPSV, PORT or EPRT opens, or nil.
func (p pending) path() *dataPath {
	for _, r := range slices.Backward(p) {
		if r.path != nil {
			return r.path
		}
	}
	return nil
}

// passive returns what the first outstanding PASV or EPSV opens, or nil.
func (p pending) passive() *dataPath {
	if i := p.nextPassive(); i >= 0 {
		return p[i].path
	}
	return nil
}

// nextPassive returns the index of the first PASV or EPSV that waits for an
// address, or -1.
func (p pending) nextPassive() int {
	return slices.IndexFunc(p, func(r *request) bool {
		return r.is(verbPassive) && r.state != requestSettled && r.state != requestGivenUp
	})
}

// transfer returns the first outstanding transfer, or nil.
func (p pending) transfer() *transfer {
	if i := p.find(verbDownload, verbUpload); i >= 0 {
		return p[i].transfer
	}
	return nil
}

// next returns the index of the first request from i on that the server has to
// answer, or -1.
func (p pending) next(i int) int {
	for ; i < len(p); i++ {
		if p[i].due() {
			return i
		}
	}
	return -1
}

// oldest returns the request that the server answers next if it keeps the
// order, or nil.
func (p pending) oldest() *request {
	if i := p.next(0); i >= 0 {
		return p[i]
	}
	return nil
}

// passiveNext reports whether the oldest request is a PASV or EPSV.
func (p pending) passiveNext() bool { r := p.oldest(); return r != nil && r.kind == verbPassive }

// opensNext reports whether the oldest request opens p.
func (p pending) opensNext(path *dataPath) bool { r := p.oldest(); return r != nil && r.path == path }

// transferNext reports whether the oldest request is a transfer that the server
// has not announced.
func (p pending) transferNext() bool {
	r := p.oldest()
	return r != nil && r.transfer != nil && !r.transfer.begun()
}

// due takes the local request that no command of the server's holds back, or
// returns nil.
func (p *pending) due() *request {
	for i, r := range *p {
		switch r.state {
		case requestLocal:
			p.drop(i)
			return r
		case requestGivenUp, requestSettled, requestRefused:
		default:
			return nil
		}
	}
	return nil
}

// localWaits reports whether a reply of our own waits.
func (p pending) localWaits() bool {
	return slices.ContainsFunc(p, func(r *request) bool { return r.state == requestLocal })
}

// forgetServer drops all that the server has not answered.
func (p *pending) forgetServer() {
	*p = slices.DeleteFunc(*p, func(r *request) bool { return r.state != requestLocal })
}

// replace puts a reply of our own in the place of t's command.
func (p *pending) replace(t *transfer, text string) {
	own := &request{state: requestLocal, transfer: t, text: text}
	if i := slices.IndexFunc(*p, func(r *request) bool { return r.transfer == t }); i >= 0 {
		(*p)[i] = own
		return
	}
	p.add(own)
}

// replacedWaits reports whether the server has to answer something before a
// transfer whose reply was replaced.
func (p pending) replacedWaits() bool {
	i := p.next(0)
	return i >= 0 && slices.ContainsFunc(p[i:], func(r *request) bool { return r.state == requestLocal && r.transfer != nil })
}

// awaitsOurAbort reports whether our ABOR is outstanding.
func (p pending) awaitsOurAbort() bool {
	return slices.ContainsFunc(p, func(r *request) bool { return r.state == requestAbort })
}

// ourAbortWaits reports whether the server has other commands to answer before
// our ABOR.
func (p pending) ourAbortWaits() bool {
	return p.awaitsOurAbort() && p.oldest().state != requestAbort
}

// forgetOurAbort drops our ABOR.
func (p *pending) forgetOurAbort() {
	*p = slices.DeleteFunc(*p, func(r *request) bool { return r.state == requestAbort })
}

// busyBefore reports whether the server moves data for a command that was sent
// before the one that opens path.
func (p pending) busyBefore(path *dataPath) bool {
	for _, r := range p {
		if r.path == path {
			return false
		}
		if r.state != requestLocal && r.transfer != nil && r.transfer.begun() {
			return true
		}
	}
	return false
}

func (p *pending) drop(i int) { *p = slices.Delete(*p, i, i+1) }
