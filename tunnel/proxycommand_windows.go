package tunnel

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shell runs command in the system's shell, which takes its line as it stands.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: "cmd /c " + command}
	return cmd
}

func hangUp(p *os.Process) error { return p.Kill() }
