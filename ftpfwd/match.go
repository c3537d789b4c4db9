package ftpfwd

import "slices"

// How replies are matched with requests, see pending.

// begin returns the transfer that a 1yz reply announces, or nil.
func (p *pending) begin() *transfer {
	i := p.find(verbDownload, verbUpload)
	if i < 0 {
		return nil
	}
	r := (*p)[i]
	if r.state == requestDoubted {
		r.state = requestSent // as where a 200 precedes the 150
	}
	p.forgetOptional(150)
	return r.transfer
}

// matchAddress takes the PASV or EPSV that a usable address answers. Without
// one the line is a text that looks like a reply, and it returns nil.
func (p *pending) matchAddress() (r *request, before []*request) {
	i := p.nextPassive()
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
		if p.ends(t, code) {
			r, before := p.takeThrough(t)
			if a := p.find(verbAbort); a >= 0 && (*p)[a].state == requestSent {
				(*p)[a].state = requestOptional
			}
			return r, before
		}
		// Servers answer other commands while a transfer runs, or answer PORT
		// after the 150. Such a reply can mean the transfer only if nothing
		// else is outstanding.
		if other := p.nextOther(); (*p)[t].transfer.begun() && other >= 0 {
			return p.takeBehind(t, other, code)
		}
	}
	p.forgetOptional(code)
	i := p.next(0)
	for i >= 0 && (*p)[i].excludes(code) {
		i = p.next(i + 1) // it answers a later command, or none
	}
	if i >= 0 && (*p)[i].isOver() {
		if later := p.next(i + 1); later >= 0 && !(*p)[later].excludes(code) {
			i = later
		}
	}
	return p.takeOrLate(i, code)
}

// takeOrLate takes request i, which a final reply plausibly answers, or none if i
// is -1; unless the reply is rather the late answer to a PASV, EPSV, PORT or EPRT
// that was given up. If it may be either, that still waits: a server that answers
// late sends another reply, which nothing else waits for.
func (p *pending) takeOrLate(i, code int) (r *request, before []*request) {
	late := slices.IndexFunc(*p, func(r *request) bool { return r.state == requestGivenUp && (i < 0 || r.mayComeLate(code)) })
	switch {
	case i < 0 && (late < 0 || code == 421):
		return nil, nil
	case i < 0, late >= 0 && late < i && (*p)[late].comesBefore((*p)[i], code):
		r = (*p)[late]
		p.drop(late)
		return r, nil
	case late < 0 || late > i:
		return p.take(i)
	}
	given := (*p)[late]
	r, before = p.take(i)
	if !slices.Contains(*p, given) {
		*p = slices.Insert(*p, 0, given)
	}
	return r, before
}

// takeBehind takes other, which a final reply answers while transfer t runs. A
// refused one stays: the next reply shows which of the two was refused. If it
// accepts what seemed to be refused, it was the transfer.
func (p *pending) takeBehind(t, other, code int) (r *request, before []*request) {
	r = (*p)[other]
	switch {
	case other < t:
	case r.mayBeRefused(code):
		r.state = requestRefused
		return r, nil
	case slices.ContainsFunc((*p)[t:other], func(o *request) bool { return o.state == requestRefused && o.mayBeAccepted(code) }):
		return p.take(t)
	}
	return p.take(other)
}

// refused returns the index of the first request that was refused while a
// transfer ran, or -1.
func (p pending) refused() int {
	return slices.IndexFunc(p, func(r *request) bool { return r.state == requestRefused })
}

// abortRefused reports whether that request is an ABOR.
func (p pending) abortRefused() bool {
	i := p.refused()
	return i >= 0 && p[i].kind == verbAbort
}

// takeRefused takes that request, and what stood before it: the transfer before
// it was refused, and this reply is its own.
func (p *pending) takeRefused() (before []*request) {
	if i := p.refused(); i >= 0 {
		_, before = p.takeThrough(i)
	}
	return before
}

