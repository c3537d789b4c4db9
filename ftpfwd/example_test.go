package ftpfwd_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/textproto"
	"strings"

	"example.org/ftptunnel/ftpfwd"
)

// A gateway is a Network: the embedded types have its two methods. This one is the
// host itself. A Network that dials and listens on another host makes a tunnel.
type gateway struct {
	net.Dialer
	net.ListenConfig
}

// A client downloads a file from an FTP server through a forwarder. The server's
// reply to EPSV names a port of the server's; the client receives a port of the
// forwarder's.
func Example() {
	server, client := listen(), listen()
	go serveFTP(server)

	forwarder := &ftpfwd.Forwarder{
		Server: server.Addr().String(),
		Remote: &gateway{},
		Observe: func(e ftpfwd.Event) {
			if t := e.Transfer; e.Kind == ftpfwd.TransferEnded && t.Err == nil {
				fmt.Printf("%s of %s: %d bytes, %s, reply %d\n", t.Direction, t.File, t.Bytes, t.Method, t.Reply)
			}
		},
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- forwarder.Serve(ctx, client) }()

	file := download(client.Addr().String(), "hello.txt")
	stop()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	fmt.Println("the client received:", file)
	// Output:
	// download of hello.txt: 12 bytes, EPSV, reply 226
	// the client received: Hello, world
}

// download is an FTP client.
func download(address, file string) string {
	control, err := textproto.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer control.Close()
	expect := func(code int) string {
		_, message, err := control.ReadResponse(code)
		if err != nil {
			log.Fatal(err)
		}
		return message
	}
	expect(220)
	control.Cmd("EPSV")
	_, port, _ := strings.Cut(expect(229), "(")
	host, _, _ := net.SplitHostPort(address)
	data, err := net.Dial("tcp", net.JoinHostPort(host, strings.Trim(port, "|)")))
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()
	control.Cmd("RETR %s", file)
	expect(150)
	content, err := io.ReadAll(data)
	if err != nil {
		log.Fatal(err)
	}
	expect(226)
	control.Cmd("QUIT")
	expect(221)
	return string(content)
}

// serveFTP is an FTP server for one client.
func serveFTP(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	control := textproto.NewConn(conn)
	defer control.Close()
	control.PrintfLine("220 ready")
	passive := listen()
	defer passive.Close()
	for {
		command, err := control.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(command, " "); verb {
		case "EPSV":
			control.PrintfLine("229 Entering Extended Passive Mode (|||%d|)", passive.Addr().(*net.TCPAddr).Port)
		case "RETR":
			data, err := passive.Accept()
			if err != nil {
				return
			}
			control.PrintfLine("150 sending the file")
			io.WriteString(data, "Hello, world")
			data.Close()
			control.PrintfLine("226 sent")
		case "QUIT":
			control.PrintfLine("221 bye")
			return
		default:
			control.PrintfLine("502 not implemented")
		}
	}
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return l
}
