package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/term"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/forward"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// runCommand opens the tunnel, waits for the FTP greeting, runs command, and
// sets the exit status to the command's own.
func (p *program) runCommand(ctx context.Context, command []string) error {
	if len(p.settings.Forwards) != 1 {
		return &settings.Error{Text: "a command is run with one FTP server", Hint: "give -L once, or not at all"}
	}
	up, stop := signal.NotifyContext(ctx, stopSignals...)
	defer stop()
	stream := p.logEvents(p.settings.Log)
	defer stream.Close(patience)
	listeners, err := forward.Listen(up, p.settings.Forwards)
	if err != nil {
		return err
	}
	defer listeners.Close()
	pool, group, err := p.gateways(ctx, stream)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := group.Choose(up); err != nil {
		return unlessInterrupted(up, err)
	}
	stop() // from here on signals are the command's

	serving, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- p.forwardAll(serving, nil, pool, group, listeners, stream) }()
	status, err := runChild(command, listeners[0].Addr())
	end()
	if serveErr := <-served; serveErr != nil {
		stream.Publish(events.Event{Kind: events.ServeFailed, Err: serveErr})
	}
	p.status = status
	if err != nil {
		fmt.Fprintf(p.stderr, "error: %v\n", err)
	}
	return nil
}

// unlessInterrupted returns err, or if a signal is behind it, that.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted before the tunnel came up")
	}
	return err
}

// runChild runs command with the FTP port at a in its environment and
// arguments, passes signals on to it, and returns its exit status as a shell
// would give it.
func runChild(command []string, a net.Addr) (status int, err error) {
	at := forward.Address(a)
	host, port, url := at.Addr().String(), fmt.Sprint(at.Port()), forward.URL(a)
	args := make([]string, len(command))
	for i, arg := range command {
		args[i] = strings.NewReplacer("{host}", host, "{port}", port, "{url}", url).Replace(arg)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "FTP_HOST="+host, "FTP_PORT="+port, "FTP_URL="+url)

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedSignals...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return startFailed(err), fmt.Errorf("cannot run %s: %w", args[0], err)
	}
	ended := make(chan struct{})
	passing := make(chan struct{})
	go func() {
		defer close(passing)
		for {
			select {
			case s := <-signals:
				if !fromKeyboard(s) {
					_ = cmd.Process.Signal(s)
				}
			case <-ended:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	<-passing
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 1, fmt.Errorf("%s: %w", args[0], err)
	}
	return exitStatus(cmd.ProcessState), nil
}

// startFailed returns what a shell's exit status would be for a command that
// could not be started: 127 if there is none, 126 if it could not be executed.
func startFailed(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// fromKeyboard reports whether s has come from the terminal's keyboard, which
// sends it to the command as well.
func fromKeyboard(s os.Signal) bool {
	return keyboardSignal(s) && term.IsTerminal(int(os.Stdin.Fd()))
}
