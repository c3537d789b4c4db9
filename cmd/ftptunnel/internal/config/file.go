package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// system is the configuration file of the machine.
const system = "/etc/ftptunnel/config.toml"

// maxSize bounds the size of a configuration file, in bytes.
const maxSize = 1 << 20

// byteOrderMark is what some editors put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Find returns the user's configuration file, or that of the machine if the user has
// none. If neither exists, the error is a [*settings.Error].
func Find() (path string, err error) {
	var paths []string
	if dir := userDir(); dir != "" {
		paths = append(paths, filepath.Join(dir, "ftptunnel", "config.toml"))
	}
	if runtime.GOOS != "windows" {
		paths = append(paths, system)
	}
	for _, path := range paths {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil // what is wrong with it is found when it is read
		}
	}
	text := "no configuration file is given"
	if len(paths) > 0 {
		text = "there is no configuration file " + paths[0]
	}
	if len(paths) > 1 {
		text += ", nor " + paths[1]
	}
	return "", &settings.Error{Text: text, Hint: "write one, or name it: ftptunnel serve --file FILE"}
}

// userDir returns the directory of the user's configuration files, or "" if it is
// not known.
func userDir() string {
	if runtime.GOOS == "windows" {
		dir, _ := os.UserConfigDir()
		return dir
	}
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config")
}

// load returns the content of the file. It refuses one that others may write: they
// could send the user's FTP passwords elsewhere.
func load(path string) ([]byte, error) {
	wrong := func(text, hint string) error {
		return &Error{Path: path, Err: &settings.Error{Text: text, Hint: hint}}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, wrong("the configuration file does not exist", "ftptunnel serve --file FILE")
	}
	if err != nil {
		return nil, &Error{Path: path, Err: fmt.Errorf("cannot read the configuration file: %w", errors.Unwrap(err))}
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, &Error{Path: path, Err: err}
	case info.IsDir():
		return nil, wrong("this is a directory", "ftptunnel serve --file "+filepath.Join(path, "config.toml"))
	case !trusted(info):
		return nil, wrong("the file belongs to another user", "give it to the user who runs ftptunnel, or to root: chown")
	case writable(info):
		return nil, wrong("other users may write to the file", "chmod go-w "+path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, &Error{Path: path, Err: err}
	case len(text) > maxSize:
		return nil, wrong("the file is too large for a configuration file", "at most 1 MiB")
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}
