// Package child runs a command with the address of the tunnel's FTP port in its
// environment and arguments.
package child

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"

	"golang.org/x/term"
)

// A StartError reports a command that cannot be run.
type StartError struct {
	Command string
	Err     error
}

func (e *StartError) Error() string { return "cannot run " + e.Command + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

// Find finds out whether a command exists and may be run, without running it. If
// not, it returns the exit status of a shell for that, and a [*StartError].
func Find(command string) (status int, err error) {
	if strings.Contains(command, "{") {
		return 0, nil // a placeholder
	}
	if _, err := exec.LookPath(command); err != nil {
		return startStatus(err), &StartError{command, err}
	}
	return 0, nil
}

// Run runs command and returns its exit status as a shell would report it. The
// FTP port is at: FTP_HOST, FTP_PORT and FTP_URL in the environment say so, and
// replace {host}, {port} and {url} in the arguments. Signals are passed on to the
// command. The error is why the command could not be run.
func Run(command []string, at netip.AddrPort) (status int, err error) {
	host, port, url := at.Addr().String(), fmt.Sprint(at.Port()), "ftp://"+at.String()
	args := make([]string, len(command))
	for i, arg := range command {
		args[i] = strings.NewReplacer("{host}", host, "{port}", port, "{url}", url).Replace(arg)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "FTP_HOST="+host, "FTP_PORT="+port, "FTP_URL="+url)

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedSignals()...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return startStatus(err), &StartError{args[0], err}
	}
	err = waitFor(cmd, signals)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 1, fmt.Errorf("%s: %w", args[0], err)
	}
	return exitStatus(cmd.ProcessState), nil
}

// waitFor waits for cmd, and passes signals on to it meanwhile.
func waitFor(cmd *exec.Cmd, signals <-chan os.Signal) error {
	ended := make(chan struct{})
	var passing sync.WaitGroup
	passing.Go(func() {
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
	})
	err := cmd.Wait()
	close(ended)
	passing.Wait()
	return err
}

// startStatus returns the exit status of a shell for a command that could not be
// started: 127 if it does not exist, 126 if it could not be executed.
func startStatus(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// fromKeyboard reports whether s came from the terminal's keyboard, which sends
// it to the command as well.
func fromKeyboard(s os.Signal) bool {
	return keyboardSignal(s) && term.IsTerminal(int(os.Stdin.Fd()))
}
