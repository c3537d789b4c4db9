//go:build !linux

package lab

import (
	"errors"
	"os/exec"
	"syscall"
)

// There are no network namespaces on this system, so [Require] skips every test and
// nothing here is called.

const kill, stop, cont = syscall.SIGKILL, syscall.SIGKILL, syscall.SIGKILL

func signal(int, syscall.Signal) error { return errors.ErrUnsupported }

func ownGroup(*exec.Cmd) {}

func inNamespace(string, func()) error { return errors.ErrUnsupported }
