package sshconfig

import "io/fs"

// isOwn returns true: who can write a file is not looked up here.
func isOwn(fs.FileInfo) bool { return true }
