package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/terminal"
)

// A verdict says how a step of a check went.
type verdict string

const (
	passed  verdict = "ok"
	failed  verdict = "fail"
	skipped verdict = "skip" // it was not tried
	noted   verdict = "note" // worth knowing, neither good nor bad
)

// A step is one thing that was looked at.
type step struct {
	Name         string  `json:"step"`
	Result       verdict `json:"result"`
	Milliseconds float64 `json:"ms"`
	Text         string  `json:"text"`
}

// A report is what a check has found. It is written as it grows, a line for
// each step, or at the end, as one JSON document.
type report struct {
	Gateway string          `json:"gateway"`
	Server  string          `json:"server"`
	Hops    []*hopReport    `json:"hops"`
	Steps   []step          `json:"steps"`
	Modes   map[string]bool `json:"modes"` // of those that were tried, which work
	Works   bool            `json:"works"`
	Summary []string        `json:"summary"`
	Advice  []string        `json:"advice"`

	mu    sync.Mutex
	lines io.Writer // nil if the report is to be a document
}

// A hopReport is what is known about an SSH server on the way.
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

// An outcome is what a test of something returns.
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

// fail is that err stands in the way; the advice is that which the program
// gives about err elsewhere.
func fail(err error) outcome {
	return outcome{result: failed, text: err.Error(), advice: hint.For(err)}
}

// add adds a step that took a time.
func (r *report) add(name string, took time.Duration, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := step{Name: name, Result: o.result, Milliseconds: float64(took.Microseconds()) / 1000, Text: oneLine(o.text)}
	r.Steps = append(r.Steps, s)
	r.advise(o.advice...)
	if r.lines != nil {
		fmt.Fprintln(r.lines, s)
	}
}

// advise adds lines of advice, each once.
func (r *report) advise(lines ...string) {
	for _, line := range lines {
		if line = oneLine(line); !slices.Contains(r.Advice, line) {
			r.Advice = append(r.Advice, line)
		}
	}
}

// oneLine makes what others wrote fit to be shown on one line.
func oneLine(s string) string {
	return strings.Join(strings.Fields(terminal.Printable(s)), " ")
}

// String is a line: what, how it went, how long it took, and why.
func (s step) String() string {
	word := string(s.Result)
	if s.Result == failed {
		word = "FAIL" // to be seen among the others
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
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	fmt.Fprintln(r.lines)
	for _, line := range r.Summary {
		fmt.Fprintln(r.lines, line)
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
