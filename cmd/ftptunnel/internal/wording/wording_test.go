package wording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing returns the error of a real operation.
func failing(t *testing.T, do func() error) error {
	t.Helper()
	err := do()
	require.Error(t, err)
	return err
}

func TestErrorsOfStandardLibraryAreInPlainWords(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken := l.Addr().String()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := free.Addr().String()
	require.NoError(t, free.Close())
	defer l.Close()
	missing := filepath.Join(t.TempDir(), "missing")
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()

	dial := func(ctx context.Context, address string) func() error {
		return func() error { _, err := new(net.Dialer).DialContext(ctx, "tcp", address); return err }
	}
	accept := func() error { _, err := free.Accept(); return err }
	for want, do := range map[string]func() error{
		`"abc" is not a number`:                        func() error { _, err := strconv.Atoi("abc"); return err },
		`"99999999999999999999" is too large a number`: func() error { _, err := strconv.ParseInt("99999999999999999999", 0, 64); return err },
		"connection refused (" + closed + ")":          dial(t.Context(), closed),
		"no answer in time (" + taken + ")":            dial(expired, taken),
		`"a" is not of the form host:port`:             func() error { _, _, err := net.SplitHostPort("a"); return err },
		"address already in use":                       func() error { _, err := net.Listen("tcp", taken); return err },
		"the connection is closed":                     accept,
		missing + " does not exist":                    func() error { _, err := os.Open(missing); return err },
		"there is no user no-such-user":                func() error { _, err := user.Lookup("no-such-user"); return err },
		"no-such-program: not found in PATH":           func() error { return exec.Command("no-such-program").Run() },
		missing + "/program does not exist":            func() error { return exec.Command(missing + "/program").Run() },
		"exit status 3":                                func() error { return exec.Command("sh", "-c", "exit 3").Run() },
		"no host of the name nowhere.invalid is known": func() error {
			return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}}
		},
		"no name server answers about gw":    func() error { return &net.DNSError{Err: "i/o timeout", Name: "gw", IsTimeout: true} },
		"the name gw cannot be resolved now": func() error { return &net.DNSError{Err: "server misbehaving", Name: "gw", IsTemporary: true} },
	} {
		err := failing(t, do)
		assert.Equal(t, want, Of(err))
		assert.Equal(t, "login: "+want, Of(fmt.Errorf("login: %w", err)), "in the text of what wraps it")
		assert.Equal(t, want+"; other", Of(fmt.Errorf("%w; %w", err, errors.New("other"))))
		assert.ErrorIs(t, In(fmt.Errorf("x: %w", err)), err, "the chain is whole")
	}
	dir := t.TempDir()
	_, err = os.ReadFile(dir)
	assert.Equal(t, dir+": is a directory", Of(err))

	r, w := io.Pipe()
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
	_, err = r.Read(make([]byte, 1))
	assert.Equal(t, "the connection is closed", Of(err))
	_, err = io.ReadFull(r, make([]byte, 1))
	assert.Equal(t, "the connection is closed", Of(err))
}

func TestThatThereIsNoAnswerIsSaidOnce(t *testing.T) {
	err := fmt.Errorf("dial bob@gw: %w", fmt.Errorf("no answer for 30s: %w", os.ErrDeadlineExceeded))
	assert.Equal(t, "dial bob@gw: no answer for 30s", Of(err))
}

func TestOtherErrorsKeepTheirText(t *testing.T) {
	err := errors.New("EOF is the name of a file")
	assert.Equal(t, err.Error(), Of(fmt.Errorf("%w", err)))
	assert.Same(t, err, In(err))
	assert.NoError(t, In(nil))
}
