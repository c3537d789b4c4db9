package settings

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
)

// maxPassword bounds a file with a password, in bytes.
const maxPassword = 1 << 10

// ReadPassword returns the first line of the file of --password-file. As ssh with a
// key, it refuses a file of the user's own that others may read. The error is an
// [*Error].
func ReadPassword(path string) (string, error) {
	wrong := func(text, hint string) (string, error) {
		return "", reject("password-file", "--password-file: "+text, hint)
	}
	f, err := os.Open(path)
	if err != nil {
		return wrong(wording.Of(err), "name a file with the password on its first line")
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return wrong(wording.Of(err), "name a file with the password on its first line")
	} else if exposed(info) {
		return wrong("others may read "+path, "chmod 600 "+path)
	}
	text := make([]byte, maxPassword)
	n, err := f.Read(text)
	line, _, _ := bytes.Cut(text[:n], []byte("\n"))
	password := strings.TrimSuffix(string(line), "\r")
	switch {
	case err != nil && n == 0:
		return wrong(path+" is empty, or cannot be read", "write the password on its first line")
	case len(line) == maxPassword:
		return wrong(fmt.Sprintf("the first line of %s is too long for a password", path), "write the password on its first line")
	}
	return password, nil
}
