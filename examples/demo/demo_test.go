package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lines that the tunnel changed. The groups are the code or command and the two
// addresses.
var (
	changedReply   = regexp.MustCompile(`(?m)^ +(22[79]) [^(]*\((\S+)\) +◀\*─ 22[79] [^(]*\((\S+)\)$`)
	changedCommand = regexp.MustCompile(`(?m)^ +(PORT|EPRT) (\S+) +─\*▶ (?:PORT|EPRT) (\S+)$`)
)

func TestDemoRewritesAddressesInEveryMode(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), nil, &stdout, &stderr), "%s%s", &stdout, &stderr)
	assert.Empty(t, stderr.String())

	changed := map[string]int{}
	found := append(changedReply.FindAllStringSubmatch(stdout.String(), -1), changedCommand.FindAllStringSubmatch(stdout.String(), -1)...)
	for _, m := range found {
		changed[m[1]]++
		assert.NotEqual(t, m[2], m[3], m[0])
	}
	assert.Equal(t, map[string]int{"229": 2, "227": 2, "EPRT": 2, "PORT": 2}, changed, "%s", &stdout)
	assert.Equal(t, 4, strings.Count(stdout.String(), "1 MiB up, 1 MiB down, identical"), "%s", &stdout)
	assert.Equal(t, 4, strings.Count(stdout.String(), "SHA-256 "), "%s", &stdout)
	assert.NotContains(t, stdout.String(), "\x1b", "no colours without a terminal")
	for line := range strings.Lines(stdout.String()) {
		assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), 79, "%q", line)
	}
}

// The tunnel reports a transfer when the client continues, and that is in the next
// section.
func TestDemoShowsDataBetweenTheRepliesOfItsCommand(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), nil, &stdout, &stderr), "%s%s", &stdout, &stderr)
	var words []string // the command, the replies and the data of each section
	for _, m := range regexp.MustCompile(`(?m)^(?:\d  .*: ([A-Z]{4})|  (STOR|RETR|150|226|1 MiB of data).*)$`).FindAllStringSubmatch(stdout.String(), -1) {
		words = append(words, m[1]+m[2])
	}
	var want []string
	for _, mode := range []string{"EPSV", "PASV", "EPRT", "PORT"} {
		want = append(want, mode, "STOR", "150", "1 MiB of data", "226", "RETR", "150", "1 MiB of data", "226")
	}
	assert.Equal(t, want, words, "%s", &stdout)
}

func TestServeFlagServesClientsUntilInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, stdout := io.Pipe()
	defer out.Close()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-serve"}, stdout, &stderr)
		_ = stdout.Close()
	}()

	var at *url.URL
	lines := bufio.NewScanner(out)
	for at == nil && lines.Scan() {
		if _, text, ok := strings.Cut(lines.Text(), "URL"); ok {
			var err error
			at, err = url.Parse(strings.TrimSpace(text))
			require.NoError(t, err)
		}
	}
	require.NotNil(t, at, "no URL was printed: %s", &stderr)
	rest := make(chan string, 1)
	go func() {
		var b strings.Builder
		for lines.Scan() {
			b.WriteString(lines.Text() + "\n")
		}
		rest <- b.String()
	}()

	c, err := dialFTP(ctx, at.Host)
	require.NoError(t, err)
	defer c.close()
	password, _ := at.User.Password()
	require.NoError(t, c.logIn(at.User.Username(), password))
	var hello bytes.Buffer
	require.NoError(t, c.retrieve("EPSV", "hello.txt", &hello))
	assert.NotEmpty(t, hello.String())
	require.NoError(t, c.quit())

	interrupt()
	assert.Equal(t, 0, <-status, "%s", &stderr)
	assert.Contains(t, <-rest, "RETR hello.txt")
}

func TestUsageErrorExitsWithStatus2(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"argument"}} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, 2, run(t.Context(), args, &stdout, &stderr))
		assert.NotEmpty(t, stderr.String())
		assert.Empty(t, stdout.String())
	}
}
