package ftpfwd

// Servers that reply to EPSV or PASV with what is no refusal and no address, such as
// 200. The client receives such a reply to its own command as it is, and
// expects no other; the forwarder's own commands go on with the next method.

// opens reports whether the reply opens a path.
func (got *serverCommand) opens() bool { return got.final/100 == 2 && !got.wrong }

// isReplyTo reports whether the reply is wrong and is the client's nevertheless:
// it has sent such a command itself.
func (got *serverCommand) isReplyTo(sent *clientCommand) bool {
	return got.wrong && sent.kind == classOpen && parseCommand([]byte(got.raw)).verb == parseCommand(sent.raw).verb
}
