package ftpfwd

import (
	"path"
	"strings"
)

// parameters are what the client has set for the transfers to come (RFC 959,
// 3.1, 3.4 and 4.1.2), and where it is on the server.
type parameters struct {
	kind     string // the representation type: the argument of TYPE
	mode     string // the transfer mode: the argument of MODE
	asked    string // the mode, unless the server refuses the last MODE
	restart  string // the argument of REST, for the next transfer
	onlyEPSV bool   // after EPSV ALL (RFC 2428, 4)
	dir      string // the working directory; empty if it is not known
}

func defaultParameters() parameters {
	return parameters{kind: "A", mode: modeStream, asked: modeStream}
}

// send notes that a command has gone to the server.
func (p *parameters) send(c command) {
	if c.verb == "MODE" {
		p.asked = strings.ToUpper(c.argument)
	}
}

// accept notes that the server has accepted a command; reply is its reply's
// first line, without the code.
func (p *parameters) accept(c command, reply string) {
	switch c.verb {
	case "TYPE":
		p.kind = strings.ToUpper(c.argument)
	case "MODE":
		p.mode = strings.ToUpper(c.argument)
	case "EPSV":
		p.onlyEPSV = true
	case "CWD", "XCWD":
		p.dir = p.join(c.argument)
	case "CDUP", "XCUP":
		p.dir = p.join("..")
	case "PWD", "XPWD":
		p.dir = quotedPath(reply)
	}
}

// file returns the full path of what a transfer command names, or "" if it is not
// known.
func (p *parameters) file(c command) string {
	switch c.verb {
	case "RETR", "STOR", "APPE":
		return p.join(c.argument)
	case "LIST", "NLST", "MLSD":
		if c.argument == "" {
			return p.dir
		}
		if !strings.HasPrefix(c.argument, "-") {
			return p.join(c.argument)
		}
	}
	return ""
}

// join returns the full path of a name, or "" if that is not known.
func (p *parameters) join(name string) string {
	switch {
	case strings.HasPrefix(name, "/"):
		return path.Clean(name)
	case p.dir == "" || name == "" || strings.HasPrefix(name, "~"):
		return ""
	}
	return path.Join(p.dir, name)
}

// quotedPath returns the path in a reply to PWD, between quotes that are
// doubled inside (RFC 959, appendix II). It returns "" if there is none, or if
// it is no Unix path.
func quotedPath(reply string) string {
	_, rest, ok := strings.Cut(reply, `"`)
	if !ok {
		return ""
	}
	const quote = "\x00"
	dir, _, ok := strings.Cut(strings.ReplaceAll(rest, `""`, quote), `"`)
	if !ok || !strings.HasPrefix(dir, "/") {
		return ""
	}
	return path.Clean(strings.ReplaceAll(dir, quote, `"`))
}
