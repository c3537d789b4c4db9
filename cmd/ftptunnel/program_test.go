package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/sshtest"
)

// asProgram in the environment makes the test binary be the program.
const asProgram = "FTPTUNNEL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A site is an SSH server with an FTP server beside it, and what it takes to log
// in to the former.
type site struct {
	t       *testing.T
	gateway *sshtest.Server
	ftp     string          // the FTP server's address
	heard   *ftptest.Record // commands that the FTP server has received
	flags   []string
}

func newSite(t *testing.T, gateway *sshtest.Server) *site {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	gateway.Keys = []ssh.PublicKey{key}
	require.NoError(t, gateway.Start())
	t.Cleanup(func() { assert.NoError(t, gateway.Close()) })

	dir := t.TempDir()
	identity, known := filepath.Join(dir, "identity"), filepath.Join(dir, "known_hosts")
	require.NoError(t, os.WriteFile(identity, pem.EncodeToMemory(block), 0o600))
	line := knownhosts.Line([]string{knownhosts.Normalize(gateway.Addr().String())}, gateway.HostKey())
	require.NoError(t, os.WriteFile(known, []byte(line+"\n"), 0o600))
	heard := &ftptest.Record{}
	return &site{
		t: t, gateway: gateway, heard: heard, ftp: ftptest.Start(t, &ftptest.Server{Heard: heard.Heard}, "127.0.0.1"),
		flags: []string{
			"-F", "none", "-i", identity, "-l", "ann", "-p", fmt.Sprint(gateway.Addr().Port),
			"-o", "UserKnownHostsFile=" + known, "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		},
	}
}

// command returns a run of the program: words are what is typed beside the flags
// for the gateway.
func (s *site) command(words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(words, s.flags...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "SSH_ASKPASS_REQUIRE=never")
	return cmd
}

// forward starts the program with a port for the FTP server, and returns its
// address once it is ready.
func (s *site) forward(cmd *exec.Cmd) (address string) {
	s.t.Helper()
	cmd.Args = append(cmd.Args, "-L", "0:"+s.ftp, "127.0.0.1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(s.t, err)
	require.NoError(s.t, stdout.Close(), "nothing more is read")
	address, found := strings.CutPrefix(strings.TrimSpace(line), "ftp://")
	require.True(s.t, found, line)
	return address
}

// movesFiles uploads and downloads so many files through the port at address.
func movesFiles(t *testing.T, address string, files int) {
	t.Helper()
	c, err := ftp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, c.Login("bob", "secret"))
	for i := range files {
		name, content := fmt.Sprintf("file-%d", i), bytes.Repeat([]byte{byte(i)}, 10_000)
		require.NoError(t, c.Stor(name, bytes.NewReader(content)))
		r, err := c.Retr(name)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, content, got)
	}
	require.NoError(t, c.Quit())
}
