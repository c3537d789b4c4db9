//go:build linux

package e2e

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Silent clients are for the server to reject. The program only bounds their
// number.
func TestThousandSilentClientsLeaveRoomForNext(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	ftp := s.unlimited()
	p := s.startLean("-q", "--max-clients=1010", "gateway")
	s.withOthers(p, ftp, 1000*200, func() {
		require.NoError(t, together(1000, 8, func(int) error {
			conn, err := s.Client.DialContext(t.Context(), "tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, err = io.ReadFull(conn, make([]byte, 3))
			return err
		}))
	})
}

func TestClientAboveMaximumIsServedWhenAnotherHasGone(t *testing.T) {
	t.Parallel()
	s := throughSSHD(t)
	s.unlimited()
	s.start("--max-clients=20", "gateway")
	var silent []net.Conn
	for range 20 {
		conn := s.dial(address)
		_, err := io.ReadFull(conn, make([]byte, 3))
		require.NoError(t, err)
		silent = append(silent, conn)
	}
	for range 3 {
		answer, err := io.ReadAll(s.dial(address))
		require.NoError(t, err)
		assert.Equal(t, "421 too many clients are connected\r\n", string(answer))
	}
	require.NoError(t, silent[0].Close())
	eventually(t, "a greeting", func() bool {
		var code [3]byte
		_, err := io.ReadFull(s.dial(address), code[:])
		return err == nil && string(code[:]) == "220"
	})
}

// A client asks for data ports, one by one or many at once, and connects to
// none.
func TestDataPortsOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	const asked, atOnce = 1000, 4
	for _, inFlight := range []int{1, 50} {
		t.Run(map[bool]string{true: "one by one", false: "together"}[inFlight == 1], func(t *testing.T) {
			t.Parallel()
			s := throughSSHD(t)
			s.unlimited()
			p := s.startLean("-q", "gateway")
			c := s.login()
			descriptors := p.Descriptors(t)
			answered := make(chan error, 1)
			go func() {
				var err error
				for range asked / inFlight {
					err = errors.Join(err, c.send("%s", strings.TrimSpace(strings.Repeat("EPSV\r\n", inFlight))))
					for range inFlight {
						_, reply := c.expect(229)
						err = errors.Join(err, reply)
					}
				}
				answered <- err
			}()
			most := 0
			for done := false; !done; {
				select {
				case err := <-answered:
					require.NoError(t, err)
					done = true
				default:
				}
				most = max(most, len(s.dataPorts()))
			}
			t.Logf("%d data ports at most", most)
			assert.LessOrEqual(t, most, atOnce)
			assert.Positive(t, most)
			require.NoError(t, c.quit())
			s.awaitNobody(p, descriptors)
		})
	}
}

// The same on the gateway, for a client that asks the server to connect.
func TestForwardsOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	const asked, atOnce = 100, 4
	s := throughSSHD(t)
	s.unlimited()
	s.startLean("-q", "gateway")
	c := s.login()
	most := 0
	for i := range asked {
		_, err := c.command(200, "EPRT |1|127.0.0.1|%d|", 40000+i)
		require.NoError(t, err)
		if i%10 == 0 {
			most = max(most, len(s.forwards()))
		}
	}
	t.Logf("%d forwards at most", most)
	assert.LessOrEqual(t, most, atOnce)
	assert.Positive(t, most)
	require.NoError(t, c.quit())
	eventually(t, "the end of all forwards", func() bool { return len(s.forwards()) == 0 })
}
