package tunnel_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"

	"example.org/ftptunnel/internal/test/sshtest"
	"example.org/ftptunnel/tunnel"

	"golang.org/x/crypto/ssh"
)

func Example() {
	// A service, and an SSH server that knows it as ftp.internal.
	service := startService("220 hello from behind the gateway\n")
	defer service.Close()
	server := &sshtest.Server{
		Password: "secret",
		Resolve:  func(string) string { return service.Addr().String() },
	}
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	ctx := context.Background()
	gateway, err := tunnel.Open(ctx, tunnel.Config{
		// Package sshconfig returns hops from ssh_config.
		Hops: []tunnel.Hop{{
			Alias: "gateway", HostName: "127.0.0.1", Port: server.Addr().Port,
			User: "ann", PasswordAuthentication: true,
		}},
		HostKeys: func(tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.FixedHostKey(server.HostKey()), []string{server.HostKey().Type()}, nil
		},
		Ask: func(_ context.Context, question string, _ bool) (string, error) {
			fmt.Printf("asked %q\n", question)
			return "secret", nil
		},
		Observe: func(e tunnel.Event) {
			if e.Kind == tunnel.Up {
				fmt.Println("connected to", e.Gateway)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()

	// Connect to the service from the gateway.
	conn, err := gateway.DialContext(ctx, "tcp", "ftp.internal:21")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	greeting, err := io.ReadAll(conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", greeting)

	// Listen on the gateway.
	listener, err := gateway.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	fmt.Println("listening on", listener.Addr().(*net.TCPAddr).IP)

	// Output:
	// asked "ann@127.0.0.1's password: "
	// connected to ann@gateway
	// 220 hello from behind the gateway
	// listening on 127.0.0.1
}

// startService listens on loopback and sends greeting to each client.
func startService(greeting string) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, greeting)
			c.Close()
		}
	}()
	return l
}
