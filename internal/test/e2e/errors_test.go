//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// Each error is one message that tells what to do, and an exit status.
func TestErrorIsReportedOnceWithHint(t *testing.T) {
	const knownHosts = lab.Home + "/.ssh/known_hosts"
	forgetHostKeys := func(s *site) { s.Client.WriteFile(s.t, knownHosts, "") }
	for _, c := range []struct {
		name   string
		sshd   []string
		before func(s *site)
		args   []string
		status int
		stderr []string
	}{
		{"unknown host key", nil, forgetHostKeys,
			[]string{"-o", "StrictHostKeyChecking=yes", "gateway"}, 1,
			[]string{"No ED25519 host key is known for gateway", "error: verify host key", "hint: look at the key and accept it once, at a terminal: ssh"}},
		{"no terminal to ask about a host key", nil, forgetHostKeys,
			[]string{"gateway"}, 1,
			[]string{"error: verify host key", "hint: look at the key", "hint: or accept it when it is first seen: -o StrictHostKeyChecking=accept-new"}},
		{"changed host key", nil,
			func(s *site) {
				other := s.Client.NewKey(s.t)
				s.Client.WriteFile(s.t, knownHosts, "gateway "+authorized(other))
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
			[]string{"error: cannot listen on localhost:2121", "address already in use", "hint: another program uses that port"}},
		{"forwarding forbidden", []string{"AllowTcpForwarding no"}, nil, []string{"run", "gateway", "--", "true"}, 1,
			[]string{"error: the gateway forbids connections to localhost:21", "hint: check AllowTcpForwarding"}},
		{"server not permitted", []string{"PermitOpen other:21"}, nil, []string{"run", "gateway", "--", "true"}, 1,
			[]string{"error: the gateway forbids connections to localhost:21", "PermitOpen localhost:*"}},
		{"server unknown", nil, nil, []string{"run", "gateway", "nowhere.invalid", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to nowhere.invalid:21", "hint: the gateway cannot resolve nowhere.invalid"}},
		{"server out of reach", nil, nil, []string{"run", "gateway", "10.78.0.99", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to 10.78.0.99:21: No route to host", "hint: check that the gateway can reach it; there, try: nc -v 10.78.0.99 21"}},
		{"server down", nil, nil, []string{"run", "gateway", "--", "true"}, 1,
			[]string{"error: the gateway cannot connect to localhost:21: Connection refused", "hint: nothing listens on localhost:21 there"}},
		{"too many log in", []string{"MaxStartups 1:100:1"}, occupy, []string{"gateway"}, 1,
			[]string{`error: handshake root@gateway: answered "Exceeded MaxStartups" instead of an SSH banner`, "hint: too many others"}},
		{"an FTP server instead", nil, nil, []string{"-o", "ProxyCommand=echo 220 ready", "gateway"}, 1,
			[]string{`answered "220 ready"`, "hint: that is an FTP or mail server", " gateway gateway:22"}},
		{"no gateway given", nil, nil, nil, 2, []string{"error: no gateway given", "hint: ftptunnel [user@]gateway"}},
		{"unknown flag", nil, nil, []string{"--frobnicate", "gateway"}, 2, []string{"error: unknown flag: --frobnicate", "hint: "}},
		{"an error in the configuration", nil,
			func(s *site) { s.Client.WriteFile(s.t, lab.Home+"/.ssh/config", "Host *\nFrobnicate yes\n") },
			[]string{"gateway"}, 1, []string{"error: ", "/root/.ssh/config: line 2: Bad configuration option: frobnicate"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			s := throughSSHD(t, c.sshd...)
			if c.before != nil {
				c.before(s)
			}
			r := s.run(binary(t), c.args...)
			assert.Equal(t, c.status, r.status, r.stderr)
			for _, text := range c.stderr {
				assert.Contains(t, r.stderr, text)
			}
			assert.Equal(t, 1, strings.Count("\n"+r.stderr, "\nerror: "), r.stderr)
			assert.Empty(t, r.stdout)
		})
	}
}

// occupy connects to the gateway and does not log in.
func occupy(s *site) {
	_, err := s.dial("10.77.0.2:22").Read(make([]byte, 3))
	require.NoError(s.t, err)
}

// With one gateway, nothing is sent to the FTP server before a client connects. A
// server that is down does not end the program: each client receives a 421.
func TestServerThatIsDownIsReportedToClients(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		p := s.start("gateway")
		assert.NotContains(s.t, p.Stderr.String(), "level=WARN")
		r := s.run("curl", "-sS", here)
		assert.NotZero(s.t, r.status)
		line := p.awaitLog("no connection to the FTP server", attrGateway, "gateway")
		assert.Contains(s.t, line[attrHint], "nothing listens on localhost:21 there")
		s.vsftpd(s.Gateway)
		s.curl(here)
	})
}

// A name that the gateway cannot resolve needs the user: trying again does not help.
func TestServerNameThatDoesNotExistEndsProgramAtFirstClient(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		s.Gateway.WriteFile(s.t, "/etc/nsswitch.conf", "hosts: files\n") // without a name server a name does not exist
		p := s.start("gateway", "nowhere.invalid")
		r := s.run("curl", "-sS", "-v", here)
		assert.NotZero(s.t, r.status)
		assert.Regexp(s.t, "421 the gateway (cannot connect|forbids connections) to nowhere.invalid:21", r.stderr)
		assert.EqualError(s.t, p.Wait(), "exit status 1")
		p.Stderr.Await(s.t, "hint: the gateway cannot resolve nowhere.invalid: give a name")
	})
}

// sshd may permit the control connection and nothing else.
func TestGatewayThatForbidsDataIsReportedToClients(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t, "PermitOpen localhost:21", onlyLocal)
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
