package ftpfwd

import "strings"

// Telnet's bytes that clients put in front of an ABOR (RFC 959, 4.1.3; RFC 854).
const (
	telnetIAC  = 255
	telnetDont = 254
	telnetWill = 251
)

// A command is what the forwarder reads of a line from the client.
type command struct {
	verb     string // upper case
	argument string // without surrounding blanks and line end
	prefix   int    // how many bytes of Telnet stand in front
}

// parseCommand parses line, which may lack its end. Case and leading blanks do
// not matter: a server that is stricter refuses the command itself.
func parseCommand(line []byte) command {
	prefix := telnetPrefix(line)
	text := strings.Trim(string(line[prefix:]), " \t\r\n\x00")
	verb, argument := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		verb, argument = text[:i], strings.TrimLeft(text[i:], " \t")
	}
	return command{verb: strings.ToUpper(verb), argument: argument, prefix: prefix}
}

// telnetPrefix returns how many bytes of Telnet commands line begins with. A
// lone IAC counts: it is what is left where the urgent byte behind it was lost.
func telnetPrefix(line []byte) int {
	i := 0
	for i < len(line) && line[i] == telnetIAC {
		switch {
		case i+1 < len(line) && telnetWill <= line[i+1] && line[i+1] <= telnetDont:
			i += 3
		case i+1 < len(line) && line[i+1] > 127:
			i += 2
		default:
			i++
		}
	}
	// Data Mark alone is what is left of IAC DM when its IAC was lost.
	if i > 0 && i < len(line) && line[i] == 242 {
		i++
	}
	return min(i, len(line))
}

// A verbKind says how the forwarder treats a command.
type verbKind int

const (
	verbOther     verbKind = iota // passes
	verbPassive                   // PASV, EPSV
	verbActive                    // PORT, EPRT
	verbDownload                  // the server sends data
	verbUpload                    // the client sends data
	verbRestart                   // REST
	verbAbort                     // ABOR
	verbStatus                    // STAT, which servers answer while a transfer runs
	verbIdle                      // NOOP, which some answer likewise
	verbFeatures                  // FEAT
	verbParameter                 // sets a parameter of later commands: MODE, TYPE, CWD, EPSV ALL (RFC 2428, 4)
	verbReset                     // REIN: the session begins anew
	verbUser                      // USER
	verbQuit                      // QUIT
	verbPassword                  // PASS, ACCT
	verbSecurity                  // asks for TLS or another encryption
	verbUnknown                   // opens data ports in a way that is not carried
)

var verbKinds = map[string]verbKind{
	"PASV": verbPassive, "EPSV": verbPassive, "P@SW": verbPassive, // as some routers spell PASV
	"PORT": verbActive, "EPRT": verbActive,
	"RETR": verbDownload, "LIST": verbDownload, "NLST": verbDownload, "MLSD": verbDownload,
	"STOR": verbUpload, "STOU": verbUpload, "APPE": verbUpload,
	"REST": verbRestart,
	"ABOR": verbAbort,
	"STAT": verbStatus,
	"NOOP": verbIdle,
	"FEAT": verbFeatures,
	"MODE": verbParameter, "TYPE": verbParameter,
	"CWD": verbParameter, "CDUP": verbParameter, "PWD": verbParameter,
	"XCWD": verbParameter, "XCUP": verbParameter, "XPWD": verbParameter,
	"REIN": verbReset,
	"USER": verbUser,
	"QUIT": verbQuit,
	"PASS": verbPassword, "ACCT": verbPassword,

	"AUTH": verbSecurity, "ADAT": verbSecurity, "PBSZ": verbSecurity, "PROT": verbSecurity,
	"CCC": verbSecurity, "MIC": verbSecurity, "CONF": verbSecurity, "ENC": verbSecurity,
	"SSCN": verbSecurity, "CPSV": verbSecurity,

	"LPRT": verbUnknown, "LPSV": verbUnknown, "SPSV": verbUnknown, "APSV": verbUnknown,
	"ESTA": verbUnknown, "ESTP": verbUnknown, "SPAS": verbUnknown, "SPOR": verbUnknown,
	"CEPR": verbUnknown,
}

func (c command) kind() verbKind {
	if c.verb == "EPSV" && strings.EqualFold(c.argument, "ALL") {
		return verbParameter
	}
	return verbKinds[c.verb]
}

// offered reports whether a line in the reply to FEAT may be shown to the
// client: everything but what the forwarder refuses.
func offered(line []byte) bool {
	kind := parseCommand(line).kind()
	return kind != verbSecurity && kind != verbUnknown
}

// secret reports whether the argument is a secret, such as a password (PASS).
func (c command) secret() bool {
	_, _, ok := splitSecret(c.verb + " " + c.argument)
	return ok
}

// redact returns the command as it may be shown, without a secret. A USER is
// returned as it is; see [secrets.line].
func (c command) redact() string {
	if name, _, ok := splitSecret(c.verb + " " + c.argument); ok {
		return name + " " + masked
	}
	if c.argument == "" {
		return c.verb
	}
	return c.verb + " " + c.argument
}
