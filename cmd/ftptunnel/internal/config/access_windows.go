package config

import "io/fs"

// trusted and writable do not look at access control lists.
func trusted(fs.FileInfo) bool  { return true }
func writable(fs.FileInfo) bool { return false }
