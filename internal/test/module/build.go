package module

import (
	"fmt"
	"os/exec"
)

// BuildProgram builds ftptunnel as the file at path, with flags of go build.
func BuildProgram(path string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), Program)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}
