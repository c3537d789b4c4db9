// Command ftptunnel carries FTP through SSH: it keeps an SSH connection to a
// gateway, offers an FTP port on this machine, and makes control and data
// connections, passive and active, take the way through the gateway. Neither
// the FTP server nor the FTP client is changed.
//
// It takes ssh's flags and reads ssh's configuration. Run "ftptunnel --help".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/hint"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/knownhosts"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its environment as arguments. It returns the exit status: 0
// after a signal, 1 for a failure, 2 for a usage error; with "run" the
// command's own.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{stdout: stdout, stderr: stderr, in: settings.Defaults()}
	root := p.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return p.report(err)
	}
	return p.status
}

// report writes err to standard error, a line "error:" and then lines "hint:",
// and returns the exit status.
func (p *program) report(err error) int {
	p.warn(err)
	fmt.Fprintf(p.stderr, "error: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
	for _, h := range hint.For(err) {
		fmt.Fprintf(p.stderr, "hint: %s\n", h)
	}
	if setting := new(settings.Error); errors.As(err, &setting) {
		return 2
	}
	return 1
}

// warn writes the warning that ssh writes if err is about a host key that has
// changed.
func (p *program) warn(err error) {
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if w := host.Warning(); w != "" {
			fmt.Fprintln(p.stderr, w)
		}
	}
}
