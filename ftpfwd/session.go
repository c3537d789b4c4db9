package ftpfwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds that have no setting.
const (
	heldAtMost     = time.Minute      // a final reply waits for data that does not move
	ownReplyWaits  = 10 * time.Second // a reply of ours waits for a server that says nothing
	lingerAtMost   = time.Minute      // a session whose one side has ended waits for the other while nothing moves
	farewellAtMost = 2 * time.Second  // a client takes to close, once it has been told that all is over
	maxPaths       = 4                // data listeners of one session
)

// A session is one control connection from a client, the one opened to the
// server for it, and their data connections. One goroutine, run, owns all of
// its state; the others move bytes and send it events.
type session struct {
	f          *Forwarder
	id         int64
	known      *knowledge
	target     *target // the FTP server; nil until the client has named it
	gateway    string  // the name of the route to it
	user       string  // the argument of the last USER
	numbered   int64   // transfers so far
	local      Network
	remote     Network    // nil until the server is connected
	owner      string     // the user who has the control connection; empty if that does not matter
	clientPeer netip.Addr // where the client is
	clientEnd  netip.Addr // where it reached us

	client, server *leg
	ledger         ledger
	reader         replyReader
	transfers      []*transfer // commanded, without a final reply
	paths          []*path     // the last is the newest
	data           []*dataConn
	alarms         alarms
	openings       int      // how many there have been
	asking         []byte   // commands of our own that wait for the end of a line
	postponed      []func() // what is asked when an upload has been broken off

	connecting bool       // the server is being dialled: commands are held
	lobby      *lobby     // the client has been greeted by us
	opening    *opening   // a path is being opened: commands are held
	gathering  bool       // the client is about to connect: commands are held
	confirmed  *Transfer  // succeeded, and is not reported yet
	held       *heldReply // a final reply waits for its data: replies are held
	breaking   *breakOff  // an upload is being broken off: commands are held, replies swallowed
	rewriting  *path      // the listener that the other lines of a multi-line 227 name too
	swallowing bool       // the rest of this reply goes nowhere
	discarding bool       // the rest of this long command goes nowhere
	refusing   bool       // within a refusal of several lines, which may turn out to be none
	refusal    string     // the first of those lines, which gives the reason
	features   bool       // within the reply to FEAT
	restart    string     // of REST: the next transfer command must reach the server
	prepared   bool       // a path was opened for the next transfer command
	mode       string     // the transfer mode
	onlyEPSV   bool       // after EPSV ALL
	raw        bool       // not FTP: nothing is looked at
	loggedIn   bool       // the server has said so
	spoken     bool       // the server has said something
	greeted    bool       // its greeting has begun, which answers no command
	takenLeave bool       // the server has said that it ends the session (221, 421)
	quit       bool       // the client has said so
	odd        bool       // a server's address that is not its own has been told
	stopping   bool       // ends as soon as nothing moves
	leaving    bool       // the client gets a 421, and nothing else passes
	over       bool
	err        error // why the session ended, if not by a side closing it
	ender      Side  // who ended it: the side that was first to end or has failed, or Tunnel

	events chan any
	done   chan struct{} // closed when run stops listening to events
	wg     sync.WaitGroup
}

func newSession(f *Forwarder, id int64, known *knowledge, conn net.Conn, owner string) *session {
	s := &session{
		f: f, id: id, known: known, local: f.Local, owner: owner, mode: modeStream,
		clientPeer: addrOf(conn.RemoteAddr()).Addr(),
		clientEnd:  addrOf(conn.LocalAddr()).Addr(),
		client:     newLeg(),
		server:     newLeg(),
		events:     make(chan any),
		done:       make(chan struct{}),
	}
	if s.local == nil {
		s.local = host{s.clientEnd}
	}
	if f.Server != "" {
		s.target = newTarget(f.Server)
	}
	return s
}

// run forwards until both sides have ended or stop is done, and returns when
// every goroutine of the session has ended.
func (s *session) run(stop context.Context, conn net.Conn) {
	keepUrgentInline(conn)
	s.client.start(s, conn)
	s.tell(Event{Kind: SessionOpened})
	s.alarms.in("login", s.f.loginTimeout(), func() {
		if !s.loggedIn && !s.raw {
			s.giveUp(errNoLogin)
		}
	})
	// While a session drains, what it opens must not end with stop.
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	if s.target != nil {
		s.connect(ctx)
	} else {
		s.receive()
	}
	s.loop(ctx, stop.Done())
	cancel()
	s.tearDown()
	s.tell(Event{Kind: SessionClosed, Err: s.err})
}

