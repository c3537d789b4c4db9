package sshconfig

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/ftptunnel/tunnel"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readers returns the values of Options.SSH for each reader that this machine
// has.
func readers() map[string]string {
	readers := map[string]string{"built-in": "none"}
	if hasSSH() {
		readers["ssh"] = ""
	}
	return readers
}

func hasSSH() bool {
	out, _ := exec.Command("ssh", "-V").CombinedOutput()
	return strings.Contains(string(out), "OpenSSH")
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// route returns the users and addresses of hops, in order.
func route(hops []tunnel.Hop) string {
	var parts []string
	for _, h := range hops {
		parts = append(parts, h.User+"@"+h.Addr())
	}
	return strings.Join(parts, " ")
}

func TestResolveReturnsTheJumpHostsThatSSHUses(t *testing.T) {
	config := writeConfig(t, `
Host target
  HostName target.example
  ProxyJump inner
Host inner
  ProxyJump outer
  Port 2201
Host outer
  HostName 192.0.2.1
Host direct
  ProxyJump none
Host numbered
  ProxyJump me@[2001:db8::7]:2207
Host named
  HostName n.example
  ProxyJump gate-%h
Host *
  User common
`)
	const outer, inner, target = "common@192.0.2.1:22", "common@inner:2201", "common@target.example:22"
	for _, c := range []struct {
		name, destination string
		opts              Options
		want              string
	}{
		{"each hop has its own ProxyJump", "target", Options{}, outer + " " + inner + " " + target},
		{"-J overrides ProxyJump", "target", Options{Jump: "other"}, "common@other:22 " + target},
		{"-J none overrides ProxyJump", "target", Options{Jump: "none"}, target},
		{"-o ProxyJump=none overrides ProxyJump", "target", Options{Settings: []string{"ProxyJump=none"}}, target},
		{"the files decide how to reach only the first of a list", "target", Options{Jump: "direct,inner"}, "common@direct:22 " + inner + " " + target},
		{"the first of a list has its own jump hosts", "target", Options{Jump: "inner,direct"}, outer + " " + inner + " common@direct:22 " + target},
		{"user and port of a jump host", "direct", Options{Jump: "a@b:2,ssh://c@d:4"}, "a@b:2 c@d:4 common@direct:22"},
		{"IPv6 jump host", "numbered", Options{}, "me@[2001:db8::7]:2207 common@numbered:22"},
		{"tokens in ProxyJump", "named", Options{}, "common@gate-n.example:22 common@n.example:22"},
		{
			"options apply to the destination only", "target",
			Options{User: "u", Port: 99, Settings: []string{"HostKeyAlias=x"}, Jump: "direct"},
			"common@direct:22 u@target.example:99",
		},
		{"the user of -l overrides that of the destination", "a@direct", Options{User: "b"}, "b@direct:22"},
		{"the user of -o overrides that of the destination", "a@direct", Options{Settings: []string{"User=b"}}, "b@direct:22"},
		{"the user of the destination overrides that of the file", "a@direct", Options{}, "a@direct:22"},
		{"port of a URI", "ssh://a@direct:2222/", Options{}, "a@direct:2222"},
		{"-o Port overrides the port of a URI", "ssh://a@direct:2222", Options{Settings: []string{"Port 3"}}, "a@direct:3"},
		{"bracketed address", "[2001:db8::1]", Options{}, "common@[2001:db8::1]:22"},
		{"upper case", "DIRECT.Example", Options{}, "common@direct.example:22"},
	} {
		for name, ssh := range readers() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				c.opts.ConfigFile, c.opts.SSH = config, ssh
				hops, err := Resolve(t.Context(), c.destination, c.opts)
				require.NoError(t, err)
				assert.Equal(t, c.want, route(hops))
				if c.opts.Settings != nil && c.opts.Jump != "" {
					assert.Empty(t, hops[0].HostKeyAlias)
					assert.Equal(t, "x", hops[1].HostKeyAlias)
				}
			})
		}
	}
}

