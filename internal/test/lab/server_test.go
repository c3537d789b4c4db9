package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sshServers start the SSH servers, which must behave alike.
var sshServers = map[string]func(testing.TB, *Host) *SSHServer{
	"sshd":     func(t testing.TB, h *Host) *SSHServer { return SSHD(t, h, SSHDConfig{}) },
	"dropbear": func(t testing.TB, h *Host) *SSHServer { return Dropbear(t, h, DropbearConfig{}) },
}

// eachSSHServer runs a test with each SSH server on the gateway. The client's root
// can log in and knows the host keys.
func eachSSHServer(t *testing.T, test func(*testing.T, *Lab, *SSHServer)) {
	for name, start := range sshServers {
		t.Run(name, func(t *testing.T) {
			lab := New(t)
			Require(t, "ssh")
			server := start(t, lab.Gateway)
			server.AuthorizeKey(t, lab.Client.NewKey(t))
			lab.Client.WriteFile(t, Home+"/.ssh/known_hosts", server.KnownHosts())
			test(t, lab, server)
		})
	}
}

func TestSSHLogsIn(t *testing.T) {
	eachSSHServer(t, func(t *testing.T, lab *Lab, server *SSHServer) {
		for _, name := range []string{"gateway", "gateway6", "10.77.0.2"} {
			home := lab.Client.Run(t, "ssh", "-o", "BatchMode=yes", "root@"+name, "echo $HOME; touch ~/here")
			assert.Equal(t, Home+"\n", home)
		}
		assert.FileExists(t, lab.Gateway.Path(Home+"/here"))
		for _, key := range server.HostKeys {
			lab.Client.Run(t, "ssh", "-o", "BatchMode=yes", "-o", "HostKeyAlgorithms="+
				strings.Replace(key.Type(), "ssh-rsa", "rsa-sha2-256", 1), "gateway", "true")
		}
		assert.Len(t, server.HostKeys, 3)
	})
}

func TestUnknownKeyIsRejected(t *testing.T) {
	eachSSHServer(t, func(t *testing.T, lab *Lab, server *SSHServer) {
		lab.Client.NewKey(t)
		out, err := lab.Client.Command(t.Context(), "ssh", "-o", "BatchMode=yes", "gateway", "true").CombinedOutput()
		assert.Error(t, err)
		assert.Contains(t, string(out), "Permission denied (publickey)")
	})
}

// startSession opens an SSH connection that lasts.
func startSession(t *testing.T, lab *Lab) *Process {
	t.Helper()
	session := lab.Client.Start(t, lab.Client.Command(context.Background(),
		"ssh", "-o", "BatchMode=yes", "gateway", "echo in; sleep 1000"))
	session.Stdout.Await(t, "in")
	return session
}

func TestSessionsCanBeKilledAndNewOnesStart(t *testing.T) {
	eachSSHServer(t, func(t *testing.T, lab *Lab, server *SSHServer) {
		session := startSession(t, lab)
		require.Positive(t, server.KillSessions(t))
		assert.Error(t, session.Wait())
		assert.Zero(t, server.KillSessions(t))
		startSession(t, lab)
	})
}

func TestSessionsOutliveRestart(t *testing.T) {
	eachSSHServer(t, func(t *testing.T, lab *Lab, server *SSHServer) {
		session := startSession(t, lab)
		server.Kill()
		assert.Empty(t, lab.Gateway.Listeners(t))
		assert.Error(t, lab.Client.Command(t.Context(), "ssh", "gateway", "true").Run())
		server.Restart(t)
		startSession(t, lab)
		select {
		case <-session.Done():
			t.Error("the session has ended")
		default:
		}
		require.Positive(t, server.KillSessions(t))
		assert.Error(t, session.Wait())
	})
}

func TestStoppedSessionsAreSilentUntilContinued(t *testing.T) {
	eachSSHServer(t, func(t *testing.T, lab *Lab, server *SSHServer) {
		session := lab.Client.Start(t, lab.Client.Command(context.Background(), "ssh", "-o", "BatchMode=yes",
			"gateway", "echo in; while [ ! -e /run/go ]; do sleep 0.01; done; echo out"))
		session.Stdout.Await(t, "in")
		assert.Positive(t, server.StopSessions())
		lab.Gateway.WriteFile(t, "/run/go", "")
		select {
		case <-session.Done():
			t.Error("a stopped session has ended")
		case <-time.After(200 * time.Millisecond):
		}
		server.ContSessions()
		assert.NoError(t, session.Wait())
		session.Stdout.Await(t, "out")
	})
}

func TestSSHDUsesExtraLines(t *testing.T) {
	lab := New(t)
	Require(t, "ssh")
	server := SSHD(t, lab.Gateway, SSHDConfig{
		Keys:  []string{"ed25519"},
		Extra: []string{"LogLevel DEBUG", "AllowTcpForwarding no", "Match User nobody", "AllowTcpForwarding yes"},
	})
	assert.Len(t, server.HostKeys, 1)
	assert.FileExists(t, lab.Gateway.Path("/etc/ssh/ssh_host_ed25519_key"))
	server.AuthorizeKey(t, lab.Client.NewKey(t))
	lab.Client.WriteFile(t, Home+"/.ssh/known_hosts", server.KnownHosts())
	out, err := lab.Client.Command(t.Context(), "ssh", "-o", "BatchMode=yes", "-W", "127.0.0.1:22", "gateway").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "administratively prohibited")
	server.Log.Await(t, "debug1:")
}

