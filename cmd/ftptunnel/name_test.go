//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/sshtest"
)

// ports starts the program with a free port for each server, and returns their
// addresses and the standard error.
func (s *site) ports(cmd *exec.Cmd, servers ...string) (addresses []string, stderr *lockedBuffer) {
	s.t.Helper()
	for _, server := range servers {
		cmd.Args = append(cmd.Args, "-L", "0:"+server)
	}
	cmd.Args = append(cmd.Args, "127.0.0.1")
	stderr = &lockedBuffer{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(stdout)
	for range servers {
		line, err := lines.ReadString('\n')
		require.NoError(s.t, err)
		addresses = append(addresses, strings.TrimPrefix(strings.TrimSpace(line), "ftp://"))
	}
	return addresses, stderr
}

// greets returns what a client at address receives until its connection ends.
func greets(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	reply, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(reply)
}

// noSuchName is a name that no resolver looks up.
const noSuchName = "a..b"

func TestWrongServerNameEndsProgramAtFirstClient(t *testing.T) {
	s := newSite(t, &sshtest.Server{})
	cmd := s.command()
	addresses, stderr := s.ports(cmd, noSuchName+":21")
	assert.Regexp(t, `^421 the gateway cannot connect to a\.\.b:21: .*no such host\r\n$`, greets(t, addresses[0]))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var exit *exec.ExitError
	select {
	case err := <-ended:
		require.ErrorAs(t, err, &exit, stderr)
	case <-time.After(10 * time.Second):
		require.NoError(t, cmd.Process.Kill())
		<-ended
		require.Fail(t, "the program does not end", stderr)
	}
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, stderr.String(), "\nerror: the gateway cannot connect to a..b:21: ")
	assert.Contains(t, stderr.String(), "\nhint: the gateway cannot resolve a..b: give a name that it can resolve")
}

// The others work, and one that is down may come back.
func TestProgramContinuesWhereAClientCanStillBeServed(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	down := free.Addr().String()
	require.NoError(t, free.Close())
	for name, servers := range map[string]func(s *site) []string{
		"one of several servers is wrong": func(s *site) []string { return []string{noSuchName + ":21", s.ftp} },
		"the server is down":              func(*site) []string { return []string{down} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, &sshtest.Server{})
			cmd := s.command()
			addresses, _ := s.ports(cmd, servers(s)...)
			for range 2 {
				assert.Contains(t, greets(t, addresses[0]), "421 the gateway cannot connect to ")
			}
			if len(addresses) > 1 {
				movesFiles(t, addresses[1], 1)
			}
			stops(t, cmd)
		})
	}
}
