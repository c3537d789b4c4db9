//go:build !windows

package tunnel

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shell returns the user's shell with command, which replaces the shell, so that
// a signal reaches the command itself.
func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, cmp.Or(os.Getenv("SHELL"), "/bin/sh"), "-c", "exec "+command)
}

// hangUp ends a ProxyCommand, as ssh does.
func hangUp(p *os.Process) error { return p.Signal(syscall.SIGHUP) }
