package main

import (
	"context"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/child"
	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
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
	status, err := p.serveChild(ctx, s, r.command, stream)
	p.status = status
	if err != nil {
		p.report(err)
	}
	return p.conclude(r, &transfers, time.Since(began), stream)
}

// serveChild serves the clients of a command until it has ended and they have left.
// It returns the command's status, and why it could not be run.
func (p *program) serveChild(ctx context.Context, s *forward.Service, command []string, stream *views) (status int, err error) {
	serving, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving, nil) }()
	status, err = child.Run(command, s.Listeners[0].Address())
	wait, stop := forward.UntilSignal(ctx)
	s.WaitForClients(wait, p.settings.FTP.DrainTimeout)
	if wait.Err() != nil && status == 0 && s.Clients().Transfers > 0 {
		status = interruptedStatus
	}
	stop()
	end()
	if err := <-served; err != nil {
		stream.Publish(events.Event{Kind: events.ServeFailed, Err: err})
	}
	return status, err
}

// conclude prints the summary, and returns an error if the command reported success
// without the transfers that are required.
func (p *program) conclude(r childRun, transfers *tally.Tally, took time.Duration, stream *views) error {
	stream.Flush(patience)
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
		text = eventlog.JSON(events.Event{Kind: events.Summary, Time: time.Now(), Text: text}, func(string) hint.Adviser { return hint.Adviser{} })
	} else {
		text = "summary: " + text + "\n"
	}
	show(p.stderr, text)
}
