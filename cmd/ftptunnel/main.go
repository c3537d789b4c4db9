// Command ftptunnel carries FTP through SSH: it keeps an SSH connection to a
// gateway, offers an FTP port on this machine, and sends control and data
// connections, passive and active, through the gateway. Neither the FTP server
// nor the FTP client is changed.
//
// It takes ssh's flags and reads ssh's configuration. Run "ftptunnel --help".
//
// # Packages
//
// Package main has the flags, the wiring and the exit status. The parts are
// packages under internal, where only this program can import them. A package
// imports only packages that are on a line below its own:
//
//	main
//	record    transfers in files        complete  names for a shell's completion
//	check     the command check         eventlog  the log on standard error
//	hint      what to do about an error  daemon   the command serve
//	forward   ports, sessions, stopping
//	gateway   which SSH server to use   connect   SSH: host keys, questions
//	config    the configuration file    tally     transfers counted, for run
//	settings  checked values            child     the command of run
//	events    the stream of events      greeting  whether an FTP server answers
//	owner     users of connections      terminal  questions to the user
//	wording   errors in plain words
//
// hint is above forward and gateway because it explains their errors. Only main,
// check and eventlog show anything to people; the others return errors and publish
// events.
//
// # Standard streams
//
// Standard output has one line for each port that is ready, or the report of
// check, and nothing else. Standard error has the log, and at the end one line
// "error:" and lines "hint:", in lower case and without a full stop, or in JSON a
// line of the log. Questions go to the terminal. A stream that nobody reads stops
// nothing; see package events. What comes from outside is made printable where it
// is written; see package terminal.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

func main() {
	// A write to a closed standard output or standard error must not end the
	// process. With signal.Ignore the commands that it runs would ignore the signal
	// too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its environment as arguments. It returns the exit status: 0
// after a signal, 1 for a failure, 2 for a usage error, 130 if it was interrupted at
// a question. The command run has the status of the command that it runs.
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
