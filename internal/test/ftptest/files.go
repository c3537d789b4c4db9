package ftptest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// absolute returns the path of a name that a client has sent.
func (s *session) absolute(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = s.dir + "/" + name
	}
	return path.Clean(name)
}

// local returns the path of name relative to the server's Root.
func (s *session) local(name string) string {
	return "." + s.absolute(name)
}

// fileCommand carries out the commands about files and directories, and
// reports whether verb is one.
func (s *session) fileCommand(verb, argument, renaming string) bool {
	root := s.server.Root
	switch verb {
	case "PWD", "XPWD":
		s.reply(257, "%s is the current directory", quoted(s.dir))
	case "CWD", "XCWD":
		s.changeDir(argument)
	case "CDUP", "XCUP":
		s.changeDir("..")
	case "MKD", "XMKD":
		s.done(root.Mkdir(s.local(argument), 0o755), 257, quoted(s.absolute(argument))+" created")
	case "RMD", "XRMD":
		s.done(s.remove(argument, true), 250, "Removed")
	case "DELE":
		s.done(s.remove(argument, false), 250, "Deleted")
	case "RNFR":
		_, err := root.Stat(s.local(argument))
		if err == nil {
			s.renaming = s.local(argument)
		}
		s.done(err, 350, "Now send RNTO")
	case "RNTO":
		if renaming == "" {
			s.reply(503, "Send RNFR first")
			break
		}
		s.done(root.Rename(renaming, s.local(argument)), 250, "Renamed")
	case "SIZE", "MDTM", "MLST":
		s.describe(verb, argument)
	default:
		return false
	}
	return true
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// done answers the command being carried out, which returned err.
func (s *session) done(err error, code int, text string) {
	if err != nil {
		s.fail(550, err)
		return
	}
	s.reply(code, "%s", text)
}

// fail answers the command being carried out, which failed with err.
func (s *session) fail(code int, err error) {
	s.reply(code, "%s", reason(err))
}

// reason returns the text of err without its operation and path, which the client
// knows.
func reason(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return err.Error()
}

func (s *session) changeDir(name string) {
	info, err := s.server.Root.Stat(s.local(name))
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err == nil {
		s.dir = s.absolute(name)
	}
	s.done(err, 250, "Directory changed to "+s.dir)
}

func (s *session) remove(name string, directory bool) error {
	info, err := s.server.Root.Stat(s.local(name))
	switch {
	case err != nil:
		return err
	case info.IsDir() != directory:
		return errors.New("DELE is for files, RMD for directories")
	}
	return s.server.Root.Remove(s.local(name))
}

func (s *session) describe(verb, name string) {
	info, err := s.server.Root.Stat(s.local(name))
	switch {
	case err != nil:
		s.fail(550, err)
	case verb == "MLST":
		s.replyLines(250, "Facts", []string{facts(info) + " " + s.absolute(name)}, "End")
	case info.IsDir():
		s.reply(550, "%s is a directory", quoted(s.absolute(name)))
	case verb == "SIZE":
		s.reply(213, "%d", info.Size())
	default:
		s.reply(213, "%s", timestamp(info.ModTime()))
	}
}

func (s *session) openFile(name string, restart int64) (*os.File, error) {
	file, err := s.server.Root.Open(s.local(name))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err == nil {
		_, err = file.Seek(restart, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
