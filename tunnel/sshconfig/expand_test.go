package sshconfig

import (
	"os/user"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpandFileExpandsTildeTokensAndVariables(t *testing.T) {
	t.Setenv("FOLDER", "f%h")
	local := account{home: "/home/me", name: "me", uid: "1000", hostname: "here.example"}
	tokens := local.tokens("alias", settings{"hostname": {"there"}, "port": {"2222"}, "user": {"you"}, "proxyjump": {"a,u@gate:3"}})
	for in, want := range map[string]string{
		"/a/b":              "/a/b",
		"~":                 "/home/me",
		"~/.ssh/id":         "/home/me/.ssh/id",
		"a~":                "a~",
		"%d/%h-%i-%j-%k":    "/home/me/there-1000-gate-alias",
		"%l %L %n %p %r %u": "here.example here alias 2222 you me",
		"100%%":             "100%",
		"%%h":               "%h",
		"${FOLDER}/x":       "f%h/x",
		"$FOLDER":           "$FOLDER",
	} {
		got, err := local.expandFile(in, tokens)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{"%x", "a%", "${NOT_SET_ANYWHERE}", "${FOLDER", "~nobody-of-this-name/x"} {
		_, err := local.expandFile(in, tokens)
		assert.Error(t, err, in)
	}
}

func TestHashTokenAgreesWithSSH(t *testing.T) {
	if !hasSSH() {
		t.Skip("no ssh")
	}
	local, err := thisAccount()
	require.NoError(t, err)
	s, err := runSSHG(t.Context(), "ssh", target{host: "a"}, Options{ConfigFile: "none", Settings: []string{"UserKnownHostsFile=/x/%C"}})
	require.NoError(t, err)
	assert.Equal(t, s.first("userknownhostsfile"), "/x/"+local.tokens("a", s)['C'])
}

func TestHomeComesFromThePasswordDatabase(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	u, err := user.Current()
	require.NoError(t, err)
	for name, ssh := range readers() {
		hops, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", SSH: ssh})
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(u.HomeDir, ".ssh", "known_hosts"), hops[0].UserKnownHostsFiles[0], name)
		assert.Equal(t, filepath.Join(u.HomeDir, ".ssh", "id_rsa"), hops[0].IdentityFiles[0], name)
	}
}

func TestIdentityAgentNamesTheSocket(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "/run/default")
	t.Setenv("OTHER", "/run/other")
	home, err := thisAccount()
	require.NoError(t, err)
	for value, want := range map[string]string{
		"":                "/run/default",
		"none":            "",
		"SSH_AUTH_SOCK":   "/run/default",
		"$OTHER":          "/run/other",
		"${OTHER}.sock":   "/run/other.sock",
		"$NOT_SET_AT_ALL": "",
		"~/agent-%h":      filepath.Join(home.home, "agent-a"),
		"/run/agent":      "/run/agent",
	} {
		opts := Options{ConfigFile: "none"}
		if value != "" {
			opts.Settings = []string{"IdentityAgent=" + value}
		}
		for name, ssh := range readers() {
			opts.SSH = ssh
			hops, err := Resolve(t.Context(), "a", opts)
			require.NoError(t, err, value)
			assert.Equal(t, want, hops[0].IdentityAgent, "%s, %s", value, name)
		}
	}
}
