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

	"example.org/ftptunnel/internal/test/lab"
)

// The limits after which clients are killed. Programs of ours do all tasks in
// one run.
const (
	limit       = 10 * time.Second
	scriptLimit = 60 * time.Second
)

// contents are those of the files that are moved; resumed is what becomes of a
// file that begins with zeros when a transfer goes on behind them, and only
// then.
var original, resumed = contents()

func contents() (original, resumed []byte) {
	original = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(original)
	offset, _ := strconv.Atoi(part)
	return original, append(make([]byte, offset), original[offset:]...)
}

// A place is where the files of one cell are.
type place struct {
	there  string // the client's, as it knows the directory
	here   string // the same, as the machine knows it
	server string // the server's, as the machine knows it
}

// measure does all that a client can in one of its modes.
func (s *site) measure(c *Client, m Mode) Outcomes {
	s.cells++
	name := "cell" + strconv.Itoa(s.cells)
	p := place{there: filepath.Join(lab.Home, name), server: filepath.Join(s.running.Files, name)}
	p.here = s.host.Path(p.there)
	p.furnish(s.t)
	defer func() {
		require.NoError(s.t, os.RemoveAll(p.here))
		require.NoError(s.t, os.RemoveAll(p.server))
	}()
	target := s.target
	target.Dir = strings.TrimPrefix(target.Dir+"/"+name, "/")

	outcomes := Outcomes{}
	if c.Script != nil {
		before, began := s.logged(), time.Now()
		for task, outcome := range s.script(c.Script(target, m), p, c.tasks()) {
			outcome.Took = time.Since(began)
			outcomes[task.Operation] = s.judge(outcome, task, p, before)
		}
		return outcomes
	}
	for _, task := range c.tasks() {
		before, began := s.logged(), time.Now()
		var outcome Outcome
		if c.Call != nil {
			outcome = s.call(c, target, m, task, p)
		} else {
			outcome = s.command(c.Task(target, m, task), p, task)
		}
		outcome.Took = time.Since(began)
		outcomes[task.Operation] = s.judge(outcome, task, p, before)
	}
	return outcomes
}

// judge completes what the client said with how the files are, and if
// something failed, with what the tunnel has said since then.
func (s *site) judge(said Outcome, task Task, p place, then int) Outcome {
	said.Wrong = wrong(task, p)
	if !said.OK() {
		said.Log = s.loggedSince(then)
	}
	return said
}

// furnish lays out the files that a client finds.
func (p place) furnish(t testing.TB) {
	offset, _ := strconv.Atoi(part)
	zeros := resumed[:offset]
	for dir, files := range map[string]map[string][]byte{
		p.server: {"original.bin": original, "partly-uploaded.bin": zeros, "empty.bin": nil, name: original},
		p.here: {
			"original.bin": original, "partly-downloaded.bin": zeros, "partly-uploaded.bin": original,
			"empty.bin": nil, "up " + name: original,
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

func makeDir(t testing.TB, path string) {
	require.NoError(t, os.MkdirAll(path, 0o777))
	require.NoError(t, os.Chmod(path, 0o777))
}

// command runs a client for one task, and returns what it said.
func (s *site) command(i Invocation, p place, task Task) Outcome {
	stdout, stderr, err := s.run(limit, p.there, i)
	if task.Verb == Ls {
		require.NoError(s.t, os.WriteFile(filepath.Join(p.here, task.Local), []byte(stdout), 0o666))
	}
	heard := errorReply.FindAllString(stdout+stderr, -1)
	outcome := Outcome{Heard: lastLine(strings.Join(heard, "\n"))}
	if err != nil {
		outcome.Said = strings.TrimSpace(complaint(err) + " " + lastLine(stderr, stdout))
	}
	return outcome
}

// errorReply is one that a client shows.
var errorReply = regexp.MustCompile(`(?m)^[45]\d\d .*$`)

// script runs a program of ours for all tasks, and returns what it said of
// each.
func (s *site) script(i Invocation, p place, tasks []Task) map[Task]Outcome {
	for _, task := range tasks {
		i.Stdin += task.line() + "\n"
	}
	stdout, stderr, err := s.run(scriptLimit, p.there, i)
	said := map[string]string{}
	for line := range strings.Lines(stdout) {
		operation, what, _ := strings.Cut(strings.TrimSpace(line), "\t")
		said[operation] = what
	}
	outcomes := map[Task]Outcome{}
	for _, task := range tasks {
		switch what := said[string(task.Operation)]; what {
		case "ok":
			outcomes[task] = Outcome{}
		case "":
			outcomes[task] = Outcome{Said: fmt.Sprintf("%v before it came to this: %s", err, lastLine(stderr))}
		default:
			outcomes[task] = Outcome{Said: what}
		}
	}
	return outcomes
}

// call does a task in this process.
func (s *site) call(c *Client, t Target, m Mode, task Task, p place) Outcome {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	if err := c.Call(ctx, s.host, t, m, task, p.here); err != nil {
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

// lastLine returns the last line of the first text that has any.
func lastLine(texts ...string) string {
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" {
			return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
		}
	}
	return ""
}

// wrong tells what is wrong with the files after a task; nothing if it was
// done.
func wrong(task Task, p place) string {
	path := filepath.Join(p.here, task.Local)
	if task.up() {
		path = filepath.Join(p.server, task.Remote)
	}
	got, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "there is no file"
	case task.Verb == Ls:
		if !bytes.Contains(got, []byte("original.bin")) {
			return "the listing lacks the file"
		}
		return ""
	}
	want := original
	switch {
	case task.Offset != "":
		want = resumed
	case task.Operation == DownloadEmpty || task.Operation == UploadEmpty:
		want = nil
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
