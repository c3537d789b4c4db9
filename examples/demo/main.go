// Demo shows FTP going through SSH, on one machine and with nothing to set up:
//
//	go run ./examples/demo
//
// It starts an FTP server and an SSH server on free loopback ports, joins them
// with the packages of this module, moves a file up and down in each of the
// four ways that FTP knows, and prints what each side said and heard. With
// -serve it waits for an FTP client of yours instead.
//
// This file is the example: function forward is what a program of your own
// needs. The other files are its surroundings: servers.go what stands at the
// far end, visits.go what is done there, client.go an FTP client,
// conversation.go what is printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with its environment as arguments. It returns the exit status: 0
// if all went well, 1 for a failure, 2 for a usage error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	serve := flags.Bool("serve", false, "wait for an FTP client of yours, until interrupted")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintln(stderr, "error: demo takes no arguments")
		return 2
	}
	show := newConversation(stdout)
	visit := moveFiles
	if *serve {
		visit = waitForClients
	}
	if err := demo(ctx, show, visit); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// A visit is what is done once the tunnel is there: FTP clients reach the
// server through address.
type visit func(ctx context.Context, show *conversation, far *servers, address string) error

func demo(ctx context.Context, show *conversation, visit visit) (err error) {
	far, err := startServers()
	if err != nil {
		return fmt.Errorf("start the servers: %w", err)
	}
	defer func() { err = errors.Join(err, far.stop()) }()
	show.servers(far)
	return forward(ctx, far, show.event, func(ctx context.Context, address string) error {
		show.tunnel(far, address)
		return visit(ctx, show, far, address)
	})
}

// forward offers the FTP server at the far end on a port here, as long as use
// runs. Leave out what is about this demonstration, and this is how to use the
// packages in a program.
func forward(ctx context.Context, far *servers, observe func(ftpfwd.Event), use func(ctx context.Context, address string) error) error {
	// One SSH connection. It is kept up: when it is lost, it is made again.
	// A real program gets the hops from sshconfig.Resolve, which reads the ssh
	// configuration, and asks package knownhosts about the host key.
	gateway, err := tunnel.Open(ctx, tunnel.Config{
		Hops: []tunnel.Hop{far.gateway},
		HostKeys: func(tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.FixedHostKey(far.hostKey), []string{far.hostKey.Type()}, nil
		},
	})
	if err != nil {
		return err
	}
	defer gateway.Close()

	// The port that FTP clients on this side connect to.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}

	// The tunnel is the network that the FTP server is on, as the forwarder
	// sees it. Observe is told every line; a log or a progress bar would use
	// the same events. A client that has said goodbye has a second to leave.
	forwarder := ftpfwd.Forwarder{Server: far.ftp, Remote: gateway, Observe: observe, DrainTimeout: time.Second}

	// Serve returns when ctx is done and every client has gone.
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- forwarder.Serve(ctx, l)
	}()
	err = use(ctx, l.Addr().String())
	cancel()
	return errors.Join(err, <-served)
}
