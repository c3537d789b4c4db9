//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path"
	"strings"
	"sync"
)

// A journal collects the lines of the log about transfers, by the names of the
// files, over all starts of the program. Its methods may be called concurrently.
type journal struct {
	mu      sync.Mutex
	program *program
	read    int // bytes of the program's log
	lines   map[string][]logLine
}

// follow collects from a program that has just been started, after the one before.
func (j *journal) follow(p *program) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.program != nil {
		j.collect()
	}
	j.program, j.read = p, 0
}

// collect collects the lines that are new. The caller holds mu.
func (j *journal) collect() {
	text := j.program.Stderr.String()
	end := strings.LastIndexByte(text, '\n') + 1
	for _, l := range parseLog(text[j.read:end]) {
		if l[attrMessage] == transferred {
			name := path.Base(l[attrFile])
			j.lines[name] = append(j.lines[name], l)
		}
	}
	j.read = end
}

// about returns the lines about a file.
func (j *journal) about(name string) []logLine {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.collect()
	return j.lines[name]
}

// compareLog compares what the log calls a success with the files, after the end
// of all sessions.
func (k *soak) compareLog() {
	for _, a := range k.record.attempts {
		if a.job.upload && !a.login {
			k.compareLine(a, k.journal.about(a.name))
		}
	}
	for _, f := range k.files {
		for _, l := range k.journal.about(f.name) {
			if l.has(attrResult, "ok", "mode", "S") && l.number(attrBytes) != int64(len(f.data)) {
				k.record.wrong("a download of %d bytes is a success in the log: %v", len(f.data), l)
			}
		}
	}
	translated := 0
	for name, lines := range k.journal.lines {
		fails := name == missingFile || name == forbiddenFile || strings.HasSuffix(name, deafFile)
		for _, l := range lines {
			if fails && l.has(attrResult, "ok") {
				k.record.wrong("a transfer that fails is a success in the log: %v", l)
			}
			if l[attrServerMode] != "" {
				translated++
			}
		}
	}
	k.t.Logf("%d transfers used another method with the server than with the client", translated)
}

// compareLine compares the line about an upload with the client and the file. A
// killed client looks like one that has ended its upload: see docs/ends.md.
func (k *soak) compareLine(a attempt, lines []logLine) {
	switch {
	case len(lines) > 1, a.whole && len(lines) == 0:
		k.record.wrong("%v: %d lines in the log for one transfer: %v", a.job, len(lines), lines)
	case len(lines) == 0 || a.job.manner == dies:
	case lines[0].has(attrResult, "ok") && !a.whole && !k.uploaded(a):
		k.record.wrong("%v: the file is not whole, but the log has %v", a.job, lines[0])
	case lines[0].has(attrResult, "ok", "mode", "S") && lines[0].number(attrBytes) != int64(a.job.size):
		k.record.wrong("%v: an upload of %d bytes is a success in the log: %v", a.job, a.job.size, lines[0])
	case lines[0].has(attrResult, "failed") && a.whole && a.job.manner != departs:
		k.record.wrong("%v: the client has received a success, but the log has %v", a.job, lines[0])
	}
}

// uploaded reports whether the server has the file of a whole.
func (k *soak) uploaded(a attempt) bool {
	name, want := k.serverOf(a.job).Path(a.name), k.files[a.job.file].data
	if info, err := os.Stat(name); err != nil || info.Size() != int64(len(want)) {
		return false
	}
	got, err := os.ReadFile(name)
	return err == nil && bytes.Equal(got, want)
}
