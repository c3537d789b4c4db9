package tunnel

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// expansion returns an expander for bob@foo, which is h.example:7.
func expansion(t *testing.T, more ...string) *expander {
	s := parseSettings("hostname h.example\nport 7\nuser bob\n" + strings.Join(more, "\n"))
	e, err := newExpander(s, "foo")
	require.NoError(t, err)
	return e
}

func TestExpansion(t *testing.T) {
	t.Setenv("EXPANSION", "%h~")
	me, err := user.Current()
	require.NoError(t, err)
	for s, want := range map[string]string{
		"/a": "/a", "none": "", "None": "", "": "", "a b": "a b", "~": me.HomeDir, "~/a": filepath.Join(me.HomeDir, "a"), "/~": "/~", "a$b": "a$b",
		"%h:%p:%r:%n": "h.example:7:bob:foo", "%k": "foo", "%d": me.HomeDir, "%u %i": me.Username + " " + me.Uid, "100%%h": "100%h",
		"${EXPANSION}/%p": "%h~/7", "/x${EXPANSION}": "/x%h~", "%j.": ".", "~" + me.Username + "/a": filepath.Join(me.HomeDir, "a"),
	} {
		e := expansion(t)
		assert.Equal(t, want, e.path(s), s)
		assert.NoError(t, e.err, s)
	}
	for s, why := range map[string]string{
		"%z": "unknown token %z", "a%": "at the end", "${EXPANSION": "no end", "${NOT_SET_ANYWHERE}": "NOT_SET_ANYWHERE is not set", "~no-such-user-here/a": "no-such-user-here",
	} {
		e := expansion(t)
		e.path(s)
		assert.ErrorContains(t, e.err, why, s)
	}
	e := expansion(t, "hostkeyalias key", "proxyjump a,bob@b:7")
	assert.Equal(t, "key b", e.path("%k %j"))
	assert.Empty(t, expansion(t, "proxyjump none").path("%j"))
}

func TestTokensOfAJump(t *testing.T) {
	e := expansion(t)
	jump, err := e.proxy("%r@gw-%h:%p,%n%%")
	require.NoError(t, err)
	assert.Equal(t, "bob@gw-h.example:7,foo%", jump)
	_, err = e.proxy("%d")
	assert.ErrorContains(t, err, "unknown token %d")
}

// ssh prints a ControlPath expanded, and it has all the tokens of a key's file.
func TestTokensAreThoseOfSSH(t *testing.T) {
	program := needSSH(t)
	file := reading{config: "Host FOO\n HostName H.Example\n Port 7\n User bob\nHost key\n HostKeyAlias Alias\n"}.write(t)
	for _, host := range []string{"FOO", "key", "127.0.0.1"} {
		for token := range expansion(t).tokens {
			s := "/x%" + string(token)
			out, err := exec.Command(program, "-G", "-F", file, "-o", "ControlPath="+s, host).Output()
			if err != nil {
				assert.Equal(t, byte('j'), token, "the only one that is not in every version: %v", err)
				continue
			}
			printed := parseSettings(string(out))
			e, err := newExpander(printed, host)
			require.NoError(t, err)
			assert.Equal(t, printed.last("controlpath"), e.path(s), s)
		}
	}
}

func TestFilesThatSSHHasExpandedAreNotExpandedAgain(t *testing.T) {
	program := needSSH(t)
	me, err := user.Current()
	require.NoError(t, err)
	file := reading{config: "UserKnownHostsFile \"~/kh %% x\" ~/%%h\nGlobalKnownHostsFile /%h\nIdentityAgent ~/%%n\n"}.write(t)
	hops, err := Resolve(t.Context(), "foo", Options{SSH: program, ConfigFile: file})
	require.NoError(t, err)
	assert.Equal(t, []string{me.HomeDir + "/kh % x", me.HomeDir + "/%h"}, hops[0].UserKnownHostsFiles)
	assert.Equal(t, []string{"/%h"}, hops[0].GlobalKnownHostsFiles, "these have no tokens")
	assert.Equal(t, me.HomeDir+"/%n", hops[0].IdentityAgent)
}

func TestSplitFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"a b", "two  blanks", "c"} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for s, want := range map[string][]string{
		"": nil, "none": nil, "None": nil, "/dev/null": {"/dev/null"},
		in("a b") + " " + in("c"):               {in("a b"), in("c")},
		in("c") + " " + in("a b"):               {in("c"), in("a b")},
		in("two  blanks") + " " + in("x"):       {in("two  blanks"), in("x")},
		in("not there") + " " + in("c") + " /x": {in("not there"), in("c"), "/x"},
		"a b c":                                 {"a b", "c"},
		"x y":                                   {"x", "y"},
		in(".ssh/known_hosts") + " " + in("x y z/kh2"): {in(".ssh/known_hosts"), in("x y z/kh2")},
	} {
		if filepath.Separator == '/' || !strings.Contains(s, "/") {
			assert.Equal(t, want, splitFiles(s), s)
		}
	}
}

func TestAgentSocket(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "/usual")
	t.Setenv("OTHER", "/other")
	for s, want := range map[string]string{"": "/usual", "SSH_AUTH_SOCK": "/usual", "none": "", "NONE": "", "$OTHER": "/other", "$NOT_SET_ANYWHERE": "", "/a b": "/a b"} {
		assert.Equal(t, want, agentSocket(s), s)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	assert.Equal(t, defaultAgent, agentSocket(""))
	assert.Empty(t, agentSocket("SSH_AUTH_SOCK"))
}

func TestPolicy(t *testing.T) {
	for s, want := range map[string]string{
		"": "ask", "ask": "ask", "Ask": "ask", "true": "yes", "yes": "yes", "false": "no", "off": "no", "no": "no", "accept-new": "accept-new",
	} {
		assert.Equal(t, want, policy(s), s)
	}
}

func TestSettingsMakeAHop(t *testing.T) {
	file := reading{config: `
HostName h.example
User bob
Port 7
AddressFamily INET
BindAddress 127.0.0.2
ConnectTimeout 5
HostKeyAlias Alias
HostKeyAlgorithms ssh-ed25519,rsa-sha2-256
UserKnownHostsFile /k1 /k2
GlobalKnownHostsFile none
StrictHostKeyChecking OFF
HashKnownHosts TRUE
IdentityFile /i/%k
IdentitiesOnly Yes
IdentityAgent /a
PreferredAuthentications password
PubkeyAuthentication No
PasswordAuthentication False
KbdInteractiveAuthentication NO
NumberOfPasswordPrompts 1
BatchMode True
ServerAliveInterval 30
ServerAliveCountMax 4
`}.write(t)
	for _, ssh := range programs(t) {
		hops, err := Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: file})
		require.NoError(t, err)
		assert.Equal(t, []Hop{{
			Alias: "foo", HostName: "h.example", Port: 7, User: "bob", AddressFamily: "inet", BindAddress: "127.0.0.2", ConnectTimeout: 5 * time.Second,
			HostKeyAlias: "alias", HostKeyAlgorithms: []string{"ssh-ed25519", "rsa-sha2-256"}, UserKnownHostsFiles: []string{"/k1", "/k2"},
			StrictHostKeyChecking: "no", HashKnownHosts: true, IdentityFiles: []string{"/i/alias"}, IdentityFilesSet: true, IdentitiesOnly: true,
			IdentityAgent: "/a", PreferredAuthentications: []string{"password"}, NumberOfPasswordPrompts: 1, BatchMode: true,
			ServerAliveInterval: 30 * time.Second, ServerAliveCountMax: 4,
		}}, hops, ssh)
	}
}
