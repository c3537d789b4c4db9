//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/sshtest"
)

// goWords are words of Go and its standard library. A shell that cannot start a
// ProxyCommand has an "exec: /name" of its own.
var goWords = regexp.MustCompile(`strconv|time: |dial tcp|lookup |io: |closed pipe|use of closed|context (deadline|canceled)|invalid syntax|fork/exec|exec: ["A-Z]|%!|0x[0-9a-f]{5}|i/o timeout|\bEOF\b|goroutine|nil\b|<nil>`)

// What people read has no words of Go's.
func TestErrorsHaveNoWordsOfGo(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := free.Addr().(*net.TCPAddr)
	require.NoError(t, free.Close())
	_, port, _ := net.SplitHostPort(closed.String())
	silent := &sshtest.Server{Silent: true}
	require.NoError(t, silent.Start())
	t.Cleanup(func() { _ = silent.Close() })
	_, silentPort, _ := net.SplitHostPort(silent.Addr().String())
	s := newSite(t, &sshtest.Server{})
	for _, words := range [][]string{
		{"-p", "abc", "gw"}, {"--drain-timeout=5", "gw"}, {"--data-timeout=x", "gw"}, {"-p", "999999999999999999999", "gw"},
		{"-i", "/nonexistent", "gw"}, {"-F", "/nonexistent", "gw"}, {"-o", "Foo=bar", "gw"}, {"gw:22"},
		{"--allow-user=no-such-user", "gw"}, {"--allow-target=a/b", "-D0", "gw"}, {"-L", "x", "gw"},
		{"-F", "none", "-p", port, "-L0:a:21", "127.0.0.1"},
		{"-F", "none", "-p", silentPort, "-o", "ConnectTimeout=1", "-L0:a:21", "127.0.0.1"},
		{"-F", "none", "-L0:a:21", "a..b"},
		{"-F", "none", "-L0:a:21", "-o", "ProxyCommand=false", "gw"},
		{"-F", "none", "-L0:a:21", "-o", "ProxyCommand=/nonexistent", "gw"},
		{"check", "-F", "none", "-p", port, "127.0.0.1"},
		{"check", "-F", "none", "-p", silentPort, "-o", "ConnectTimeout=1", "127.0.0.1"},
		{"run", "gw", "--", "/nonexistent"}, {"run", "gw", "--", "no-such-program"}, {"run", "gw", "--", "/"},
	} {
		cmd := s.command(words...)
		cmd.Args = cmd.Args[:1+len(words)] // without the flags for the gateway
		out, err := cmd.CombinedOutput()
		assert.Error(t, err, "%q: %s", words, out)
		assert.Empty(t, goWords.FindString(string(out)), "%q: %s", words, out)
		assert.Regexp(t, `(?m)^(error: |Nothing works yet: )`, string(out), words)
	}
	for _, words := range [][]string{
		{"run", "127.0.0.1", closed.String(), "--", "true"},
		{"run", "127.0.0.1", "a..b", "--", "true"},
		{"check", "127.0.0.1", closed.String()},
		{"check", "127.0.0.1", "a..b"},
	} {
		cmd := s.command()
		cmd.Args = append([]string{cmd.Args[0], words[0]}, append(s.flags, words[1:]...)...)
		out, err := cmd.CombinedOutput()
		assert.Error(t, err, "%q: %s", words, out)
		assert.Empty(t, goWords.FindString(strings.ReplaceAll(string(out), "lookup a..b: no such host", "")), "%q: %s", words, out)
	}
}

// Every error becomes text in package wording, or in the Error method of another.
func TestErrorsBecomeTextInPackageWordingOnly(t *testing.T) {
	becomesText := regexp.MustCompile(`\berr\.Error\(\)|\("[^"]*%v[^"]*", (?:[^)]*, )?err\)`)
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "wording") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range becomesText.FindAllString(string(text), -1) {
			assert.Contains(t, found, "%w", path)
		}
		return err
	})
	require.NoError(t, err)
}
