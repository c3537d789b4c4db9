package ftpfwd

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// repliesHeld reports whether the server's replies wait: for the data of a
// transfer, or for the client of an upload to connect.
func (s *session) repliesHeld() bool { return s.finishing != nil || s.awaitedUploader() != nil }

// nextReplyLine passes on the next line from the server, and reports whether
// there was one.
func (s *session) nextReplyLine(ctx context.Context) bool {
	if s.finishing == nil {
		s.awaitUploader()
	}
	if s.repliesHeld() {
		return false
	}
	p, ok := s.server.lines.next(s.server.ended || s.phase == passthrough)
	switch {
	case !ok:
		return false
	case s.phase == passthrough, p.tail && s.reply.rest != dropped:
		s.client.queue(p.bytes)
	case p.tail:
	default:
		s.replyLine(ctx, p.bytes)
	}
	return true
}

// replyLine decides what the client receives of a line from the server. Most
// lines pass as they are, at once.
func (s *session) replyLine(ctx context.Context, line []byte) {
	if s.reader.open == 0 {
		s.reply = disposition{}
	}
	l := s.reader.next(line)
	s.heard = time.Now()
	if s.abort != nil && s.abort.takes(s, l) {
		s.reply = drop()
		s.source.line(Server, Client, text(line), "")
		return
	}
	switch {
	case s.phase == greeting && s.routing != nil:
		s.reply = s.routedGreeting(line, l)
	case l.first && l.preliminary():
		s.reply = s.announcement(ctx, line, l)
	case l.first, s.reply.rest == undecided && l.last:
		s.reply = s.finalReply(ctx, line, l)
	default:
		s.reply = s.furtherLine(ctx, line, l)
	}
	if s.reply.rest == held {
		return
	}
	s.sendLine(line, s.reply.line)
	if l.last {
		s.endReply(l)
	}
}

// sendLine sends the client a line in the place of one that was received.
func (s *session) sendLine(received, line []byte) {
	s.client.queue(line)
	s.source.line(Server, Client, text(received), text(line))
}

// endReply notes what a complete reply means for the session.
func (s *session) endReply(l replyLine) {
	switch l.code {
	case 230, 232:
		s.source.acceptLogin()
	case 221, 421:
		s.server.goodbye = true
	}
}

// furtherLine deals with a line behind the first of a reply.
func (s *session) furtherLine(ctx context.Context, line []byte, l replyLine) disposition {
	d := s.reply
	d.line = line
	switch {
	case d.rest == dropped, d.rest == filtered && !l.last && !offered(line[l.text:]):
		d.line = nil
	case d.rest == rewritten && l.text > 0:
		d.line = s.rewriteAddress(line, l, d.path)
	case d.rest == relayed && (l.code == 227 || l.code == 229):
		if d, ok := s.address(ctx, line, l); ok {
			return d
		}
	}
	return d
}

// finalReply deals with the first line of a reply that is not preliminary, or
// with the last if the first was undecided.
func (s *session) finalReply(ctx context.Context, line []byte, l replyLine) disposition {
	s.reportSuccess()
	if s.phase == greeting {
		s.enter(relaying)
		s.warnTLSRequired(line, l, "")
		return relay(line)
	}
	if d, ok := s.address(ctx, line, l); ok {
		return d
	}
	if !l.last && l.negative() && s.pending.transferNext() {
		// glftpd's 553- of several lines ends with a 150, and was no refusal.
		return disposition{line: line, rest: undecided, reason: excerpt(line)}
	}
	features := l.code == 211 && s.pending.awaits(verbFeatures)
	r, before := s.pending.match(l.code)
	s.settleBefore(before)
	switch {
	case r == nil:
		if own := s.ownNext(); own != nil && s.pending.passiveNext() {
			return s.misanswered(ctx, own, line)
		}
		s.surplusReply(ctx, line, l)
		r = &request{}
	case r.state == requestRefused:
		s.pending.doubt(l.code, excerpt(line)) // Pure-FTPd refuses a NOOP while a transfer runs
	}
	s.warnTLSRequired(line, l, r.argument)
	d := relay(line)
	if r.answer != nil {
		d = r.answer(ctx, line, l)
	}
	if features && d.rest == relayed {
		d.rest = filtered
	}
	return d
}

