package ftpfwd

// A disposition says what the client receives of a reply: of the line at hand,
// and of those that follow. It is decided on the reply's first line, or on its
// last if only that shows what the reply is.
type disposition struct {
	line   []byte // is sent now, in the place of the line at hand; nil if nothing is
	rest   rest   // what happens to the further lines
	path   *dataPath
	reason string // of undecided: the reply's first line
}

// A rest says what happens to the lines of a reply behind the first.
type rest int

const (
	relayed   rest = iota // they pass
	dropped               // they go nowhere
	rewritten             // their addresses become those of disposition.path's listener
	filtered              // they are a list of features, without those that are refused
	undecided             // they pass, and the last decides what the reply is
	held                  // no further line is read before the data of session.finishing has arrived
)

// relay passes a reply on as it is.
func relay(line []byte) disposition { return disposition{line: line} }

// drop keeps a reply from the client.
func drop() disposition { return disposition{rest: dropped} }

// replace sends a line of ours instead of a reply.
func replace(line []byte) disposition { return disposition{line: line, rest: dropped} }

// rewrite sends a line that names p's listener, and rewrites the others to match:
// clients differ in which line of a reply they read.
func rewrite(line []byte, p *dataPath) disposition {
	return disposition{line: line, rest: rewritten, path: p}
}
