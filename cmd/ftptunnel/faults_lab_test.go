//go:build linux

package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ftptunnel/internal/lab"
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

func TestAKilledGatewayIsAnErrorAndNotTheEndOfTheFile(t *testing.T) {
	lab.Require(t, "curl")
	for _, upload := range []bool{false, true} {
		throughEach(t, func(s *site) {
			ftp := s.vsftpd(s.Gateway)
			p := s.start("gateway")
			transfer := s.slowly(ftp, upload)
			s.ssh.Kill()
			assert.Positive(s.t, s.ssh.KillSessions(s.t))
			assert.Error(s.t, transfer.Wait(), "the client must not take a part for the whole")
			p.Stderr.Await(s.t, "connection lost")
			p.Stderr.Await(s.t, "result=failed")
			s.ssh.Restart(s.t)
			// Without restarting the program: the listener is still there, and
			// a client that comes while it reconnects waits.
			s.succeeds("curl", "-sS", here+"/pub/")
		})
	}
}

func TestAFrozenGatewayIsNoticedInTime(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "gateway")
		transfer := s.slowly(ftp, false)
		frozen := time.Now()
		assert.Positive(s.t, s.ssh.StopSessions())
		p.Stderr.Await(s.t, "connection lost")
		// What was on its way may be read for a moment more; and this machine may
		// be busy.
		noticed := time.Since(frozen)
		assert.Less(s.t, noticed, 10*time.Second)
		assert.GreaterOrEqual(s.t, noticed, 2*time.Second)
		s.t.Logf("noticed after %v", noticed.Round(time.Millisecond))
		assert.Error(s.t, transfer.Wait())
		s.succeeds("curl", "-sS", here+"/pub/") // through a new session
		s.ssh.ContSessions()
	})
}

// sshd may close connections that carry nothing. That is no fault.
func TestAGatewayThatClosesUnusedConnectionsServesTheNextClient(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "UnusedConnectionTimeout 2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	for range 3 {
		p.Stderr.Await(t, "connection lost")
		s.succeeds("curl", "-sS", "--max-time", "20", here+"/pub/")
	}
}

// A laptop that sleeps hears nothing of what becomes of its connection, and
// finds its clock ahead when it wakes.
func TestAProgramThatHasSleptServesTheNextClient(t *testing.T) {
	lab.Require(t, "curl")
	for name, meanwhile := range map[string]func(s *site){
		"and its connection lives":    func(*site) {},
		"and its connection has died": func(s *site) { assert.Positive(s.t, s.ssh.KillSessions(s.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := throughSSHD(t)
			s.vsftpd(s.Gateway)
			p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "gateway")
			s.succeeds("curl", "-sS", here)
			require.NoError(t, p.Signal(syscall.SIGSTOP))
			s.Gateway.Cut(t)
			meanwhile(s)
			<-time.After(4 * time.Second) // longer than a dead connection takes to be known
			s.Gateway.Mend(t)
			require.NoError(t, p.Signal(syscall.SIGCONT))
			s.succeeds("curl", "-sS", "--max-time", "20", here)
		})
	}
}

// And it may close a connection in it that is idle, as a control connection is
// while its data moves.
func TestAControlConnectionThatTheGatewayEndsIsExplained(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "ChannelTimeout direct-tcpip=2")
	s.vsftpd(s.Gateway)
	p := s.start("gateway")
	c, err := s.login()
	require.NoError(t, err)
	_, err = c.ReadLine()
	assert.ErrorIs(t, err, io.EOF)
	p.Stderr.Await(t, "the control connection ended without a word")
	p.Stderr.Await(t, "ChannelTimeout")
	s.succeeds("curl", "-sS", here)
}

func TestAGatewayThatComesBackServesTheNextClientAtOnce(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	s.vsftpd(s.Gateway)
	p := s.start("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=3", "gateway")
	s.succeeds("curl", "-sS", here)
	s.Gateway.Cut(t)
	p.Stderr.Await(t, "connection lost")
	p.Stderr.Await(t, "cannot connect")
	s.Gateway.Mend(t)
	began := time.Now()
	s.succeeds("curl", "-sS", "--max-time", "25", here)
	t.Logf("served %v after the gateway was back", time.Since(began).Round(time.Millisecond))
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

func TestTheProgramStopsOnASignalAndClosesEverything(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		assert.Equal(s.t, "ftp://127.0.0.1:2121\n", p.Stdout.String(), "and nothing else")
		transfer := s.slowly(ftp, false)
		active, err := s.login()
		require.NoError(s.t, err)
		_, err = active.command(200, "EPRT |1|127.0.0.1|40000|")
		require.NoError(s.t, err)
		assert.Positive(s.t, s.forwards())
		require.NoError(s.t, p.Signal(os.Interrupt))
		p.Stderr.Await(s.t, "stopping")
		require.NoError(s.t, p.Signal(os.Interrupt))
		assert.NoError(s.t, p.Wait(), "status 0")
		assert.Error(s.t, transfer.Wait(), "a part is not the whole")
		eventually(s.t, "nothing listens, here or there", func() bool { return len(s.Client.Listeners(s.t))+s.forwards() == 0 })
	})
}

func TestAStoppedProgramLetsTransfersEnd(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		p := s.start("gateway")
		idle, err := s.login()
		require.NoError(s.t, err)
		transfer := s.atOneMegabyte(ftp, true, 4_000_000)
		require.NoError(s.t, p.Signal(syscall.SIGTERM))
		_, text, err := idle.ReadResponse(421)
		assert.NoError(s.t, err, text)
		assert.NotZero(s.t, s.run("curl", "-sS", here).status, "nobody else is let in")
		assert.NoError(s.t, transfer.Wait())
		assert.NoError(s.t, p.Wait(), "status 0")
	})
}

func TestAStoppedProgramLetsTransfersGoOnForSoLongAndNoLonger(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("--drain-timeout=1s", "gateway")
	transfer := s.slowly(ftp, false)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	assert.NoError(t, p.Wait(), "status 0")
	assert.Error(t, transfer.Wait(), "a part is not the whole")
	assert.Contains(t, p.Stderr.String(), "result=failed")
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
