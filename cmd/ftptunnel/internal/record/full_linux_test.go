package record

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// The disk is a file system of two pages, which a line of half a page fills.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skip("root can mount a small disk:", err)
	}
	defer func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
	var published []events.Event
	r := New(func(e events.Event) { published = append(published, e) })
	path := filepath.Join(dir, "xferlog")
	require.NoError(t, r.Configure(settings.Log{Xferlog: path}))
	defer r.Close()
	long := but(func(e *events.Event) { e.Transfer.Path = "/" + strings.Repeat("x", 3000) })
	for range 5 {
		r.handle(long)
	}
	assert.Len(t, lines(t, path), 2)
	require.Len(t, published, 1)
	assert.ErrorIs(t, published[0].Err, syscall.ENOSPC)
	require.NoError(t, os.Truncate(path, 0))
	r.handle(long)
	assert.Len(t, lines(t, path), 1)
	require.Len(t, published, 2)
	assert.EqualValues(t, 3, published[1].Count)
}
