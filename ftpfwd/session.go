package ftpfwd

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A session is one control connection from a client, the one to the server that
// was opened for it, and their data connections. One goroutine, run, owns all
// of its state; the others move bytes and send it events.
type session struct {
	f      *Forwarder
	phase  phase
	began  time.Time
	source source // of events

	// The two sides.
	client, server *controlConn
	clientPeer     netip.Addr     // where the client is
	clientEnd      netip.Addr     // where it connected to us
	owner          string         // the user who owns the client's connection; empty if that does not matter
	local, remote  Network        // remote is nil until the server is connected
	target         *target        // the FTP server; nil until the client has named it
	at             netip.Addr     // where its data ports are, if its name has several addresses
	routing        *loginRouting  // not nil if the login names the server
	methods        *serverMethods // that work with this server; nil until it is connected
	unsupported    serverMethods  // that the server has refused in this session

	// The control connection.
	pending  pending     // commands without a final reply, oldest first
	reader   replyReader // how the server's lines make up replies
	reply    disposition // of the reply whose lines are being read
	asking   []byte      // commands of our own that wait for the end of a client's long line
	dropTail bool        // the rest of the client's long line is dropped
	params   parameters
	foreign  bool // a ForeignAddress was reported

	// Data connections and transfers.
	paths     dataPaths // that are open, the newest last
	opening   *dataPath // that is being opened, and holds the client's commands
	opened    int       // paths so far
	postponed []func()  // what is asked once the abort is over
	prepared  bool      // a path was opened for the transfer command that comes next
	data      dataConns
	transfers []*transfer // without a final reply, oldest first
	numbered  int64       // transfers so far
	heard     time.Time   // when the server's last line came
	finishing *transfer   // whose final reply waits for its data: replies are held
	delivered *transfer   // whose success is not reported yet
	abort     *abort      // of an upload; nil if there is none

	// The end.
	quit     waitState // of a QUIT that came while an upload moved
	arrival  waitState // of the client's end, for the connection of an upload that may be on its way here
	draining bool      // the session ends as soon as no data moves
	err      error     // why it ended, if not by a side that closed it
	ender    Side      // the side that ended first or failed, or Tunnel

	timers     timers
	login      timer // for the client to log in
	greetingBy timer // for a server that a login named to greet
	openingBy  timer // for the server to answer while commands are held
	ownReplyBy timer // for a reply of ours to be sent
	finishBy   timer // for the data of finishing
	reportBy   timer // for a sign that the client has read of delivered
	drainBy    timer // for a session that drains
	lingerBy   timer // for the other side, once one has ended
	quitBy     timer // for an upload to go on while a QUIT waits
	arrivalBy  timer // for the connection of an upload to arrive, once its client leaves
	farewellBy timer // for the client to close
	dataBy     timer // for the server to end the data of uploads, behind our ABOR

	events  chan event
	stopped chan struct{} // closed when run handles no more events
	workers sync.WaitGroup
}

// Bounds that have no setting.
const (
	lingerAtMost   = time.Minute     // a session whose one side has ended waits for the other while nothing moves
	farewellAtMost = 2 * time.Second // a client has this long to close once its session is over
)

// An event is what another goroutine sends to the session.
type event interface {
	apply(ctx context.Context, s *session)
}

func newSession(f *Forwarder, id int64, conn net.Conn, owner string) *session {
	s := &session{
		f: f, began: time.Now(), local: f.Local, owner: owner,
		source:     newSource(f, id, conn),
		params:     defaultParameters(),
		clientPeer: addrOf(conn.RemoteAddr()).Addr(),
		clientEnd:  addrOf(conn.LocalAddr()).Addr(),
		client:     newControlConn(Client),
		server:     newControlConn(Server),
		events:     make(chan event),
		stopped:    make(chan struct{}),
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
	s.source.emit(Event{Kind: SessionOpened})
	// While a session drains, what it opens must not end with stop.
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	s.loop(ctx, stop.Done())
	cancel()
	s.tearDown()
	s.source.emit(Event{Kind: SessionClosed, Err: s.err})
}

// loop handles events until the session is over. After each it does whatever
// can be done: one line, or one reply of ours, at a time.
func (s *session) loop(ctx context.Context, stop <-chan struct{}) {
	defer s.recoverImpossible()
	s.timers.start(&s.login, s.f.loginTimeout(), func() {
		if !s.source.loggedIn && s.phase != passthrough {
			s.giveUp(errNoLogin)
		}
	})
	if s.target == nil {
		s.awaitLogin()
	} else {
		s.connect(ctx)
	}
	for {
		for s.step(ctx) {
		}
		s.settle()
		if s.phase == done {
			return
		}
		select {
		case e := <-s.events:
			e.apply(ctx, s)
		case <-s.timers.next():
			s.timers.fire()
		case <-stop:
			stop = nil
			s.draining = true
			s.timers.start(&s.drainBy, s.f.DrainTimeout, func() { s.giveUp(errStopping) })
		}
	}
}

// step does one thing that can be done now, and reports whether there was one.
// What the server sent comes first: it cannot answer a command that has not
// been passed on yet.
func (s *session) step(ctx context.Context) bool {
	if s.ended() {
		return false
	}
	return s.sendOwnReply() || s.nextReplyLine(ctx) || s.askPostponed() || s.nextCommand(ctx)
}

// settle ends what is over, writes what is queued and lets the readers
// continue.
func (s *session) settle() {
	if s.phase == closing {
		s.awaitFarewell()
		return
	}
	s.holdQuit()
	s.boundOwnReplies()
	s.passOnEnds()
	s.startUploads()
	s.client.flush()
	s.server.flush()
	// Some commands are answered here; and what comes next may show that the
	// client waits for nothing.
	if (s.midLine() || !s.commandsHeld() || s.pending.inDoubt() && s.client.lines.empty()) && !s.server.full() && !s.client.full() {
		s.client.readOn()
	}
	if !s.repliesHeld() && !s.client.full() {
		s.server.readOn()
	}
}

// tearDown closes everything, the server's control connection before its data
// connections (a server must not take the end of an upload for its end of
// file), and waits for every goroutine.
func (s *session) tearDown() {
	close(s.stopped)
	s.reportSuccess()
	s.server.close()
	s.closeData(0)
	s.client.close()
	s.timers.close()
	s.workers.Wait()
}

// recoverImpossible ends a session that has met a transition that cannot be,
// instead of the program.
func (s *session) recoverImpossible() {
	if !recoverImpossible {
		return
	}
	p := recover()
	if p == nil {
		return
	}
	err, ok := p.(impossible)
	if !ok {
		panic(p)
	}
	s.source.warn(InternalError, "the session is closed", err)
	s.err, s.ender, s.phase = err, Tunnel, done
}

// spawn runs f in a goroutine that tearDown waits for.
func (s *session) spawn(f func()) { s.workers.Go(f) }

// post sends an event to the session, and reports whether it was taken.
func (s *session) post(e event) bool {
	select {
	case s.events <- e:
		return true
	case <-s.stopped:
		return false
	}
}
