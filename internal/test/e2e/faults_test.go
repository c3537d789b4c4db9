//go:build linux

package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// slowly starts a curl that would take half a minute, and waits until it has
// moved something.
func (s *site) slowly(ftp *lab.FTPServer, upload bool) *lab.Process {
	s.t.Helper()
	return s.atOneMegabyte(ftp, upload, 30_000_000)
}

// atOneMegabyte starts a curl that moves so many bytes, a megabyte each second,
// and waits until it has moved something.
func (s *site) atOneMegabyte(ftp *lab.FTPServer, upload bool, size int64) *lab.Process {
	s.t.Helper()
	file, _ := s.file("big", size)
	args := []string{"-sS", "--limit-rate", "1M", "-o", lab.Home + "/got", here + "/pub/big"}
	watched := s.Client.Path(lab.Home + "/got")
	if upload {
		args = []string{"-sS", "--limit-rate", "1M", "-T", file, here + "/pub/sent"}
		watched = filepath.Join(ftp.Root, "pub", "sent")
	} else {
		data, err := os.ReadFile(s.Client.Path(file))
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(ftp.Root, "pub", "big"), data, 0o644))
	}
	p := s.Client.Start(s.t, s.Client.Command(context.Background(), "curl", args...))
	eventually(s.t, "the transfer has begun", func() bool {
		info, err := os.Stat(watched)
		return err == nil && info.Size() > 500_000
	})
	return p
}

func TestAKilledClientLeavesNothingBehind(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("gateway")
	s.succeeds("curl", "-sS", here+"/pub/")
	descriptors := p.Descriptors(t)
	s.slowly(ftp, true).Kill()
	s.slowly(ftp, false).Kill()
	s.nothingLeft(p, descriptors)
}

