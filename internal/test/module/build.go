package module

import (
	"fmt"
	"os"
	"os/exec"
)

// BuildProgram builds ftptunnel as the file at path: static as it is released,
// or with the race detector.
func BuildProgram(path string, race bool) error {
	cmd := exec.Command("go", "build", "-o", path, Program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if race {
		cmd = exec.Command("go", "build", "-race", "-o", path, Program)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}
