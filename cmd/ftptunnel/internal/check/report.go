package check

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
)

// A verdict is the result of a step.
type verdict string

const (
	passed  verdict = "ok"
	failed  verdict = "fail"
	skipped verdict = "skip" // not tried
	noted   verdict = "note" // neither good nor bad
)

// A step is one thing that was tried.
type step struct {
	Name         string  `json:"step"`
	Result       verdict `json:"result"`
	Milliseconds float64 `json:"ms"`
	Text         string  `json:"text"`
}

// A report is what a check found. As text it is written while it grows, a line
// for each step; as JSON it is one document, written at the end. Scripts read the
// document: its keys and the names of steps do not change.
type report struct {
	Gateway string          `json:"gateway"`
	Server  string          `json:"server"`
	Hops    []*hopReport    `json:"hops"`
	Steps   []step          `json:"steps"`
	Modes   map[string]bool `json:"modes"` // those that were tried, and whether they work
	Works   bool            `json:"works"`
	Summary []string        `json:"summary"`
	Advice  []string        `json:"advice"`

	mu     sync.Mutex
	lines  io.Writer // of the text; nil if the report is a document
	secret string    // is not shown, whoever repeats it

	interrupted func() bool // whether the check is: what fails then fails because of that
}

// A hopReport is what is known about an SSH server on the way to the gateway, or
// the gateway.
type hopReport struct {
	Name          string   `json:"name"`
	Address       string   `json:"address"`
	User          string   `json:"user"`
	IdentityFiles []string `json:"identity_files"` // those that exist
	Agent         string   `json:"agent,omitempty"`
	HostKeyType   string   `json:"host_key_type,omitempty"`
	Fingerprint   string   `json:"fingerprint,omitempty"`
	Credential    string   `json:"credential,omitempty"`
	Version       string   `json:"version,omitempty"`
	KeyExchange   string   `json:"key_exchange,omitempty"`
	PostQuantum   bool     `json:"post_quantum"`
	Cipher        string   `json:"cipher,omitempty"`
}

// An outcome is the result of a test.
type outcome struct {
	result verdict
	text   string
	advice []string // what to do about it
}

func pass(format string, args ...any) outcome {
	return outcome{result: passed, text: fmt.Sprintf(format, args...)}
}

func note(format string, args ...any) outcome {
	return outcome{result: noted, text: fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) outcome {
	return outcome{result: skipped, text: fmt.Sprintf(format, args...)}
}

// fail returns the outcome that err is the cause of, with the hints about err.
func (c *checker) fail(err error) outcome {
	return outcome{result: failed, text: wording.Of(err), advice: c.Advise.For(err)}
}

func newReport(gateway, server string) *report {
	return &report{
		Gateway: gateway, Server: server,
		Hops: []*hopReport{}, Steps: []step{}, Modes: map[string]bool{}, Summary: []string{}, Advice: []string{},
	}
}

// add adds a step, and how long it took.
func (r *report) add(name string, took time.Duration, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupted != nil && r.interrupted() {
		return
	}
	s := step{Name: name, Result: o.result, Milliseconds: float64(took.Microseconds()) / 1000, Text: terminal.OneLine(r.withoutSecret(o.text))}
	r.Steps = append(r.Steps, s)
	r.advise(o.advice...)
	if r.lines != nil {
		fmt.Fprintln(r.lines, s)
	}
}

// plainLength is how long a password is that does not occur by itself. A shorter
// one is left out of the reply to PASS only.
const plainLength = 6

// withoutSecret returns text without the password, which some servers repeat as it
// was sent or in capitals.
func (r *report) withoutSecret(text string) string {
	if len(r.secret) < plainLength {
		return text
	}
	return strings.NewReplacer(r.secret, "***", strings.ToUpper(r.secret), "***").Replace(text)
}

// advise adds lines of advice, each once.
func (r *report) advise(lines ...string) {
	for _, line := range lines {
		if line = terminal.OneLine(line); !slices.Contains(r.Advice, line) {
			r.Advice = append(r.Advice, line)
		}
	}
}

// String returns a line of the text: name, result, time and reason.
func (s step) String() string {
	word := string(s.Result)
	if s.Result == failed {
		word = "FAIL" // to stand out
	}
	took := ""
	if s.Milliseconds > 0 {
		took = fmt.Sprintf("%.0f ms", s.Milliseconds)
	}
	return strings.TrimRight(fmt.Sprintf("%-17s %-4s %9s  %s", s.Name, word, took, s.Text), " ")
}

// finish writes what has not been written yet.
func (r *report) finish(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines == nil {
		e := json.NewEncoder(terminal.JSONWriter{Writer: w})
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	fmt.Fprintln(r.lines)
	for _, line := range r.Summary {
		fmt.Fprintln(r.lines, terminal.Printable(line))
	}
	if len(r.Advice) > 0 {
		heading := "What to do:"
		if r.Works {
			heading = "For the rest:"
		}
		fmt.Fprintln(r.lines, "\n"+heading)
	}
	for _, line := range r.Advice {
		fmt.Fprintln(r.lines, "  - "+line)
	}
	return nil
}
