// Command ftptunnel carries FTP through SSH: it keeps an SSH connection to a
// gateway, offers an FTP port on this machine, and makes control and data
// connections, passive and active, take the way through the gateway. Neither
// the FTP server nor the FTP client is changed.
//
// It takes ssh's flags and reads ssh's configuration. Run "ftptunnel --help".
package main

import (
	"context"
	"io"
	"os"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
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
