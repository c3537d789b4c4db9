package tunnel

import "io/fs"

// isOwn returns false: files have no mode on Windows.
func isOwn(fs.FileInfo) bool { return false }