func TestResolveRejectsProxyJumpLoops(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"itself", "Host *\nProxyJump gate\n", "jumphost loop via gate"},
		{"each other", "Host a\nProxyJump b\nHost b\nProxyJump a\n", "ProxyJump loop: a, b, a"},
		{"growing chain", "Host *\nProxyJump x%h\n", "more than 16 hops: a, xa, xxa, xxxa"},
	} {
		for name, ssh := range readers() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				_, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, c.text), SSH: ssh})
				var config *Error
				require.ErrorAs(t, err, &config)
				assert.Contains(t, config.Text, c.want)
				assert.LessOrEqual(t, strings.Count(config.Text, ", "), 16)
			})
		}
	}
}

func TestResolveRejectsWhatItCannotHonour(t *testing.T) {
	for text, want := range map[string]string{
		"ProxyCommand nc\nProxyUseFdpass yes": "ProxyUseFdpass",
		"ProxyCommand -":                      "ProxyCommand -",
		"ProxyCommand nc %k":                  "unknown token %k",
		"KnownHostsCommand relative":          "KnownHostsCommand",
		"KnownHostsCommand /bin/k %Q":         "unknown token",
		"MACs umac-64@openssh.com":            "umac-64@openssh.com",
	} {
		for name, ssh := range readers() {
			t.Run(text+"/"+name, func(t *testing.T) {
				_, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, text), SSH: ssh})
				var config *Error
				require.ErrorAs(t, err, &config)
				assert.Contains(t, config.Text, want)
			})
		}
	}
}

func TestResolveAcceptsNoneForUnsupportedKeywords(t *testing.T) {
	config := writeConfig(t, "ProxyCommand none\nKnownHostsCommand none\nRevokedHostKeys none\nIdentityFile none\n")
	for name, ssh := range readers() {
		t.Run(name, func(t *testing.T) {
			hops, err := Resolve(t.Context(), "a", Options{ConfigFile: config, SSH: ssh})
			require.NoError(t, err)
			assert.Empty(t, hops[0].IdentityFiles)
			assert.True(t, hops[0].IdentityFilesSet)
		})
	}
}