// announcement deals with the first line of a 1yz reply.
func (s *session) announcement(ctx context.Context, line []byte, l replyLine) disposition {
	if s.ownNext() != nil {
		return drop() // the client has sent another command
	}
	if t := s.pending.begin(); t != nil {
		s.beginTransfer(ctx, t)
		return relay(line)
	}
	s.pending.doubt(l.code, excerpt(line)) // a PASV, perhaps
	for _, d := range s.data {
		d.startUp(s) // for a command that is not known to move data
	}
	return relay(line)
}

// surplusReply deals with a reply that no command plausibly waits for. It may have
// been the answer to the PASV that commands wait for, as uftpd's 426 is.
func (s *session) surplusReply(ctx context.Context, line []byte, l replyLine) {
	if r := s.pending.doubt(l.code, excerpt(line)); r != nil && r.transfer != nil {
		s.beginTransfer(ctx, r.transfer) // an active client waits for its connection
	}
	if s.opening != nil && s.opening == s.pending.passive() {
		s.release(s.opening)
	}
}

// clientContinues takes what the client sends for a sign that it waits for no
// reply which it may have received already. The oldest requests that are in doubt
// are over.
func (s *session) clientContinues(data []byte) {
	switch parseCommand(data).kind() {
	case verbAbort, verbStatus, verbIdle: // are sent while a transfer runs
		if len(s.transfers) > 0 {
			return
		}
	}
	for r := s.pending.settle(); r != nil; r = s.pending.settle() {
		p := r.path
		if r.path = nil; p == nil {
			s.endDoubted(r)
			continue
		}
		s.paths.drop(p)
		s.release(p)
		s.rebind(p)
	}
}

// boundOwnReplies bounds how long a reply of ours waits for a server that does
// not reply, unless a transfer keeps the server busy: even one whose data does
// not move gets its reply.
func (s *session) boundOwnReplies() {
	switch {
	case s.midReply(), s.phase == passthrough:
	case !s.pending.localWaits():
		s.timers.stop(&s.ownReplyBy)
	default:
		s.timers.startOnce(&s.ownReplyBy, ownReplyAtMost, func() {
			if len(s.transfers) > 0 {
				return
			}
			if s.phase == greeting {
				s.enter(relaying)
			}
			s.pending.forgetServer()
		})
	}
}

// midReply reports whether the client has not received the whole of a reply of
// the server's.
func (s *session) midReply() bool {
	return s.reader.open != 0 || s.server.lines.inTail || s.finishing != nil
}

// sendOwnReply sends the reply of ours that is due, and reports whether there
// was one.
func (s *session) sendOwnReply() bool {
	if s.phase != relaying || s.midReply() {
		return false
	}
	r := s.pending.due()
	if r == nil {
		return false
	}
	s.sendReply(r.text)
	return true
}

// settleBefore deals with what stood before a request whose reply has come.
func (s *session) settleBefore(before []*request) {
	for _, r := range before {
		if r.state == requestLocal {
			s.sendReply(r.text)
		} else {
			s.endUnanswered(r.transfer)
		}
	}
}

// sendReply sends the client a reply of ours.
func (s *session) sendReply(reply string) {
	s.reportSuccess()
	reply = oneLine(reply)
	s.source.line(Tunnel, Client, reply, reply)
	s.client.queue([]byte(reply + "\r\n"))
}

// text returns a line without its end.
func text(line []byte) string { return strings.TrimRight(string(line), "\r\n") }

// excerpt returns the beginning of a line as printable text.
func excerpt(line []byte) string {
	return oneLine(string(bytes.TrimSpace(line[:min(len(line), 200)])))
}

// oneLine makes text fit for a reply of one line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 127 {
			return ' '
		}
		return r
	}, text)
}
