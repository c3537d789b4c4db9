package matrix

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"example.org/ftptunnel/internal/test/module"
)

// sources are clients of ours.
//
//go:embed testdata
var sources embed.FS

// unpackSources puts them into dir, where every host sees them, and compiles
// what wants to be.
func unpackSources(dir string) error {
	testdata, err := fs.Sub(sources, "testdata")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, testdata); err != nil {
		return err
	}
	if _, err := exec.LookPath("javac"); err != nil {
		return nil // the client will be left out
	}
	out, err := exec.Command("javac", "-cp", commonsNet, "-d", dir, filepath.Join(dir, "Client.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w: %s", err, out)
	}
	return nil
}

// build compiles the program into dir and returns its path.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "ftptunnel")
	out, err := exec.Command("go", "build", "-o", path, module.Program).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
}
