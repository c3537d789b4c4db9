package ftpfwd

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// closePath closes the path before.
func (v *modelServer) closePath() {
	if v.listener != nil {
		_ = v.listener.Close()
	}
	v.listener, v.target = nil, ""
	v.kept.close()
}

// listen accepts a PASV or EPSV.
func (v *modelServer) listen(ctx context.Context, got *serverCommand, q quirks, c command) {
	v.closePath()
	l, err := v.far.Listen(ctx, "tcp", "127.0.0.1:0")
	v.plan.assert(err == nil, "listen: %v", err)
	v.listener = l
	at := addrOf(l.Addr())
	v.announced["localhost:"+strconv.Itoa(int(at.Port()))] = true
	numbers := fmt.Sprintf("%s,%d,%d", v.plan.addressInReply, at.Port()>>8, at.Port()&255)
	code, first, rest := "227", "Entering Passive Mode (", ").\r\n"
	if c.verb == "EPSV" {
		numbers, code, first, rest = strconv.Itoa(int(at.Port())), "229", "Extended (|||", "|)\r\n"
	} else if v.plan.announcementForm&4 != 0 {
		first, rest = "=", "\r\n"
	}
	one := func(sep string) chunk { return chunk{text: code + sep + first, numbers: numbers, rest: rest} }
	switch v.plan.announcementForm & 3 {
	case 1:
		v.replyChunks(got, q, true, one("-"), chunk{text: " between\r\n"}, one(" "))
	case 2:
		v.replyChunks(got, q, true, chunk{text: code + "-wait\r\n"}, one(" "))
	default:
		v.replyChunks(got, q, true, one(" "))
	}
}

// connect opens the server's end of a data connection.
func (v *modelServer) connect(ctx context.Context) net.Conn {
	if conn := v.kept.take(); conn != nil {
		return conn
	}
	if v.target != "" {
		conn, err := v.far.DialContext(ctx, "tcp", v.target)
		if err != nil {
			return nil
		}
		return conn
	}
	l := v.listener
	late := time.AfterFunc(5*time.Second, func() { _ = l.Close() })
	conn, err := l.Accept()
	if !late.Stop() || v.plan.oneShot {
		v.closePath()
	}
	if err != nil {
		return nil
	}
	return conn
}

// transfer serves a transfer command.
func (v *modelServer) transfer(ctx context.Context, got *serverCommand, c command) {
	st := v.plan.stepOf(got.raw)
	q := st.server
	switch {
	case st.fault == faultDenied:
		v.reply(got, q, "550 denied")
		return
	case v.listener == nil && v.target == "" && v.kept.conn == nil:
		v.reply(got, q, "425 use PASV first")
		return
	}
	quiet := q.no150 && !st.upload && st.size < 50_000
	begin := "150 here"
	if q.multiline {
		begin = "150-here\r\n227 (6,6,6,6,1,1)\r\n150 it is"
	}
	if !q.late150 && !quiet {
		v.reply(got, q, begin)
	}
	conn := v.connect(ctx)
	if conn == nil {
		v.reply(got, q, "425 no connection")
		return
	}
	if q.late150 && !quiet {
		v.reply(got, q, begin)
	}
	s := &serverTransfer{line: int64(len(v.received)), conn: conn.(interface{ Ended() bool })}
	v.current.Store(s)
	v.transfers[st.tag] = s
	early := q.early226 && !st.upload && st.fault < faultLost
	almost, done := make(chan string, 1), make(chan string, 1)
	go func() { done <- v.transferData(conn, st, s, early, almost) }()
	if early {
		late := time.AfterFunc(20*time.Second, func() { _ = conn.Close() })
		v.reply(got, q, <-almost)
		late.Stop()
	}
	v.finish(got, st, s, conn, done, early)
}

// finish waits for the end of the data, or an ABOR.
func (v *modelServer) finish(got *serverCommand, st *step, s *serverTransfer, conn net.Conn, done chan string, early bool) {
	q, lines := st.server, v.lines
	if v.unread != nil || early {
		lines = nil
	}
	for idle := time.After(17 * time.Second); ; {
		select {
		case <-idle:
			_ = conn.Close()
			<-done
			v.reply(got, q, "426 nothing moves")
			return
		case result := <-done:
			if v.plan.transmission.keeps && s.whole && result[0] == '2' {
				v.kept.conn = conn
			} else {
				_ = conn.Close()
			}
			if quiet := len(got.sent) == 0; quiet {
				result = strings.Replace(result, "226", "250", 1)
			}
			if q.multiline {
				result = result[:3] + "-so\r\n229 (|||1|)\r\n" + result
			}
			if !early {
				v.reply(got, q, result)
			}
			return
		case line, ok := <-lines:
			lines = nil
			if !ok {
				continue
			}
			if parseCommand([]byte(line)).kind() != verbAbort {
				v.unread = &line
				continue
			}
			_ = conn.Close()
			<-done
			v.reply(got, q, "426 aborted")
			s.abortedByMistake = line == "ABOR\r\n" && !(st.upload && (st.fault == faultReset || st.fault == faultAbsent))
			a := &serverCommand{raw: line}
			v.received = append(v.received, a)
			switch v.plan.abortReplies {
			case 0:
				v.reply(a, q, "226 abort successful")
			case 1:
				v.reply(a, q, "225-abort\r\n225 done")
			case 2:
				time.Sleep(500 * time.Millisecond)
				v.reply(a, q, "226 abort")
			}
			return
		}
	}
}

// transferData moves the data of a transfer, and returns the final reply. If early
// is set, it sends that to almost when all but the end of the data has been sent.
func (v *modelServer) transferData(conn net.Conn, st *step, s *serverTransfer, early bool, almost chan string) string {
	size := len(st.content)
	if st.fault == faultLost || st.fault == faultBroken {
		size /= 2
	}
	if st.upload {
		buf := make([]byte, 4096)
		for st.fault < faultLost || len(s.data) < size {
			n, err := conn.Read(buf)
			s.data = append(s.data, buf[:n]...)
			all := v.plan.transmission.marksEnds() && st.fault < faultLost && len(s.data) == len(st.content)
			if err != nil || all {
				s.whole, s.informed = all || err == io.EOF && !v.plan.transmission.marksEnds(), v.informed.Load() > s.line
				if s.whole {
					return "226 stored"
				}
				return "426 broken"
			}
		}
	} else {
		for piece := range pieces(st.content[:size], 1+len(st.content)/3) {
			n, err := conn.Write(piece)
			s.data = append(s.data, piece[:n]...)
			if err != nil {
				almost <- "426 broken"
				return "426 broken"
			}
			time.Sleep(st.pace)
		}
		almost <- "226 all sent, nearly"
	}
	switch {
	case st.fault == faultLost:
		_ = conn.(interface{ Fail(error) error }).Fail(errLost)
		if st.upload {
			return "426 lost"
		}
		return "226 sent, it thinks"
	case st.fault == faultBroken:
		return st.refusal
	}
	if early {
		time.Sleep(st.pace)
	}
	s.whole = v.plan.transmission.keeps || closeWrite(conn) == nil
	return "226 sent"
}
