package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// The limits after which clients are killed. Scripts do all tasks in one run.
const (
	limit       = 10 * time.Second
	scriptLimit = 60 * time.Second
)

// settling is how long a server may take to complete an upload whose client does not
// wait for the reply.
const settling = 5 * time.Second

// original is the file that is moved. A file that begins with zeros becomes
// resumed if a transfer continues behind them, and only then.
var original, resumed = contents()

// small is a file of a few bytes.
var small = original[:sizeOfSmall]

func contents() (original, resumed []byte) {
	original = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(original)
	offset, _ := strconv.Atoi(part)
	return original, append(make([]byte, offset), original[offset:]...)
}

// A place holds the paths to the files of one cell.
type place struct {
	there  string // the client's directory, on its host
	here   string // the same, on this machine
	server string // the server's directory, on this machine
}

// measure does all that a client can do in one of its modes.
func (s *site) measure(v clients.Variant) Outcomes {
	s.cells++
	name := "cell" + strconv.Itoa(s.cells)
	p := place{there: filepath.Join(lab.Home, name), server: filepath.Join(s.running.Files, name)}
	p.here = s.host.Path(p.there)
	p.furnish(s.t)
	defer func() {
		remove(s.t, p.here)
		remove(s.t, p.server)
	}()
	target := s.target
	target.Dir = strings.TrimPrefix(target.Dir+"/"+name, "/")

	var possible []clients.Task
	for _, task := range tasks {
		if v.Can(task.Operation) {
			possible = append(possible, task)
		}
	}
	outcomes := Outcomes{}
	if v.Script != nil {
		before, began := s.logged(), time.Now()
		for task, outcome := range s.script(v.Script(target, v.Mode), p, possible) {
			outcome.Took = time.Since(began)
			if v.Leaves && outcome.Said == "" {
				settle(task, p)
			}
			outcomes[task.Operation] = s.judge(outcome, task, p, before)
		}
		return outcomes
	}
	for _, task := range possible {
		before, began := s.logged(), time.Now()
		var outcome Outcome
		if v.Call != nil {
			outcome = s.call(v, target, task, p)
		} else {
			outcome = s.command(v.Invoke(target, task), p, task)
		}
		outcome.Took = time.Since(began)
		outcomes[task.Operation] = s.judge(outcome, task, p, before)
	}
	return outcomes
}

// settle waits until the file of a task is right, or has had the time to become so.
func settle(task clients.Task, p place) {
	end, tick := time.After(settling), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for wrong(task, p) != "" {
		select {
		case <-tick.C:
		case <-end:
			return
		}
	}
}

// judge adds to what the client said what is wrong with the files, and if
// something failed, what the tunnel has logged since then.
func (s *site) judge(said Outcome, task clients.Task, p place, then int) Outcome {
	said.Wrong = wrong(task, p)
	if !said.OK() {
		said.Log = s.loggedSince(then)
	}
	return said
}

// furnish creates the files that a client starts with.
func (p place) furnish(t testing.TB) {
	offset, _ := strconv.Atoi(part)
	zeros := resumed[:offset]
	for dir, files := range map[string]map[string][]byte{
		p.server: {"original.bin": original, "partly-uploaded.bin": zeros, "empty.bin": nil, name: original},
		p.here: {
			"original.bin": original, "partly-downloaded.bin": zeros, "partly-uploaded.bin": original,
			"empty.bin": nil, "small.bin": small, "up " + name: original,
		},
	} {
		makeDir(t, dir)
		for file, content := range files {
			path := filepath.Join(dir, file)
			require.NoError(t, os.WriteFile(path, content, 0o666))
			require.NoError(t, os.Chmod(path, 0o666)) // whatever the umask
			yesterday := time.Now().Add(-24 * time.Hour)
			require.NoError(t, os.Chtimes(path, yesterday, yesterday))
		}
	}
}

// remove removes a directory, into which a client that was killed, or the server, may
// still have written something.
func remove(t testing.TB, dir string) {
	require.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, settling, 20*time.Millisecond, dir)
}

func makeDir(t testing.TB, path string) {
	require.NoError(t, os.MkdirAll(path, 0o777))
	require.NoError(t, os.Chmod(path, 0o777))
}

// command runs a client for one task, and returns what it said.
func (s *site) command(i clients.Invocation, p place, task clients.Task) Outcome {
	stdout, stderr, err := s.run(limit, p.there, i)
	if task.Verb == clients.Ls {
		require.NoError(s.t, os.WriteFile(filepath.Join(p.here, task.Local), []byte(stdout), 0o666))
	}
	replies := errorReply.FindAllString(stdout+stderr, -1)
	outcome := Outcome{Reply: lastLine(strings.Join(replies, "\n"))}
	if err != nil {
		outcome.Said = strings.TrimSpace(complaint(err) + " " + lastLine(stderr, stdout))
	}
	return outcome
}

// errorReply is one that a client shows.
var errorReply = regexp.MustCompile(`(?m)^[45]\d\d .*$`)

// script runs a program for all tasks, and returns what it said of each.
func (s *site) script(i clients.Invocation, p place, tasks []clients.Task) map[clients.Task]Outcome {
	for _, task := range tasks {
		i.Stdin += task.Line() + "\n"
	}
	stdout, stderr, err := s.run(scriptLimit, p.there, i)
	said := map[string]string{}
	for line := range strings.Lines(stdout) {
		operation, what, _ := strings.Cut(strings.TrimSpace(line), "\t")
		said[operation] = what
	}
	outcomes := map[clients.Task]Outcome{}
	for _, task := range tasks {
		switch what := said[string(task.Operation)]; what {
		case "ok":
			outcomes[task] = Outcome{}
		case "":
			outcomes[task] = Outcome{Said: fmt.Sprintf("%v before it got here: %s", err, lastLine(stderr))}
		default:
			outcomes[task] = Outcome{Said: what}
		}
	}
	return outcomes
}

// call does a task in this process.
func (s *site) call(v clients.Variant, t clients.Target, task clients.Task, p place) Outcome {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	if err := v.Call(ctx, s.host, t, v.Mode, task, p.here); err != nil {
		return Outcome{Said: complaint(errors.Join(ctx.Err(), err))}
	}
	return Outcome{}
}

func complaint(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("nothing within %v", limit)
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// lastLine returns the last line of the first text that is not blank.
func lastLine(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
		}
	}
	return ""
}

// wrong returns what is wrong with the files after a task; empty if it was done.
func wrong(task clients.Task, p place) string {
	path := filepath.Join(p.here, task.Local)
	if task.Up() {
		path = filepath.Join(p.server, task.Remote)
	}
	got, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "there is no file"
	case task.Verb == clients.Ls:
		if !bytes.Contains(got, []byte("original.bin")) {
			return "the listing lacks the file"
		}
		return ""
	}
	want := original
	switch {
	case task.Offset != "":
		want = resumed
	case task.Operation == clients.DownloadEmpty || task.Operation == clients.UploadEmpty:
		want = nil
	case task.Operation == clients.UploadSmall:
		want = small
	}
	switch {
	case bytes.Equal(got, want):
		return ""
	case task.Offset != "" && bytes.Equal(got, original):
		return "the file was moved whole"
	case len(got) != len(want):
		return fmt.Sprintf("the file has %d bytes instead of %d", len(got), len(want))
	default:
		return "the file has other bytes"
	}
}
