package ftpfwd

import "slices"

// maxPending bounds the requests of a session: the oldest is forgotten when a
// client pipelines more.
const maxPending = 256

// pending keeps the requests without a final reply, oldest first. Replies
// cannot just be counted off against commands: some servers reply out of order,
// twice, or never, and one such reply would shift all that follow. So each reply
// is matched with the commands that it can answer, and a certain match forgets
// the commands before it.
//
// Methods that take a request also return the replies of our own that stood
// before it and that no command of the server's holds back any more: they are
// due before the reply that has come.
type pending []*request

// add appends a request.
func (p *pending) add(r *request) {
	*p = append(*p, r)
	if len(*p) > maxPending {
		p.drop(0)
	}
}

// find returns the index of the first request that the server has to answer
// and that is of one of the kinds, or -1.
func (p pending) find(kinds ...verbKind) int {
	return slices.IndexFunc(p, func(r *request) bool { return r.is(kinds...) })
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
	if i := p.find(verbPassive); i >= 0 {
		return p[i].path
	}
	return nil
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
		if p[i].state != requestLocal {
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

// transferNext reports whether the oldest request is a transfer.
func (p pending) transferNext() bool { r := p.oldest(); return r != nil && r.transfer != nil }

// begin returns the transfer that a 1yz reply announces, or nil.
func (p *pending) begin() *transfer {
	t := p.transfer()
	if t != nil {
		p.forgetOptional(150)
	}
	return t
}

// matchAddress takes the PASV or EPSV that a usable address answers. Without
// one the line is a text that looks like a reply, and it returns nil.
func (p *pending) matchAddress() (r *request, before []*request) {
	i := p.find(verbPassive)
	if i < 0 {
		return nil, nil
	}
	return p.takeThrough(i)
}

// beginAddress forgets the commands before the PASV or EPSV that a 227 or 229
// begins to answer.
func (p *pending) beginAddress() (before []*request) {
	r, before := p.matchAddress()
	*p = slices.Insert(*p, 0, r)
	return before
}

// match takes the request that a final reply answers; r is nil if there is
// none.
func (p *pending) match(code int) (r *request, before []*request) {
	if t := p.find(verbDownload, verbUpload); t >= 0 {
		begun := (*p)[t].transfer.begun()
		if endsTransfer(code) && (begun || t == p.next(0)) {
			r, before := p.takeThrough(t)
			if a := p.find(verbAbort); a >= 0 && (*p)[a].state == requestSent {
				(*p)[a].state = requestOptional
			}
			return r, before
		}
		// Servers answer other commands while a transfer runs, or answer PORT
		// after the 150. Such a reply can mean the transfer only if nothing
		// else is outstanding.
		if other := p.nextOther(); begun && other >= 0 {
			return p.take(other)
		}
	}
	p.forgetOptional(code)
	i := p.next(0)
	if i >= 0 && (*p)[i].excludes(code) {
		i = p.next(i + 1) // it answers a later command, or none
	}
	if i < 0 {
		return nil, nil
	}
	return p.take(i)
}

// nextOther returns the index of the first request that the server has to
// answer and that is neither a transfer nor our ABOR, or -1.
func (p pending) nextOther() int {
	return slices.IndexFunc(p, func(r *request) bool {
		return r.transfer == nil && (r.state == requestSent || r.state == requestOptional)
	})
}

// forgetOptional forgets an ABOR that gets no reply of its own, now that a reply
// has come which can only be the next command's.
func (p *pending) forgetOptional(code int) {
	i := p.next(0)
	if i < 0 || (*p)[i].state != requestOptional {
		return
	}
	if next := p.next(i + 1); next >= 0 && ((*p)[next].is(verbAbort) || (code != 225 && code != 226 && code != 426)) {
		p.drop(i)
	}
}

// due takes the local request that no command of the server's holds back, or
// returns nil.
func (p *pending) due() *request {
	if len(*p) == 0 || (*p)[0].state != requestLocal {
		return nil
	}
	r := (*p)[0]
	p.drop(0)
	return r
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

// take takes request i.
func (p *pending) take(i int) (r *request, before []*request) {
	r = (*p)[i]
	if p.next(0) == i {
		before = slices.Clone((*p)[:i])
		*p = slices.Delete(*p, 0, i+1)
		return r, before
	}
	p.drop(i)
	return r, nil
}

// takeThrough takes request i and forgets the commands before it: their replies
// did not come, or came as another's.
func (p *pending) takeThrough(i int) (r *request, before []*request) {
	r = (*p)[i]
	for _, o := range (*p)[:i] {
		if o.state == requestLocal {
			before = append(before, o)
		}
	}
	*p = slices.Delete(*p, 0, i+1)
	return r, before
}

func (p *pending) drop(i int) { *p = slices.Delete(*p, i, i+1) }
