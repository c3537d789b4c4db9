package ftpfwd

import (
	"fmt"
	"slices"
	"strings"
)

// An exchange is one command of the client's, and what the server received for it.
type exchange struct {
	*clientCommand
	attempts []*serverCommand // PASV, EPSV, PORT and EPRT that the forwarder sent for it
	received *serverCommand   // the command itself; nil if the server did not receive it
	code     int              // of the last reply that the client received
	accepted bool             // the client has opened a path only for this transfer, and the server accepted it
}

// A model says which commands the server must receive, and which replies the client.
type model struct {
	*conversation
	exchanges   []*exchange
	unexplained string // the rest of what the client has received
	ended       bool   // nothing more must be received
	abortsSent  bool   // the server has received an ABOR of the forwarder's
}

// check compares what both sides have received with the model.
func (c *conversation) check() {
	m := &model{conversation: c, unexplained: string(c.client.received)}
	m.commands()
	if !c.t.Failed() {
		m.replies()
	}
	if !c.t.Failed() {
		m.transfers()
	}
	m.addresses()
	m.closed()
	if c.t.Failed() {
		c.t.Log(m.transcript())
	}
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf(format, args...)
}

// commands explains every line that the server has received: the client's, in
// order, and the forwarder's own for data paths and aborted uploads.
func (m *model) commands() {
	var lines []*serverCommand
	aborts, accepted := 0, false
	for _, got := range m.server.received {
		if got.raw == "ABOR\r\n" { // the client's are written differently
			aborts++
			m.abortsSent = true
		} else {
			lines = append(lines, got)
		}
	}
	for _, sent := range m.client.sent {
		x := &exchange{clientCommand: sent}
		m.exchanges = append(m.exchanges, x)
		switch sent.kind {
		case classRefused:
			continue
		case classOpen:
			x.attempts, lines = m.pathAttempts(lines, sent)
			accepted = len(x.attempts) > 0 && x.attempts[len(x.attempts)-1].opens()
			continue
		case classTransfer:
			if x.accepted = sent.transfer.ownPath && accepted; !x.accepted {
				lines = m.takeDefaultPath(x, lines)
			}
			if sent.step.upload && m.mayFail(x) {
				aborts--
			}
			if len(lines) == 0 || lines[0].raw != string(sent.raw) {
				continue // the forwarder has replied to it
			}
		}
		want := sent.raw[telnetPrefix(sent.raw):]
		switch {
		case len(lines) > 0 && lines[0].raw == string(want):
			x.received, lines = lines[0], lines[1:]
		case len(lines) > 0:
			m.fail("the server receives %.100q where the client sent %.100q", lines[0].raw, want)
			return
		case !m.interrupted:
			m.fail("the server does not receive %.100q", want)
			return
		}
	}
	if len(lines) > 0 {
		m.fail("the server receives %.100q, which the client did not send", lines[0].raw)
	}
	m.plan.assert(aborts <= 0 || m.interrupted, "the server receives %d ABOR too many", aborts)
}

// takeDefaultPath takes the commands that open a path to the client's default data
// port for the transfer x, if there are any, and returns the lines behind them.
func (m *model) takeDefaultPath(x *exchange, lines []*serverCommand) []*serverCommand {
	attempts, rest := m.pathAttempts(lines, x.clientCommand)
	if len(attempts) > 0 && x.step.restart && len(rest) > 0 && rest[0].raw == "REST 100\r\n" {
		rest = rest[1:]
	}
	if (len(rest) > 0 && rest[0].raw == string(x.raw)) || (len(rest) == 0 && m.interrupted && !m.opensPathLater(x)) {
		x.attempts = attempts
		return rest
	}
	return lines // they belong to another command
}

// opensPathLater reports whether the client has opened a path after x, and has
// received the reply.
func (m *model) opensPathLater(x *exchange) bool {
	return slices.ContainsFunc(m.client.sent, func(sent *clientCommand) bool {
		return sent.kind == classOpen && sent.reply > x.reply && sent.reply < len(m.client.finalCodes)
	})
}

// pathAttempts takes the commands that open a path for a command of the client's.
func (m *model) pathAttempts(lines []*serverCommand, sent *clientCommand) (attempts, rest []*serverCommand) {
	method := ""
	if sent.kind == classOpen {
		method = sent.step.method
	}
	for len(lines) > 0 && len(attempts) < m.plan.methodCount(method) {
		got := lines[0]
		c := parseCommand([]byte(got.raw))
		switch {
		case c.kind() != verbPassive && c.kind() != verbActive:
			return attempts, lines
		case sent.kind == classTransfer && c.kind() == verbPassive && got.raw != c.verb+"\r\n":
			return attempts, lines
		case c.kind() == verbPassive && got.raw != c.verb+"\r\n":
			m.plan.assert(len(attempts) == 0 && got.raw == string(sent.raw), "the server receives %q where the client sent %q", got.raw, sent.raw)
		}
		attempts, lines = append(attempts, got), lines[1:]
		if got.opens() || got.isReplyTo(sent) || aboutLogin(got.final) {
			break
		}
	}
	return attempts, lines
}

// transcript describes the plan and all lines, for a test that has failed.
func (m *model) transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: mode %s, ipv6 %v, refuses %v with %q, one shot %v, abort replies %d, interrupted %v\n", m.plan.mode, m.plan.ipv6, m.plan.refuses, m.plan.refusal, m.plan.oneShot, m.plan.abortReplies, m.interrupted)
	for _, e := range m.events(LinePassed) {
		fmt.Fprintf(&b, "%s > %s: %.100q, sent on as %.100q\n", e.Line.From, e.Line.To, e.Line.Received, e.Line.Sent)
	}
	for _, sent := range m.client.sent {
		fmt.Fprintf(&b, "client sent %.100q", sent.raw)
		if t := sent.transfer; t != nil {
			fmt.Fprintf(&b, " fault %d, %d of %d bytes, whole %v, reset %v, wait %v", sent.step.fault, len(t.data), sent.step.size, t.whole, t.wasReset, sent.step.wait)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
