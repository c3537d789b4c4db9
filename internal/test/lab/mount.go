package lab

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// MountSmall mounts an empty file system of a size as mount(8) has it, such as
// "2m", at a directory as p sees it: p and those it starts afterwards. Everybody may
// write there.
func (p *Process) MountSmall(t testing.TB, dir, size string) {
	t.Helper()
	out, err := exec.Command("nsenter", "--mount", "--target", strconv.Itoa(p.Pid),
		"mount", "-t", "tmpfs", "-o", "mode=777,size="+size, "none", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
