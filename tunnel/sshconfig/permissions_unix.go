//go:build unix

package sshconfig

import (
	"io/fs"
	"os"
	"syscall"
)

// isOwn reports whether a file is this user's or root's, and nobody else can
// write it.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Getuid()) && info.Mode().Perm()&0o022 == 0
}
