//go:build unix

package main

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/sshtest"
)

// beginUpload begins an upload through the port at address that does not end
// before the test.
func beginUpload(t *testing.T, address string) {
	t.Helper()
	c, err := ftp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, c.Login("bob", "secret"))
	content, more := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Stor("file", content)
	}()
	t.Cleanup(func() {
		_ = more.Close()
		<-ended
	})
	_, err = more.Write([]byte("a part")) // the data connection takes it
	require.NoError(t, err)
	_, err = more.Write([]byte("more"))
	require.NoError(t, err)
}

func TestSecondSignalIsNotBlamedOnServer(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	var log lockedBuffer
	cmd := s.command("-v")
	cmd.Stderr = &log
	beginUpload(t, s.forward(cmd))
	awaitLog := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), text) }, 10*time.Second, time.Millisecond, text)
	}
	awaitLog(`msg="transfer started"`)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	awaitLog("msg=stopping drain_timeout_ms=30000\n")
	stops(t, cmd)
	assert.Regexp(t, `msg=transfer .* result=failed .* blame=tunnel error=".*tunnel closed"\n`, log.String())
	assert.NotContains(t, log.String(), "blame=server")
}
