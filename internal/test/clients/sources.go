package clients

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// sources are programs that use FTP libraries.
//
//go:embed testdata
var sources embed.FS

// Unpack writes the programs that use FTP libraries to dir, which every host can
// read, and compiles them if need be.
func Unpack(dir string) error {
	testdata, err := fs.Sub(sources, "testdata")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, testdata); err != nil {
		return err
	}
	for _, compiler := range [][]string{
		{"javac", "-cp", commonsNet, "-d", ".", "Client.java"},
		{"mcs", "-out:Client.exe", "Client.cs"},
		{"sbcl", "--non-interactive", "--no-sysinit", "--no-userinit", "--load", "client.lisp"},
	} {
		if _, err := exec.LookPath(compiler[0]); err != nil {
			continue // its client is left out
		}
		cmd := exec.Command(compiler[0], compiler[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ASDF_OUTPUT_TRANSLATIONS=/:"+dir) // sbcl compiles libraries too
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", compiler[0], err, out)
		}
	}
	return nil
}
