// Package wording puts the errors of Go's standard library in plain words. Their
// texts name Go's functions, as in "strconv.ParseInt: parsing", or networks, as in
// "dial tcp: lookup".
package wording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

const noAnswer = "no answer in time"

// Of returns the text of err, in which those of the standard library's errors that
// it wraps are in plain words.
func Of(err error) string {
	text := err.Error()
	replaceAll(&text, err)
	return text
}

// In returns err with the text of [Of].
func In(err error) error {
	if err == nil {
		return nil
	}
	if text := Of(err); text != err.Error() {
		return &worded{text, err}
	}
	return err
}

type worded struct {
	text string
	err  error
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.err }

// replaceAll replaces the texts of err and of what it wraps in text.
func replaceAll(text *string, err error) {
	if plain, ok := translate(err); ok {
		replaceLast(text, err.Error(), plain)
		return
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			replaceAll(text, cause)
		}
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			replaceAll(text, cause)
		}
	}
}

// replaceLast replaces the last occurrence of old: causes stand behind what they
// are the cause of. A text that has said that there is no answer does not say so
// again.
func replaceLast(text *string, old, plain string) {
	i := strings.LastIndex(*text, old)
	if i < 0 || old == "" {
		return
	}
	before, after := (*text)[:i], (*text)[i+len(old):]
	if cut, ok := strings.CutSuffix(before, ": "); ok && plain == noAnswer && strings.Contains(before, "no answer") {
		before, plain = cut, ""
	}
	*text = before + plain + after
}

// translate returns the plain words for err itself.
func translate(err error) (plain string, ok bool) {
	switch e := err.(type) {
	case *strconv.NumError:
		if errors.Is(e.Err, strconv.ErrRange) {
			return fmt.Sprintf("%q is too large a number", e.Num), true
		}
		return fmt.Sprintf("%q is not a number", e.Num), true
	case *net.DNSError:
		return unresolved(e), true
	case *net.AddrError:
		return fmt.Sprintf("%q is not of the form host:port", e.Addr), true
	case *net.OpError:
		return networkError(e), true
	case *fs.PathError:
		return about(e.Path, e.Err), true
	case *os.LinkError:
		return about(e.New, e.Err), true
	case *os.SyscallError:
		return Of(e.Err), true
	case *exec.Error:
		return about(e.Name, e.Err), true
	case user.UnknownUserError:
		return fmt.Sprintf("there is no user %s", string(e)), true
	case user.UnknownUserIdError:
		return fmt.Sprintf("there is no user with the ID %d", int(e)), true
	case *exec.ExitError, syscall.Errno:
		return err.Error(), true
	}
	return sentinel(err)
}

// sentinel returns the plain words for errors that are values.
func sentinel(err error) (plain string, ok bool) {
	switch err {
	case context.DeadlineExceeded, os.ErrDeadlineExceeded:
		return noAnswer, true
	case context.Canceled:
		return "interrupted", true
	case io.EOF, io.ErrClosedPipe, net.ErrClosed, os.ErrClosed:
		return "the connection is closed", true
	case io.ErrUnexpectedEOF:
		return "the connection was closed too early", true
	case exec.ErrNotFound:
		return "not found in PATH", true
	}
	return "", false
}

func unresolved(e *net.DNSError) string {
	switch {
	case e.IsNotFound:
		return "no host of the name " + e.Name + " is known"
	case e.IsTimeout:
		return "no name server answers about " + e.Name
	}
	return "the name " + e.Name + " cannot be resolved now"
}

func networkError(e *net.OpError) string {
	var name *net.DNSError
	if errors.As(e.Err, &name) {
		return unresolved(name)
	}
	text := Of(e.Err)
	if e.Timeout() {
		text = noAnswer
	}
	if e.Op == "dial" && e.Addr != nil {
		return text + " (" + e.Addr.String() + ")"
	}
	return text
}

// about returns that err is what is wrong with a file or program.
func about(name string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return name + " does not exist"
	}
	return name + ": " + Of(err)
}