func TestResolveSetsEveryFieldOfHop(t *testing.T) {
	key := writeConfig(t, "-----BEGIN OPENSSH PRIVATE KEY-----\n")
	config := writeConfig(t, `
Host alias
  HostName name.example
  Port 2222
  User me
  AddressFamily inet
  BindAddress 192.0.2.9
  ProxyCommand nc -X "5 %%" %r@%h %p '%n'
  CertificateFile ~/c1-%n
  CertificateFile /c2
  BindInterface lo
  ConnectTimeout 7
  HostKeyAlias known
  HostKeyAlgorithms rsa-sha2-512,ssh-ed25519
  Ciphers aes128-ctr
  KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256
  MACs hmac-sha1
  PubkeyAcceptedAlgorithms ssh-rsa,rsa-sha2-256-cert-v01@openssh.com
  CASignatureAlgorithms ssh-ed25519
  RequiredRSASize 3000
  RevokedHostKeys ~/revoked
  KnownHostsCommand /bin/k %% %H %h ${PERCENT}
  UserKnownHostsFile ~/kh-%k /tmp/kh2
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking off
  HashKnownHosts yes
  IdentityFile ~/%r-%h
  IdentitiesOnly true
  IdentityAgent /run/%i/agent
  PreferredAuthentications password,publickey
  PubkeyAuthentication no
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  NumberOfPasswordPrompts 1
  BatchMode yes
  ServerAliveInterval 5
  ServerAliveCountMax 2
`)
	t.Setenv("PERCENT", "%H")
	local, err := thisAccount()
	require.NoError(t, err)
	want := tunnel.Hop{
		Alias: "alias", HostName: "name.example", Port: 2222, User: "me",
		AddressFamily: "inet6", BindAddress: "192.0.2.9", ProxyCommand: `nc -X "5 %" me@name.example 2222 'alias'`, ConnectTimeout: 7 * time.Second,
		HostKeyAlias: "known", HostKeyAlgorithms: []string{"rsa-sha2-512", "ssh-ed25519"},
		Ciphers: []string{"aes128-ctr"}, KexAlgorithms: []string{"diffie-hellman-group1-sha1", "curve25519-sha256"}, MACs: []string{"hmac-sha1"},
		PubkeyAcceptedAlgorithms: []string{"ssh-rsa", "rsa-sha2-256-cert-v01@openssh.com"},
		CASignatureAlgorithms:    []string{"ssh-ed25519"}, RequiredRSASize: 3000, BindInterface: "lo",
		RevokedHostKeysFiles:  []string{filepath.Join(local.home, "revoked")},
		KnownHostsCommand:     []string{"/bin/k", "%%", "%H", "name.example", "%%H"},
		UserKnownHostsFiles:   []string{filepath.Join(local.home, "kh-known"), "/tmp/kh2"},
		GlobalKnownHostsFiles: []string{"/dev/null"},
		StrictHostKeyChecking: "no", HashKnownHosts: true,
		IdentityFiles: []string{key, filepath.Join(local.home, "me-name.example")}, IdentityFilesSet: true,
		CertificateFiles: []string{filepath.Join(local.home, "c1-alias"), "/c2"},
		IdentitiesOnly:   true, IdentityAgent: "/run/" + local.uid + "/agent",
		PreferredAuthentications: []string{"password", "publickey"},
		NumberOfPasswordPrompts:  1, BatchMode: true,
		ServerAliveInterval: 5 * time.Second, ServerAliveCountMax: 2,
	}
	for name, ssh := range readers() {
		t.Run(name, func(t *testing.T) {
			hops, err := Resolve(t.Context(), "alias", Options{ConfigFile: config, IdentityFiles: []string{key}, AddressFamily: "inet6", SSH: ssh})
			require.NoError(t, err)
			assert.Equal(t, []tunnel.Hop{want}, hops)
		})
	}
}

func TestResolveReturnsDefaultsWithoutConfiguration(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "/run/a")
	for name, ssh := range readers() {
		t.Run(name, func(t *testing.T) {
			hops, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", SSH: ssh})
			require.NoError(t, err)
			h := hops[0]
			assert.Empty(t, slices.Concat(h.HostKeyAlgorithms, h.CASignatureAlgorithms))
			assert.Equal(t, 1024, h.RequiredRSASize)
			assert.False(t, h.IdentityFilesSet)
			assert.True(t, slices.ContainsFunc(h.IdentityFiles, func(f string) bool { return filepath.Base(f) == "id_ed25519" }))
			assert.Equal(t, "/run/a", h.IdentityAgent)
			assert.Equal(t, "ask", h.StrictHostKeyChecking)
			assert.True(t, h.PubkeyAuthentication && h.PasswordAuthentication && h.KbdInteractive)
			assert.Equal(t, []int{3, 3, 22}, []int{h.NumberOfPasswordPrompts, h.ServerAliveCountMax, h.Port})
			assert.Zero(t, h.ServerAliveInterval)
			assert.Len(t, h.UserKnownHostsFiles, 2)
			assert.Len(t, h.GlobalKnownHostsFiles, 2)
		})
	}
}

func TestResolveRejectsMissingIdentityFileOfCommandLine(t *testing.T) {
	_, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", IdentityFiles: []string{filepath.Join(t.TempDir(), "id")}})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestResolveRejectsMissingConfigFileOfCommandLine(t *testing.T) {
	for name, ssh := range readers() {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(t.Context(), "a", Options{ConfigFile: filepath.Join(t.TempDir(), "config"), SSH: ssh})
			assert.ErrorAs(t, err, new(*Error))
		})
	}
}

func TestResolveStopsWhenContextIsCancelled(t *testing.T) {
	if !hasSSH() {
		t.Skip("no ssh")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Resolve(ctx, "a", Options{ConfigFile: "none"})
	assert.ErrorIs(t, err, context.Canceled)
}
