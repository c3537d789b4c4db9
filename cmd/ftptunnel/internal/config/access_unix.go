//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// trusted reports whether a file belongs to the user who runs the program, or to
// root.
func trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || stat.Uid == 0 || int(stat.Uid) == os.Geteuid()
}

// writable reports whether other users may write to a file.
func writable(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
