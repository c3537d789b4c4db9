//go:build !windows

package tunnel

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shell runs command in the user's shell, which it replaces: a signal reaches
// the command itself.
func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, cmp.Or(os.Getenv("SHELL"), "/bin/sh"), "-c", "exec "+command)
}

// hangUp ends a ProxyCommand as ssh does.
func hangUp(p *os.Process) error { return p.Signal(syscall.SIGHUP) }
