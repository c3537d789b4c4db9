package ftptest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// status carries out STAT, for the session, or with a path for files.
func (s *session) status(path string) {
	if path != "" {
		s.fileStatus(path)
		return
	}
	lines := []string{"Connected from " + s.peer.Addr().String()}
	if s.loggedIn {
		lines = append(lines, "Logged in as "+s.user)
	}
	if s.transfer != nil {
		lines = append(lines, "Transfer of "+s.transfer.name+" in progress")
	}
	s.replyLines(211, "Status", lines, "End")
}

func (s *session) fileStatus(path string) {
	if !s.loggedIn {
		s.reply(530, "Log in with USER and PASS")
		return
	}
	text, err := s.listing("LIST", path)
	if err != nil {
		s.fail(550, err)
		return
	}
	text = strings.TrimSuffix(text, "\r\n")
	if s.dialect.BareStatus {
		text = strings.ReplaceAll(text, "\r\n", "\n")
		s.send("213-Status of " + path + "\n" + text + "\n213 End")
		return
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\r"), "\r")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\n", "?")
	}
	s.replyLines(213, "Status of "+path, lines, "End")
}

// timestamp formats t as RFC 3659, 2.3 requires.
func timestamp(t time.Time) string { return t.UTC().Format("20060102150405") }

// facts formats the facts of MLSD and MLST (RFC 3659, 7).
func facts(info fs.FileInfo) string {
	if info.IsDir() {
		return "type=dir;modify=" + timestamp(info.ModTime()) + ";"
	}
	return fmt.Sprintf("type=file;size=%d;modify=%s;", info.Size(), timestamp(info.ModTime()))
}

// listing returns the lines of LIST, NLST or MLSD. It ignores options such as
// "-la".
func (s *session) listing(verb, argument string) (string, error) {
	for strings.HasPrefix(argument, "-") {
		_, argument, _ = strings.Cut(argument, " ")
	}
	entries, err := s.entries(argument)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, info := range entries {
		switch {
		case verb == "NLST":
			b.WriteString(info.Name())
		case verb == "MLSD":
			b.WriteString(facts(info) + " " + info.Name())
		case s.dialect.DOSLists:
			b.WriteString(dosLine(info))
		default:
			b.WriteString(unixLine(info))
		}
		b.WriteString("\r\n")
	}
	return b.String(), nil
}

func unixLine(info fs.FileInfo) string {
	return fmt.Sprintf("%s 1 ftp ftp %12d %s %s", info.Mode(), info.Size(), info.ModTime().UTC().Format("Jan _2  2006"), info.Name())
}

func dosLine(info fs.FileInfo) string {
	size := fmt.Sprintf("%20d", info.Size())
	if info.IsDir() {
		size = "      <DIR>         "
	}
	return info.ModTime().UTC().Format("01-02-06  03:04PM") + " " + size + " " + info.Name()
}

// entries returns the entries of the directory called name, or the file of that
// name.
func (s *session) entries(name string) ([]fs.FileInfo, error) {
	file, err := s.server.Root.Open(s.local(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.IsDir() {
		return []fs.FileInfo{info}, err
	}
	found, err := file.Readdir(-1)
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return found, err
}
