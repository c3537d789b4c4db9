package sshconfig

import (
	"errors"
	"fmt"
)

// An Error reports a configuration or a destination that cannot be used: ssh
// rejects it, the built-in reader does not support it, or it asks for something
// that package tunnel cannot do. Resolving again returns the same error until
// somebody changes it.
type Error struct {
	Text    string // the problem, with file and line where known
	Problem Problem
	Option  string // of OnCommandLine: -i, -F, -J or -o
	Host    string // of JumpLoop: the jump host; of PortInName: the destination without its port
	Port    string // of PortInName
	Err     error  // the cause, if Text ends with it
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A Problem is a kind of [Error], for advice.
type Problem int

const (
	InFile        Problem = iota // in a configuration file, or not known where
	OnCommandLine                // an option of the command line cannot be used
	InName                       // the destination is no destination
	PortInName                   // the destination has the form host:port
	Unsupported                  // by the built-in reader: an OpenSSH client may support it
	JumpLoop                     // a jump host is reached through itself
)

// ErrSlow is wrapped if ssh does not report its configuration in time.
var ErrSlow = errors.New("no answer from ssh")

// inFile returns an error in a configuration file that err is the cause of.
func inFile(what string, err error) *Error { return &Error{Text: what + ": " + err.Error(), Err: err} }

// option returns an error about an option of the command line.
func option(letter, text string, err error) *Error {
	return &Error{Text: text, Problem: OnCommandLine, Option: letter, Err: err}
}

// inName returns the error for a destination that is not one because of err.
func inName(destination string, err error) *Error {
	e := &Error{Text: fmt.Sprintf("destination %q: %v", destination, err), Problem: InName, Err: err}
	var port *portError
	if errors.As(err, &port) {
		e.Problem, e.Host, e.Port = PortInName, port.host, port.port
	}
	return e
}

// A portError reports a name of the form host:port.
type portError struct{ host, port string }

func (e *portError) Error() string { return "a name with a port" }