// loop handles events until the session is over.
func (s *session) loop(ctx context.Context, stop <-chan struct{}) {
	for s.forward(ctx); !s.over; s.forward(ctx) {
		select {
		case e := <-s.events:
			s.handle(ctx, e)
		case <-s.alarms.next():
			s.alarms.ring()
		case <-stop:
			stop = nil
			s.stopping = true
			s.alarms.in("drain", s.f.DrainTimeout, func() { s.giveUp(errStopping) })
		}
	}
}

// forward moves what can be moved after each event: commands and replies that
// are not held, what is queued, and the readers.
func (s *session) forward(ctx context.Context) {
	if s.leaving {
		s.takeLeave()
		return
	}
	s.askPostponed()
	s.forwardCommands(ctx)
	s.forwardReplies(ctx)
	s.forwardCommands(ctx) // a reply may have let commands go on
	s.ownReplies()
	s.checkEnd()
	s.client.flush()
	s.server.flush()
	if (s.midLine() || !s.commandsHeld()) && len(s.server.pending) < maxQueued && len(s.client.pending) < maxQueued {
		s.client.readOn() // some of what it says we answer ourselves
	}
	if s.held == nil && !s.uploaderAwaited() && len(s.client.pending) < maxQueued {
		s.server.readOn()
	}
}

func (s *session) handle(ctx context.Context, e any) {
	switch e := e.(type) {
	case received:
		s.received(e)
	case written:
		s.written(e)
	case arrived:
		s.arrived(ctx, e)
	case connected:
		s.connected(e)
	case dialled:
		s.dialled(ctx, e)
	case listened:
		s.listened(ctx, e)
	case filesEnded:
		e.flow.files += e.count
		s.releaseIfDue()
	case flowEnded:
		s.flowEnded(e)
	}
}

func (s *session) received(e received) {
	e.leg.paused = true
	e.leg.lines.feed(e.data)
	if e.leg == s.client && (e.err == nil || errors.Is(e.err, io.EOF)) {
		s.heard()
	}
	switch {
	case e.err == nil:
	case errors.Is(e.err, io.EOF):
		e.leg.ended = true
		s.ender = cmp.Or(s.ender, s.side(e.leg))
	case e.leg == s.server:
		s.giveUp(fmt.Errorf("control connection to the FTP server: %w", e.err))
	default:
		// The client is gone without a word: nobody is left to be told.
		s.unheard(e.err)
		s.fail(fmt.Errorf("control connection from the client: %w", e.err))
	}
}

// side returns whose a leg is.
func (s *session) side(l *leg) Side {
	if l == s.client {
		return Client
	}
	return Server
}

func (s *session) written(e written) {
	e.leg.writing = false
	if e.err == nil {
		return
	}
	e.leg.failed = true
	if e.leg == s.client {
		s.unheard(e.err)
		s.fail(fmt.Errorf("control connection to the client: %w", e.err))
	} else if !s.server.ended {
		s.giveUp(fmt.Errorf("control connection to the FTP server: %w", e.err))
	}
}

// tearDown closes everything, the server's control connection before its data
// connections (a server must not take the end of an upload for its end of
// file), and waits for every goroutine.
func (s *session) tearDown() {
	close(s.done)
	s.heard()
	s.server.close()
	s.closeData(0)
	s.client.close()
	s.alarms.stop()
	s.wg.Wait()
}

// spawn runs f in a goroutine that tearDown waits for.
func (s *session) spawn(f func()) { s.wg.Go(f) }

// post sends an event to the session, and reports whether it was taken.
func (s *session) post(e any) bool {
	select {
	case s.events <- e:
		return true
	case <-s.done:
		return false
	}
}

// login notes that the server has accepted the client's login.
func (s *session) login() {
	if !s.loggedIn {
		s.loggedIn = true
		s.tell(Event{Kind: LoggedIn})
	}
}

// tell reports an event to the observer.
func (s *session) tell(e Event) {
	if s.f.Observe == nil {
		return
	}
	e.Time, e.Session, e.Gateway = time.Now(), s.id, s.gateway
	if s.target != nil {
		e.Server = s.target.address
	}
	if s.loggedIn {
		e.User = s.user
	}
	e.Client, e.Listener = s.client.conn.RemoteAddr().String(), s.client.conn.LocalAddr().String()
	s.f.Observe(e)
}
