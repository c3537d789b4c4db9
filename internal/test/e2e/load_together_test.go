//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/internal/test/lab"
	"example.org/ftptunnel/tunnel"
)

// forwardInProcess joins the packages in this process, where goroutines can be
// counted, with the client's host as the local network. It returns the events of
// sessions that end.
func (s *site) forwardInProcess() <-chan ftpfwd.Event {
	s.t.Helper()
	key := s.ssh.HostKeys[0]
	t, err := tunnel.Open(s.t.Context(), tunnel.Config{
		Hops: []tunnel.Hop{{
			Alias: "gateway", HostName: s.Gateway.Addr.String(), Port: 22, User: "root",
			PubkeyAuthentication: true, IdentityFiles: []string{s.Client.Path(lab.Home + "/.ssh/id_ed25519")},
		}},
		HostKeys: func(tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
			return ssh.FixedHostKey(key), []string{key.Type()}, nil
		},
		Dial: s.Client.DialContext,
	})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := s.Client.Listen(ctx, "tcp", address)
	require.NoError(s.t, err)
	served := make(chan error)
	ended := make(chan ftpfwd.Event, 100)
	go func() {
		f := &ftpfwd.Forwarder{Server: "localhost:21", Remote: t, Local: s.Client, Observe: func(e ftpfwd.Event) {
			if e.Kind == ftpfwd.SessionClosed {
				ended <- e
			}
		}}
		served <- f.Serve(ctx, l)
	}()
	s.t.Cleanup(func() {
		cancel()
		assert.NoError(s.t, <-served)
		assert.NoError(s.t, t.Close())
	})
	return ended
}

func TestFiftyConnectionsAtOnceLeaveNothingBehind(t *testing.T) {
	throughEach(t, func(s *site) {
		want := random(200_000)
		s.vsftpd(s.Gateway).WriteFile(s.t, "f", string(want))
		ended := s.forwardInProcess()
		require.NoError(s.t, s.atOnce(1, want)) // what is made once is made
		<-ended
		before := runtime.NumGoroutine()
		require.NoError(s.t, s.atOnce(50, want))
		noMoreGoroutines(s.t, before)
		eventually(s.t, "the end of all listeners", func() bool { return len(s.dataPorts()) == 0 })
		if !s.keepsForwards() {
			eventually(s.t, "the end of all forwards", func() bool { return len(s.forwards()) == 0 })
		}
		s.t.Logf("goroutines before %d, after %d; forwards on the gateway: %d", before, runtime.NumGoroutine(), len(s.forwards()))
	})
}

// keepsForwards reports whether the gateway is a Dropbear: before 2026.90 it
// never cancels a forward, of which it grants 20. The program uses them again when
// they have rested.
func (s *site) keepsForwards() bool { return strings.Contains(s.t.Name(), "Dropbear") }

// noMoreGoroutines waits until there are no more goroutines than before. If that
// takes too long, the test fails and logs them.
func noMoreGoroutines(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Fatalf("%d goroutines, before there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// atOnce has count clients logged in at once, each of which then downloads, in
// passive mode and, if the gateway grants enough forwards, in active mode.
func (s *site) atOnce(count int, want []byte) error {
	active := count
	if s.keepsForwards() {
		active = min(count, 15)
	}
	var loggedIn sync.WaitGroup
	loggedIn.Add(count)
	return together(count, count, func(i int) error {
		c, err := enter(s.Client)
		loggedIn.Done()
		loggedIn.Wait()
		if err == nil {
			defer c.close()
			err = c.downloads("EPSV", "pub/f", want)
		}
		if err == nil && i < active {
			err = c.downloads("PORT", "pub/f", want)
		}
		if err == nil {
			err = c.quit()
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		return nil
	})
}

// forwards returns the addresses at which the gateway listens for the program.
func (s *site) forwards() (addresses []string) {
	for _, l := range s.Gateway.Listeners(s.t) {
		_, port, _ := net.SplitHostPort(l)
		if !slices.Contains([]string{"21", "22", deflaterPort}, port) {
			addresses = append(addresses, l)
		}
	}
	return addresses
}

func TestManyTransfersOnOneConnectionLeaveNothingBehind(t *testing.T) {
	lab.Require(t, "curl")
	const transfers = 200
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway).WriteFile(s.t, "small", "data")
		p := s.start("-v", "gateway")
		s.curl(here + "/pub/small") // what is made once is made
		descriptors := p.Descriptors(s.t)
		for _, v := range curlModes {
			args := append([]string{"--fail"}, v.Args...)
			for range transfers {
				args = append(args, here+"/pub/small")
			}
			before := len(p.logged(sessionBegan))
			assert.Equal(s.t, strings.Repeat("data", transfers), s.curl(args...), v.Title())
			assert.Len(s.t, p.logged(sessionBegan), before+1, "one control connection")
		}
		s.nothingLeft(p, descriptors)
	})
}

// nothingLeft checks that the program and the gateway are as they were before:
// listeners and descriptors are closed, except for forwards that Dropbear keeps.
func (s *site) nothingLeft(p *program, descriptors int) {
	s.t.Helper()
	var here, there []string
	closed := assert.Eventually(s.t, func() bool {
		here, there = s.dataPorts(), s.forwards()
		limit := 0
		if s.keepsForwards() {
			limit = 2 * 20 // it listens on two addresses for each
		}
		return len(here) == 0 && len(there) <= limit && p.Descriptors(s.t) <= descriptors
	}, 20*time.Second, 50*time.Millisecond)
	if !closed {
		s.t.Logf("open: %s", s.Client.Run(s.t, "ls", "-l", fmt.Sprintf("/proc/%d/fd", p.Pid)))
	}
	s.t.Logf("left: %d data ports here, %d forwards there, %d descriptors (before: %d)", len(here), len(there), p.Descriptors(s.t), descriptors)
}
