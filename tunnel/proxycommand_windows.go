package tunnel

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shell returns the system's shell with command. The shell parses the line
// itself, so it is not quoted.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: "cmd /c " + command}
	return cmd
}

// hangUp ends a ProxyCommand.
func hangUp(p *os.Process) error { return p.Kill() }