// Each thing that can go wrong gets one message that says what to do, and the
// exit status that scripts can tell it by.
func TestWhatGoesWrongIsSaidOnceWithAdvice(t *testing.T) {
	cases := []struct {
		name   string
		sshd   []string
		before func(s *site)
		args   []string
		status int
		says   []string
	}{
		{"unknown host key", nil,
			func(s *site) { s.Client.WriteFile(s.t, lab.Home+"/.ssh/known_hosts", "") },
			[]string{"-o", "StrictHostKeyChecking=yes", "gateway"}, 1,
			[]string{"No ED25519 host key is known for gateway", "error: verify host key", "hint: look at the key and accept it once, at a terminal: ssh"}},
		{"nobody to ask about a host key", nil,
			func(s *site) { s.Client.WriteFile(s.t, lab.Home+"/.ssh/known_hosts", "") },
			[]string{"gateway"}, 1,
			[]string{"error: verify host key", "hint: look at the key", "hint: or trust it on first sight: -o StrictHostKeyChecking=accept-new"}},
		{"changed host key", nil,
			func(s *site) {
				other := s.Client.NewKey(s.t)
				s.Client.WriteFile(s.t, lab.Home+"/.ssh/known_hosts", "gateway "+authorized(other))
			},
			[]string{"gateway"}, 1,
			[]string{"REMOTE HOST IDENTIFICATION HAS CHANGED", "/root/.ssh/known_hosts:1", "error: verify host key", "hint: if the key was changed on purpose, remove the old one: ssh-keygen -R"}},
		{"no key accepted", nil,
			func(s *site) { s.Client.NewKey(s.t) },
			[]string{"gateway"}, 1,
			[]string{"error: authenticate root@gateway: Permission denied (publickey)", "hint: tried: /root/.ssh/id_ed25519"}},
		{"gateway down", nil, func(s *site) { s.ssh.Kill() }, []string{"gateway"}, 1,
			[]string{"error: dial root@gateway", "connection refused", "hint: no SSH server listens on gateway:22"}},
		{"gateway out of reach", nil, func(s *site) { s.Gateway.Cut(s.t) }, []string{"-o", "ConnectTimeout=1", "gateway"}, 1,
			[]string{"error: dial root@gateway", "hint: gateway:22 cannot be reached from here"}},
		{"no such gateway", nil, nil, []string{"nowhere.invalid"}, 1,
			[]string{"error: dial root@nowhere.invalid", "hint: check the name"}},
		{"port in use", nil,
			func(s *site) { s.start("-L", "2121:localhost:21", "gateway") },
			[]string{"gateway"}, 1,
			[]string{"error: cannot listen on 127.0.0.1:2121", "address already in use", "hint: another program has that port"}},
		{"forwarding forbidden", []string{"AllowTcpForwarding no"}, nil, []string{"gateway"}, 1,
			[]string{"error: the gateway forbids connections to localhost:21", "hint: in the sshd_config of the gateway see AllowTcpForwarding"}},
		{"target not permitted", []string{"PermitOpen other:21"}, nil, []string{"gateway"}, 1,
			[]string{"error: the gateway forbids connections to localhost:21", "PermitOpen localhost:*"}},
		{"target unknown", nil, nil, []string{"run", "gateway", "nowhere.invalid", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to nowhere.invalid:21", "hint: the gateway does not know the name nowhere.invalid"}},
		{"target out of reach", nil, nil, []string{"run", "gateway", "10.78.0.99", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to 10.78.0.99:21: No route to host", "hint: can the gateway reach it? from there: nc -v 10.78.0.99 21"}},
		{"target closed", nil, nil, []string{"run", "gateway", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to localhost:21: Connection refused", "hint: nothing listens on localhost:21 there"}},
		{"too many log in", []string{"MaxStartups 1:100:1"}, occupy, []string{"gateway"}, 1,
			[]string{`error: handshake root@gateway: answered "Exceeded MaxStartups" instead of an SSH banner`, "hint: too many others"}},
		{"an FTP server instead", nil, nil, []string{"-o", "ProxyCommand=echo 220 ready", "gateway"}, 1,
			[]string{`answered "220 ready"`, "hint: that is an FTP or mail server", "ftptunnel gateway gateway:22"}},
		{"no gateway given", nil, nil, nil, 2, []string{"error: no gateway given", "hint: ftptunnel [user@]gateway"}},
		{"unknown flag", nil, nil, []string{"--frobnicate", "gateway"}, 2, []string{"error: unknown flag: --frobnicate", "hint: "}},
		{"an error in the configuration", nil,
			func(s *site) { s.Client.WriteFile(s.t, lab.Home+"/.ssh/config", "Host *\nFrobnicate yes\n") },
			[]string{"gateway"}, 1, []string{"error: ", "/root/.ssh/config: line 2: Bad configuration option: frobnicate"}},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			s := throughSSHD(t, c.sshd...)
			if c.before != nil {
				c.before(s)
			}
			r := s.run(binary(t), c.args...)
			assert.Equal(t, c.status, r.status, r.stderr)
			for _, says := range c.says {
				assert.Contains(t, r.stderr, says)
			}
			assert.Equal(t, 1, strings.Count("\n"+r.stderr, "\nerror: "), r.stderr)
			assert.Empty(t, r.stdout)
		})
	}
}

// occupy is somebody who connects and does not log in.
func occupy(s *site) {
	conn, err := s.Client.DialContext(s.t.Context(), "tcp", "10.77.0.2:22")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Read(make([]byte, 3))
	require.NoError(s.t, err)
}

// What time can mend does not end the program: its clients are told, and it
// says so in its log.
func TestAServerThatIsDownIsToldToClients(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		p := s.start("gateway")
		p.Stderr.Await(s.t, "the FTP server does not answer yet")
		p.Stderr.Await(s.t, "nothing listens on localhost:21 there")
		r := s.run("curl", "-sS", here)
		assert.NotZero(s.t, r.status)
		p.Stderr.Await(s.t, "no connection to the FTP server")
		s.vsftpd(s.Gateway)
		s.succeeds("curl", "-sS", here)
	})
}

// sshd may permit the control connection only, and no listening.
func TestAGatewayThatForbidsDataIsToldToClients(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "PermitOpen localhost:21", "AllowTcpForwarding local")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	r := s.run("curl", "-sS", "-v", "-P", "-", here)
	assert.Equal(t, 30, r.status)
	assert.Contains(t, r.stderr, "425 PORT refused: the gateway refuses to listen on 127.0.0.1:0; ")
	assert.Contains(t, r.stderr, "the gateway forbids connections to localhost:")
	p.Stderr.Await(t, "PermitListen")
	r = s.run("curl", "-sS", "--max-time", "20", here)
	assert.NotZero(t, r.status)
	p.Stderr.Await(t, "PermitOpen localhost:*")
}

func TestAnUploadThatIsResetIsNotConfirmed(t *testing.T) {
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		p := s.start("gateway")
		c, err := s.login()
		require.NoError(s.t, err)
		text, err := c.command(229, "EPSV")
		require.NoError(s.t, err)
		data, err := s.Client.DialContext(s.t.Context(), "tcp", "127.0.0.1:"+strings.Trim(text[strings.Index(text, "(|||"):], "(|)."))
		require.NoError(s.t, err)
		_, err = c.command(150, "STOR pub/half")
		require.NoError(s.t, err)
		_, err = data.Write(make([]byte, 100_000))
		require.NoError(s.t, err)
		require.NoError(s.t, data.(*net.TCPConn).SetLinger(0))
		require.NoError(s.t, data.Close())
		require.NoError(s.t, c.PrintfLine("NOOP"))
		_, text, err = c.ReadResponse(426)
		require.NoError(s.t, err)
		assert.Contains(s.t, text, "the file on the server is not complete")
		_, _, err = c.ReadResponse(200)
		require.NoError(s.t, err)
		p.Stderr.Await(s.t, "result=failed command=STOR file=pub/half")
		p.Stderr.Await(s.t, "leg=client")

		got, err := c.downloadActive("pub/half") // and the session is of use
		require.NoError(s.t, err)
		assert.NotEmpty(s.t, got)
	})
}

func TestAKilledFTPServerIsAnErrorForTheClient(t *testing.T) {
	lab.Require(t, "curl")
	for _, upload := range []bool{false, true} {
		throughEach(t, func(s *site) {
			ftp := s.vsftpd(s.Gateway)
			p := s.start("gateway")
			transfer := s.slowly(ftp, upload)
			assert.Positive(s.t, ftp.KillChildren(s.t))
			assert.Error(s.t, transfer.Wait())
			p.Stderr.Await(s.t, "result=failed")
			s.succeeds("curl", "-sS", here+"/pub/")
		})
	}
}
