package main

import (
	"context"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/child"
	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/tally"
)

// A childRun is how the command run runs a command.
type childRun struct {
	command  []string
	required int  // files that must be transferred; negative if transfers do not matter
	summary  bool // print one line at the end
}

// runChild runs a command with a tunnel, and sets the exit status to its own, unless
// the transfers that it requires are missing.
func (p *program) runChild(ctx context.Context, r childRun) error {
	if len(p.settings.Forwards) != 1 {
		return &settings.Error{Text: "a command is run with one FTP server", Hint: "give -L once, or not at all"}
	}
	if status, err := child.Find(r.command[0]); err != nil {
		p.report(err)
		p.status = status
		return nil
	}
	stream, err := p.observe(p.settings.Log)
	if err != nil {
		return err
	}
	defer stream.close()
	var transfers tally.Tally
	stream.Observe(transfers.Observer())
	up, stop := forward.UntilSignal(ctx)
	defer stop()
	pool := p.newPool(stream)
	defer pool.Close()
	s, err := p.service(up, pool, stream)
	if err != nil {
		return err
	}
	defer s.Listeners.Close()
	if err := s.Group.Choose(up); err != nil {
		return stopped(up, err)
	}
	stop() // from here on signals are the command's

	began := time.Now()
	status, err := p.serveChild(ctx, s, r.command, &transfers, stream)
	p.status = status
	if err != nil {
		p.report(err)
	}
	return p.conclude(r, &transfers, time.Since(began))
}

// serveChild serves the clients of a command until it has ended and they have left.
// It returns the command's status, and why it could not be run. A signal that comes
// after the command's end ends the wait, and a second one the transfers too; if
// transfers fail then, the status says so.
func (p *program) serveChild(ctx context.Context, s *forward.Service, command []string, transfers *tally.Tally, stream *views) (status int, err error) {
	serving, end := context.WithCancel(ctx)
	hurry, served := make(chan struct{}), make(chan error, 1)
	go func() { served <- s.Serve(serving, hurry) }()
	status, err = child.Run(command, s.Listeners[0].Address())

	wait, second, stop := forward.OnSignals(ctx)
	defer stop()
	s.WaitForClients(wait, p.settings.FTP.DrainTimeout)
	stream.Flush(patience)
	before, _ := transfers.Count()
	end()
	var failed error
	select {
	case <-second:
		close(hurry)
		failed = <-served
	case failed = <-served:
	}
	if failed != nil {
		stream.Publish(events.Event{Kind: events.ServeFailed, Err: failed})
	}
	stream.Flush(patience)
	if after, _ := transfers.Count(); wait.Err() != nil && status == 0 && after.Failed > before.Failed {
		status = interruptedStatus
	}
	return status, err
}

// conclude prints the summary, and returns an error if the command reported success
// without the transfers that are required.
func (p *program) conclude(r childRun, transfers *tally.Tally, took time.Duration) error {
	count, known := transfers.Count()
	if r.summary {
		p.summarize(count.Summary(took))
	}
	switch {
	case r.required < 0 || p.status != 0:
		return nil
	case !known:
		return tally.ErrUnknown
	}
	return count.Check(r.required)
}

// summarize writes a line about all transfers.
func (p *program) summarize(text string) {
	if p.settings.Log.JSON {
		text = eventlog.JSON(events.Event{Kind: events.Summary, Time: time.Now(), Text: text}, eventlog.NoAdvice)
	} else {
		text = "summary: " + text + "\n"
	}
	show(p.stderr, text)
}
