package record

import (
	"io"
	"os"
)

// fileMode is that of a new file: names of files and users are private.
const fileMode = 0o600

// A file is a file of lines. If it is moved away, as by logrotate, a new one is
// opened for the next line.
type file struct {
	path   string
	handle *os.File // nil if the last attempt to open it failed
	lost   int64    // lines that could not be written since the last one
}

// open opens the file if it is not open, or not that of its path any more.
func (f *file) open() error {
	if f.handle != nil && !f.moved() {
		return nil
	}
	f.close()
	opened, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	f.handle = opened
	return nil
}

// moved reports whether the path leads to another file, or to none.
func (f *file) moved() bool {
	there, err := os.Stat(f.path)
	if err != nil {
		return true
	}
	here, err := f.handle.Stat()
	return err != nil || !os.SameFile(there, here)
}

// write writes a whole line, or nothing. The line has its end.
func (f *file) write(line string) error {
	if err := f.open(); err != nil {
		return err
	}
	n, err := f.handle.WriteString(line)
	if err != nil && n > 0 {
		f.cut(n)
	}
	return err
}

// cut removes the last n bytes, which are the beginning of a line: the disk is full.
func (f *file) cut(n int) {
	if size, err := f.handle.Seek(0, io.SeekEnd); err == nil && size >= int64(n) {
		_ = f.handle.Truncate(size - int64(n))
	}
}

func (f *file) close() {
	if f.handle != nil {
		_ = f.handle.Close()
		f.handle = nil
	}
}
