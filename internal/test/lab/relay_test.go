package lab

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// across returns a relay and both ends of a connection through it.
func across(t *testing.T) (*Relay, net.Conn, net.Conn) {
	t.Helper()
	h := New(t).Inner
	l, err := h.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	r := NewRelay(t, h, "127.0.0.1:0", l.Addr().String())
	near, err := h.DialContext(t.Context(), "tcp", r.Address)
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	for _, conn := range []net.Conn{near, far} {
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	}
	return r, near, far
}

func TestRelayCutsAfterGivenNumberOfBytes(t *testing.T) {
	for how, ends := range map[Cut]func(error){
		Close: func(err error) { assert.NoError(t, err, "an end of data is no error") },
		Reset: func(err error) { assert.ErrorIs(t, err, syscall.ECONNRESET) },
	} {
		r, near, far := across(t)
		_, err := io.WriteString(far, "before")
		require.NoError(t, err)
		_, err = io.ReadFull(near, make([]byte, 6))
		require.NoError(t, err)
		cut := r.CutAfter(Up, 100_000, how)
		_, err = near.Write(make([]byte, 60_000))
		require.NoError(t, err)
		_, err = io.ReadFull(far, make([]byte, 60_000))
		require.NoError(t, err)
		_, err = near.Write(make([]byte, 60_000))
		require.NoError(t, err)
		<-cut
		rest, err := io.ReadAll(far)
		assert.Len(t, rest, 40_000)
		ends(err)
		_, err = io.ReadAll(near)
		ends(err)
		assert.EqualValues(t, 100_000, r.Passed(Up))
		assert.EqualValues(t, 6, r.Passed(Down))
	}
}

func TestRelayForwardsEndOfData(t *testing.T) {
	r, near, far := across(t)
	r.CutAfter(Down, 5, Reset)
	r.Spare()
	_, err := io.WriteString(near, "question")
	require.NoError(t, err)
	require.NoError(t, near.(*net.TCPConn).CloseWrite())
	all, err := io.ReadAll(far)
	require.NoError(t, err)
	assert.Equal(t, "question", string(all))
	_, err = io.WriteString(far, "answer")
	require.NoError(t, err)
	require.NoError(t, far.Close())
	all, err = io.ReadAll(near)
	require.NoError(t, err)
	assert.Equal(t, "answer", string(all))
}
