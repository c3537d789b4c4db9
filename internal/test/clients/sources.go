package clients

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
	if _, err := exec.LookPath("javac"); err != nil {
		return nil // its client is left out
	}
	out, err := exec.Command("javac", "-cp", commonsNet, "-d", dir, filepath.Join(dir, "Client.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w: %s", err, out)
	}
	return nil
}
