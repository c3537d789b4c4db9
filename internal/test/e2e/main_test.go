//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/module"
)

// binaries is the directory of the programs under test.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "ftptunnel"); err == nil {
		err = os.Chmod(binaries, 0o755) // other users run them
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(status)
}

var (
	buildRace = sync.OnceValue(func() error { return module.BuildProgram(filepath.Join(binaries, "ftptunnel"), true) })
	buildLean = sync.OnceValue(func() error { return module.BuildProgram(filepath.Join(binaries, "ftptunnel-lean"), false) })
)

// binary returns the path of the program, built with the race detector.
func binary(t testing.TB) string {
	t.Helper()
	require.NoError(t, buildRace())
	return filepath.Join(binaries, "ftptunnel")
}

// leanBinary returns the path of the program without the race detector, which
// multiplies memory.
func leanBinary(t testing.TB) string {
	t.Helper()
	require.NoError(t, buildLean())
	return filepath.Join(binaries, "ftptunnel-lean")
}