// forgetRefused drops such requests: the transfer has had a reply of its own.
func (p *pending) forgetRefused() {
	*p = slices.DeleteFunc(*p, func(r *request) bool { return r.state == requestRefused })
}

// ends reports whether code ends the first transfer, request i. A refusal does,
// once the transfer has begun, whatever its code: servers reply in order. Only
// replies to ABOR, STAT and NOOP may come before the transfer's.
func (p pending) ends(i, code int) bool {
	begun := p[i].transfer.begun()
	switch {
	case !begun && i != p.next(0):
		return false
	case endsTransfer(code):
		return true
	case !begun || code < 400:
		return false
	}
	behind := p.next(i + 1)
	return behind < 0 || !p[behind].mayBeRefused(code)
}

// doubt notes that a reply which nothing plausible waits for, or the refusal of
// what was sent while a transfer runs, may be the answer to the oldest request,
// and returns that request; nil if that cannot be.
func (p pending) doubt(code int, text string) *request {
	i := p.next(0)
	if t := p.find(verbDownload, verbUpload); t >= 0 && p[t].transfer.begun() {
		i = t
	}
	if i < 0 || p[i].state != requestSent && p[i].state != requestDoubted || !p[i].is(verbPassive, verbActive, verbDownload, verbUpload) {
		return nil
	}
	r := p[i]
	r.state, r.code, r.text = requestDoubted, code, text
	return r
}

// inDoubt reports whether the client may have taken another reply for the oldest
// request's.
func (p pending) inDoubt() bool {
	return slices.ContainsFunc(p, func(r *request) bool { return r.state == requestDoubted })
}

// settle settles the first request whose reply the client must have taken for
// another's, now that it has gone on, and returns it, or nil.
func (p *pending) settle() *request {
	i := slices.IndexFunc(*p, func(r *request) bool {
		return r.state == requestDoubted && (r.transfer == nil || r.code < 400)
	})
	if i < 0 {
		return nil
	}
	r := (*p)[i]
	switch r.state = requestSettled; {
	case r.transfer != nil:
		p.drop(i)
	case r.kind == verbActive:
		r.state, r.answer = requestGivenUp, unasked // its 200 may still come
	}
	return r
}

// giveUp no longer waits for replies to the commands that open path, whose state
// is then next.
func (p pending) giveUp(path *dataPath, next requestState) {
	for _, r := range p {
		if r.path == path && r.state != requestLocal {
			r.state, r.path, r.answer = next, nil, unasked
		}
	}
}

// takeGivenUp takes a PASV or EPSV that was given up or settled, which a late
// address answers, and reports whether there was one.
func (p *pending) takeGivenUp(code int) bool {
	i := p.find(verbPassive)
	if i < 0 || (*p)[i].path != nil || (*p)[i].verb != map[int]string{227: "PASV", 229: "EPSV"}[code] {
		return false
	}
	p.drop(i)
	return true
}

// nextOther returns the index of the first request that the server has to
// answer and that is neither a transfer nor our ABOR, or -1.
func (p pending) nextOther() int {
	return slices.IndexFunc(p, func(r *request) bool {
		return r.transfer == nil && r.state != requestAbort && r.due()
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

// take takes request i.
func (p *pending) take(i int) (r *request, before []*request) {
	r = (*p)[i]
	if p.next(0) == i {
		before = slices.DeleteFunc(slices.Clone((*p)[:i]), func(r *request) bool { return r.state != requestLocal })
		*p = slices.Delete(*p, 0, i+1)
		return r, before
	}
	p.drop(i)
	return r, nil
}

// takeThrough takes request i and forgets the commands before it: their replies
// did not come, or came as another's. It also returns the transfers among them
// (pyftpdlib drops a running transfer without a reply when PASV comes).
func (p *pending) takeThrough(i int) (r *request, before []*request) {
	r = (*p)[i]
	for _, o := range (*p)[:i] {
		if o.state == requestLocal || o.transfer != nil {
			before = append(before, o)
		}
	}
	*p = slices.Delete(*p, 0, i+1)
	return r, before
}
