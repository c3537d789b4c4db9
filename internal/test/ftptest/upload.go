package ftptest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// An upload is a file that has a temporary name until its data has ended without an
// error.
type upload struct {
	root      *os.Root
	file      *os.File
	temporary string
	name      string
}

// openUpload begins an upload to name. It begins with the content of the existing
// file: up to restart, or all of it if restart is negative.
func (s *session) openUpload(name string, restart int64) (*upload, error) {
	root, local := s.server.Root, s.local(name)
	if info, err := root.Stat(local); err == nil && info.IsDir() {
		return nil, errors.New("is a directory")
	}
	dir, base := path.Split(local)
	u := &upload{root: root, temporary: dir + ".in." + base + ".", name: local}
	file, err := root.OpenFile(u.temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	u.file = file
	if err := u.copyOld(restart); err != nil {
		_ = u.discard()
		return nil, err
	}
	return u, nil
}

func (u *upload) copyOld(length int64) error {
	if length == 0 {
		return nil
	}
	old, err := u.root.Open(u.name)
	if errors.Is(err, fs.ErrNotExist) && length < 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	if length < 0 {
		_, err = io.Copy(u.file, old)
	} else {
		_, err = io.CopyN(u.file, old, length)
	}
	return err
}

// keep gives the file its name.
func (u *upload) keep() error {
	if err := u.file.Close(); err != nil {
		return err
	}
	return u.root.Rename(u.temporary, u.name)
}

// discard removes a file that was not kept.
func (u *upload) discard() error {
	_ = u.file.Close()
	return u.root.Remove(u.temporary)
}
