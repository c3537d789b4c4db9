package main

import (
	"example.org/ftptunnel/cmd/ftptunnel/internal/eventlog"
	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/record"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// views are the stream of events and what observes it.
type views struct {
	*events.Stream
	log      *eventlog.Log
	recorder *record.Recorder
	settings settings.Log
}

// observe returns a stream of events that is logged and recorded as s says. The
// caller must close it.
func (p *program) observe(s settings.Log) (*views, error) {
	stream := &events.Stream{}
	v := &views{Stream: stream, log: eventlog.New(p.stderr, s, p.adviser), recorder: record.New(stream.Publish), settings: s}
	if err := v.recorder.Configure(s); err != nil {
		return nil, err
	}
	stream.Observe(v.log.Observer())
	stream.Observe(v.recorder.Observer())
	return v, nil
}

// configure changes how events are logged and recorded, if apply returns no error. A
// file that cannot be opened changes nothing, and apply is not called.
func (v *views) configure(s settings.Log, apply func() error) error {
	if err := v.recorder.Configure(s); err != nil {
		return err
	}
	if err := apply(); err != nil {
		_ = v.recorder.Configure(v.settings) // what fails now is reported with the next transfer
		return err
	}
	v.log.Configure(s)
	v.settings = s
	return nil
}

// close ends the stream, once what was published has been written.
func (v *views) close() {
	if v.Close(patience) {
		v.recorder.Close() // otherwise it is in use
	}
}
