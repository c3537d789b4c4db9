package lab

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// MountSmall mounts an empty file system at a directory, for p and the processes
// that it starts afterwards. The size is as for mount(8), such as "2m". Every user
// may write there.
func (p *Process) MountSmall(t testing.TB, dir, size string) {
	t.Helper()
	out, err := exec.Command("nsenter", "--mount", "--target", strconv.Itoa(p.Pid),
		"mount", "-t", "tmpfs", "-o", "mode=777,size="+size, "none", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
