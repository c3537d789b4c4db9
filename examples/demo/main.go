// Demo shows FTP through SSH on one machine, without any setup:
//
//	go run ./examples/demo
//
// It starts an FTP server, an SSH server and the tunnel to them on free loopback
// ports, uploads and downloads a file in each of the four modes of FTP, and
// prints what each side sends and receives. With -serve it waits for an FTP
// client of yours instead.
//
// The functions forward and hostKeys in this file use the three packages as a
// program of your own would. The other files are there for the demonstration:
// servers.go starts the two servers, scenarios.go moves the files, client.go is
// an FTP client, and conversation.go prints.
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
	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run runs the program with the given arguments and returns its exit status: 0
// for success, 1 for a failure, 2 for a usage error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	serve := flags.Bool("serve", false, "wait for FTP clients of yours until interrupted")
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
	scenario := moveFiles
	if *serve {
		scenario = waitForClients
	}
	if err := demo(ctx, show, scenario); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// A scenario uses the tunnel, through which FTP clients reach the FTP server at
// address.
type scenario func(ctx context.Context, show *conversation, far *servers, address string) error

// demo starts the servers and the tunnel, runs scenario, and stops them.
func demo(ctx context.Context, show *conversation, scenario scenario) (err error) {
	far, err := startServers()
	if err != nil {
		return fmt.Errorf("start the servers: %w", err)
	}
	defer func() { err = errors.Join(err, far.stop()) }()
	show.servers(far)
	return forward(ctx, far, show.event, func(ctx context.Context, address string) error {
		show.tunnel(far, address)
		return scenario(ctx, show, far, address)
	})
}

// forward opens a tunnel to the FTP server and calls use with the address of the
// local port that leads to it. When use returns or ctx is done, it closes the
// tunnel. It reports events to observe.
func forward(ctx context.Context, far *servers, observe func(ftpfwd.Event), use func(ctx context.Context, address string) error) error {
	// The SSH connection to the gateway. If it is lost, the tunnel reconnects.
	// A real program takes its hops from sshconfig.Resolve, which reads the ssh
	// configuration.
	gateway, err := tunnel.Open(ctx, tunnel.Config{
		Hops:     []tunnel.Hop{far.gateway},
		HostKeys: hostKeys,
	})
	if err != nil {
		return err
	}
	defer gateway.Close()

	// The local port that FTP clients connect to. Serve closes it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}

	// The forwarder reaches the FTP server through the tunnel. Observe receives
	// an event for every line and transfer: a log or a progress bar uses the same
	// events. When ctx is done, sessions have a second to finish.
	forwarder := ftpfwd.Forwarder{Server: far.ftp, Remote: gateway, Observe: observe, DrainTimeout: time.Second}

	// Serve returns when ctx is done and every session has ended.
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

// hostKeys returns the function that verifies the host key of hop, and the host
// key algorithms to offer. Only keys in the known_hosts files of hop are trusted.
// A program with a user at the terminal sets Ask and the policy knownhosts.Ask.
func hostKeys(hop tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
	verifier := &knownhosts.Verifier{UserFiles: hop.UserKnownHostsFiles, Policy: knownhosts.Strict}
	host := knownhosts.Host{Name: hop.HostName, Port: hop.Port, Alias: hop.HostKeyAlias}
	verify := func(_ string, remote net.Addr, key ssh.PublicKey) error {
		return verifier.Verify(host, remote, key)
	}
	algorithms, err := verifier.Algorithms(host, hop.HostKeyAlgorithms)
	return verify, algorithms, err
}
