package ftpfwd

import "context"

// changeVerbs are the commands that change files or directories without a
// transfer (RFC 959, 4.1.3; RFC 1123, 4.1.3.1; draft-somers-ftp-mfxx), and
// whether their argument is a name.
var changeVerbs = map[string]bool{
	"DELE": true, "RNFR": true, "RNTO": true,
	"MKD": true, "XMKD": true, "RMD": true, "XRMD": true, "RMDA": true,
	"MFMT": false, "MFCT": false, "MFF": false,
	"SITE": false, // CHMOD, UTIME and others: what they do is the server's matter
}

// changeReply returns what deals with the reply to a command that changes files,
// or nil if c is none.
func (s *session) changeReply(c command) answer {
	named, changes := changeVerbs[c.verb]
	if !changes {
		return nil
	}
	change := Change{Command: c.verb, File: c.argument}
	if name, _, ok := splitSecret(c.verb + " " + c.argument); ok {
		change.File = name[len(c.verb)+1:] + " " + masked
	}
	if named {
		change.Path = s.params.join(c.argument)
	}
	return func(_ context.Context, line []byte, l replyLine) disposition {
		change.Reply, change.Text = l.code, excerpt(line)
		s.source.emit(Event{Kind: Changed, Change: change})
		return relay(line)
	}
}
