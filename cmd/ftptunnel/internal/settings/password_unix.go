//go:build unix

package settings

import (
	"io/fs"
	"os"
	"syscall"
)

// exposed reports whether a file of the user's own can be read by others.
func exposed(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}