func TestKeyOptionsAreApplied(t *testing.T) {
	lab := New(t)
	Require(t, "ssh")
	server := SSHD(t, lab.Gateway, SSHDConfig{})
	server.AuthorizeKey(t, lab.Client.NewKey(t), "restrict", `command="echo forced"`)
	lab.Client.WriteFile(t, Home+"/.ssh/known_hosts", server.KnownHosts())
	assert.Equal(t, "forced\n", lab.Client.Run(t, "ssh", "-o", "BatchMode=yes", "gateway", "echo free"))
}

func TestRootLogsInWithPasswordIfConfigured(t *testing.T) {
	for name, start := range map[string]func(testing.TB, *Host) *SSHServer{
		"sshd": func(t testing.TB, h *Host) *SSHServer {
			return SSHD(t, h, SSHDConfig{Extra: []string{"PasswordAuthentication yes"}})
		},
		"dropbear": func(t testing.TB, h *Host) *SSHServer { return Dropbear(t, h, DropbearConfig{Password: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			lab := New(t)
			Require(t, "ssh")
			server := start(t, lab.Gateway)
			lab.Client.WriteFile(t, Home+"/.ssh/known_hosts", server.KnownHosts())
			lab.Client.WriteFile(t, Home+"/answer", "#!/bin/sh\necho "+Password+"\n")
			require.NoError(t, os.Chmod(lab.Client.Path(Home+"/answer"), 0o700))
			cmd := lab.Client.Command(t.Context(), "ssh", "gateway", "true")
			cmd.Env = append(cmd.Env, "SSH_ASKPASS="+Home+"/answer", "SSH_ASKPASS_REQUIRE=force")
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
}

func TestVSFTPDServesPassiveAndActiveClients(t *testing.T) {
	for name, test := range map[string]struct {
		config VSFTPDConfig
		host   string
	}{
		"IPv4":         {VSFTPDConfig{}, "127.0.0.1"},
		"from port 20": {VSFTPDConfig{Port20: true}, "127.0.0.1"},
		"IPv6":         {VSFTPDConfig{IPv6: true}, "[::1]"},
	} {
		t.Run(name, func(t *testing.T) {
			lab := New(t)
			Require(t, "curl")
			server := VSFTPD(t, lab.Gateway, test.config)
			write(t, filepath.Join(server.Root, "pub", "down"), "hello")
			url := "ftp://" + test.host + "/pub/"

			assert.Equal(t, "hello", lab.Gateway.Run(t, "curl", "-sS", url+"down"))
			assert.Equal(t, "hello", lab.Gateway.Run(t, "curl", "-sS", "--ftp-port", "-", url+"down"))
			lab.Gateway.WriteFile(t, Home+"/up", "there")
			lab.Gateway.Run(t, "curl", "-sS", "-T", Home+"/up", "--ftp-create-dirs", url+"new/up")
			assert.Equal(t, "there", read(t, filepath.Join(server.Root, "pub", "new", "up")))
			server.Log.Await(t, "OK UPLOAD")
			server.Log.Await(t, `"RETR down"`)
		})
	}
}

// The firewall blocks control and data connections, so what a client receives has
// passed through a tunnel.
func TestClientReceivesNothingWithoutTunnel(t *testing.T) {
	lab := New(t)
	Require(t, "curl", "ssh")
	ftp := VSFTPD(t, lab.Gateway, VSFTPDConfig{})
	write(t, filepath.Join(ftp.Root, "pub", "down"), "hello")
	ssh := SSHD(t, lab.Gateway, SSHDConfig{})
	ssh.AuthorizeKey(t, lab.Client.NewKey(t))
	lab.Client.WriteFile(t, Home+"/.ssh/known_hosts", ssh.KnownHosts())

	curl := func(args ...string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		args = append([]string{"-sS", "--max-time", "2"}, args...)
		return lab.Client.Command(ctx, "curl", args...).Run()
	}
	assert.Error(t, curl("ftp://gateway/pub/down"))

	// A plain forward carries the control connection, and no data connection.
	lab.Client.Start(t, lab.Client.Command(context.Background(),
		"ssh", "-o", "BatchMode=yes", "-N", "-L", "2121:127.0.0.1:21", "gateway"))
	waitFor(t, "ssh to listen", func() bool { return len(lab.Client.Listeners(t)) == 2 })
	assert.NoError(t, curl("--head", "ftp://127.0.0.1:2121/pub/down"))
	assert.Error(t, curl("ftp://127.0.0.1:2121/pub/down"))
	assert.Error(t, curl("--ftp-pasv", "--disable-epsv", "--no-ftp-skip-pasv-ip", "ftp://127.0.0.1:2121/pub/down"))
	assert.Error(t, curl("--ftp-port", lab.Client.Addr.String(), "ftp://127.0.0.1:2121/pub/down"))
}

func TestVSFTPDChildrenCanBeKilled(t *testing.T) {
	lab := New(t)
	server := VSFTPD(t, lab.Inner, VSFTPDConfig{Extra: []string{"ftpd_banner=extra"}})
	conn, err := lab.Gateway.DialContext(t.Context(), "tcp", "10.78.0.2:21")
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	greeting := make([]byte, 64)
	n, err := conn.Read(greeting)
	require.NoError(t, err)
	assert.Equal(t, "220 extra\r\n", string(greeting[:n]))

	assert.Positive(t, server.KillChildren(t))
	_, err = conn.Read(greeting)
	assert.Error(t, err)
	server.Restart(t)
	assertOpen(t, lab.Gateway, lab.Inner.Addr, 21)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
