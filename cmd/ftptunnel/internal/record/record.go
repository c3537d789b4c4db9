// Package record writes a line about each transfer that has ended to files: a view
// of package events for programs that count transfers later.
//
// The lines of a transfer log are those of the log in JSON. An xferlog has the form
// that wu-ftpd, ProFTPD and vsftpd write.
package record

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
)

// limit is how many transfers may wait for a slow disk; later ones are dropped.
const limit = 100_000

// A Recorder records transfers in the files of its settings. Its methods may be
// called from several goroutines.
type Recorder struct {
	publish func(events.Event)

	mu    sync.Mutex
	files map[string]*file // by path
	forms []form
}

// A form is what is written about a transfer, and where.
type form struct {
	path string
	line func(events.Event) string // empty if the transfer is left out
}

var errSlow = errors.New("the disk is too slow")

// New returns a recorder without files. It publishes that a file cannot be written,
// and that it can again.
func New(publish func(events.Event)) *Recorder {
	return &Recorder{publish: publish, files: map[string]*file{}}
}

// Configure opens the files that s names and closes others. If it cannot open one,
// the error is a [*settings.Error] and nothing is changed.
func (r *Recorder) Configure(s settings.Log) error {
	var forms []form
	if s.Transfers != "" {
		forms = append(forms, form{s.Transfers, transferLine})
	}
	if s.Xferlog != "" {
		forms = append(forms, form{s.Xferlog, xferlogLine})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	files := map[string]*file{}
	for _, form := range forms {
		f := r.files[form.path]
		if f == nil {
			f = &file{path: form.path}
		}
		if err := f.open(); err != nil {
			closeOthers(files, r.files)
			return &settings.Error{Text: wording.Of(notWritten(form.path, err)), Hint: "the directory must exist, and the user who runs ftptunnel must be allowed to write there"}
		}
		files[form.path] = f
	}
	closeOthers(r.files, files)
	r.files, r.forms = files, forms
	return nil
}

// closeOthers closes the files that are not kept.
func closeOthers(files, kept map[string]*file) {
	for path, f := range files {
		if kept[path] == nil {
			f.close()
		}
	}
}

// Observer returns an observer that records transfers.
func (r *Recorder) Observer() events.Observer {
	return events.Observer{
		Limit:  limit,
		Wants:  func(k events.Kind) bool { return k == events.TransferEnded },
		Handle: r.handle,
	}
}

func (r *Recorder) handle(e events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, form := range r.forms {
		switch f := r.files[form.path]; {
		case e.Kind == events.EventsDropped:
			r.lose(f, e.Count, errSlow)
		case e.Kind == events.TransferEnded:
			if line := form.line(e); line != "" {
				r.write(f, line)
			}
		}
	}
}

// write writes a line to f. The caller holds mu.
func (r *Recorder) write(f *file, line string) {
	if err := f.write(line); err != nil {
		r.lose(f, 1, err)
		return
	}
	if f.lost > 0 {
		r.publish(events.Event{Kind: events.RecordsResumed, Path: f.path, Count: f.lost})
		f.lost = 0
	}
}

// lose counts transfers that are not in f, and reports the first of a series.
func (r *Recorder) lose(f *file, n int64, err error) {
	if f.lost == 0 {
		r.publish(events.Event{Kind: events.RecordFailed, Path: f.path, Err: notWritten(f.path, err)})
	}
	f.lost += n
}

func notWritten(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // without the path
	}
	return fmt.Errorf("cannot write to %s: %w", path, err)
}

// Close closes the files.
func (r *Recorder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	closeOthers(r.files, nil)
	r.files, r.forms = nil, nil
}

// transferLine returns e as a line of the log in JSON.
func transferLine(e events.Event) string { return eventlog.JSON(e, eventlog.NoAdvice) }
