package ftpfwd

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

func (v *modelServer) forget() {
	if v.listener != nil {
		_ = v.listener.Close()
	}
	v.listener, v.target = nil, ""
}

// listen answers PASV or EPSV.
func (v *modelServer) listen(ctx context.Context, h *heard, how peculiarity, c command) {
	v.forget()
	l, err := v.far.Listen(ctx, "tcp", "127.0.0.1:0")
	v.plan.assert(err == nil, "listen: %v", err)
	v.listener = l
	at := addrOf(l.Addr())
	v.named["localhost:"+strconv.Itoa(int(at.Port()))] = true
	numbers := fmt.Sprintf("%s,%d,%d", v.plan.names, at.Port()>>8, at.Port()&255)
	code, first, rest := "227", "Entering Passive Mode (", ").\r\n"
	if c.verb == "EPSV" {
		numbers, code, first, rest = strconv.Itoa(int(at.Port())), "229", "Extended (|||", "|)\r\n"
	} else if v.plan.announces&4 != 0 {
		first, rest = "=", "\r\n"
	}
	one := func(sep string) chunk { return chunk{text: code + sep + first, numbers: numbers, rest: rest} }
	switch v.plan.announces & 3 {
	case 1:
		v.saidAs(h, how, true, one("-"), chunk{text: " between\r\n"}, one(" "))
	case 2:
		v.saidAs(h, how, true, chunk{text: code + "-wait\r\n"}, one(" "))
	default:
		v.saidAs(h, how, true, one(" "))
	}
}

// connect opens the server's end of a data connection.
func (v *modelServer) connect(ctx context.Context) net.Conn {
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
		v.forget()
	}
	if err != nil {
		return nil
	}
	return conn
}

// transfer does what a transfer command asks.
func (v *modelServer) transfer(ctx context.Context, h *heard, c command) {
	st := v.plan.stepOf(h.raw)
	how := st.server
	switch {
	case st.fault == faultDenied:
		v.say(h, how, "550 denied")
		return
	case v.listener == nil && v.target == "":
		v.say(h, how, "425 use PASV first")
		return
	}
	quiet := how.no150 && !st.upload && st.size < 50_000
	begin := "150 here"
	if how.multiline {
		begin = "150-here\r\n227 (6,6,6,6,1,1)\r\n150 it is"
	}
	if !how.late150 && !quiet {
		v.say(h, how, begin)
	}
	conn := v.connect(ctx)
	if conn == nil {
		v.say(h, how, "425 nobody came")
		return
	}
	if how.late150 && !quiet {
		v.say(h, how, begin)
	}
	s := &served{}
	v.served[st.tag] = s
	early := how.early226 && !st.upload && st.fault < faultLost
	told, done := make(chan string, 1), make(chan string, 1)
	go func() { done <- v.move(conn, st, s, early, told) }()
	if early {
		late := time.AfterFunc(20*time.Second, func() { _ = conn.Close() })
		v.say(h, how, <-told)
		late.Stop()
	}
	v.finish(h, st, s, conn, done, early)
}

// finish waits for the data's end, or an ABOR.
func (v *modelServer) finish(h *heard, st *step, s *served, conn net.Conn, done chan string, early bool) {
	how, lines := st.server, v.lines
	if v.next != nil || early {
		lines = nil
	}
	for idle := time.After(20 * time.Second); ; {
		select {
		case <-idle:
			_ = conn.Close()
			<-done
			v.say(h, how, "426 nothing moves")
			return
		case result := <-done:
			_ = conn.Close()
			if how.multiline {
				result = result[:3] + "-so\r\n229 (|||1|)\r\n" + result
			}
			if !early {
				v.say(h, how, result)
			}
			return
		case line, ok := <-lines:
			lines = nil
			if !ok {
				continue
			}
			if parseCommand([]byte(line)).kind() != verbAbort {
				v.next = &line
				continue
			}
			_ = conn.Close()
			<-done
			v.say(h, how, "426 aborted")
			s.stray = line == "ABOR\r\n" && !(st.upload && (st.fault == faultReset || st.fault == faultAbsent))
			a := &heard{raw: line}
			v.heard = append(v.heard, a)
			switch v.plan.abortReply {
			case 0:
				v.say(a, how, "226 abort successful")
			case 1:
				v.say(a, how, "225-abort\r\n225 done")
			case 2:
				time.Sleep(500 * time.Millisecond)
				v.say(a, how, "226 abort")
			}
			return
		}
	}
}

// move does a transfer's data, and returns the final reply. With early, it says
// on told when all but the end has been sent.
func (v *modelServer) move(conn net.Conn, st *step, s *served, early bool, told chan string) string {
	size := st.size
	if st.fault == faultLost || st.fault == faultBroken {
		size /= 2
	}
	if st.upload {
		buf := make([]byte, 4096)
		for st.fault < faultLost || len(s.data) < size {
			n, err := conn.Read(buf)
			s.data = append(s.data, buf[:n]...)
			if err != nil {
				s.ended = err == io.EOF
				if s.ended {
					return "226 stored"
				}
				return "426 broken"
			}
		}
	} else {
		for piece := range pieces(payload(st.tag, st.size)[:size], 1+st.size/3) {
			n, err := conn.Write(piece)
			s.data = append(s.data, piece[:n]...)
			if err != nil {
				told <- "426 broken"
				return "426 broken"
			}
			time.Sleep(st.pace)
		}
		told <- "226 all sent, nearly"
	}
	switch {
	case st.fault == faultLost:
		_ = conn.(interface{ Fail(error) error }).Fail(errLost)
		if st.upload {
			return "426 lost"
		}
		return "226 sent, it thinks"
	case st.fault == faultBroken:
		return "551 disk error"
	}
	if early {
		time.Sleep(st.pace)
	}
	s.ended = closeWrite(conn) == nil
	return "226 sent"
}
