package sshconfig

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDestination(t *testing.T) {
	for in, want := range map[string]target{
		"h":                        {host: "h"},
		"u@h":                      {user: "u", host: "h"},
		"u@example.com@h":          {user: "u@example.com", host: "h"},
		"::1":                      {host: "::1"},
		"[::1]":                    {host: "::1"},
		"u@fe80::1%eth0":           {user: "u", host: "fe80::1%eth0"},
		"192.0.2.1":                {host: "192.0.2.1"},
		"ssh://h":                  {host: "h"},
		"ssh://u@h:2222/":          {user: "u", host: "h", port: 2222},
		"ssh://h:":                 {host: "h"},
		"ssh://[::1]:2222":         {host: "::1", port: 2222},
		"ssh://u%40x;k=v@h":        {user: "u@x", host: "h"},
		`WORK\me@h`:                {user: `WORK\me`, host: "h"},
		"a b@h":                    {user: "a b", host: "h"},
		"work/gate":                {host: "work/gate"},
		"xn--bcher-kva.example":    {host: "xn--bcher-kva.example"},
		"ssh://u:not-a-password@h": {user: "u:not-a-password", host: "h"},
	} {
		got, err := parseDestination(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
}

func TestParseDestinationExplainsInvalidDestinations(t *testing.T) {
	for in, want := range map[string]string{
		"":               "no host name",
		"u@":             "no host name",
		"@h":             "no user name",
		"-oProxyCommand": "invalid characters",
		"u@-h":           "invalid characters",
		"-u@h":           "invalid characters",
		"h;id":           "invalid characters",
		"a b":            "invalid characters",
		"h\n":            "invalid characters",
		"$(id)@h":        "invalid characters",
		"a -b@h":         "invalid characters",
		"a\tb@h":         "invalid characters",
		`a\@h`:           "invalid characters",
		"h:22":           "a name with a port",
		"u@h:2222":       "a name with a port",
		"[::1]:22":       "a name with a port",
		"a:b:c":          "neither a host name nor an IP address",
		"ssh://":         "no host name",
		"ssh://@h":       "no user name",
		"ssh://-h":       "invalid characters",
		"ssh://a@b@c":    "not of the form",
		"ssh://h/path":   "not of the form",
		"ssh://h:0":      "invalid port",
		"ssh://h:65536":  "invalid port",
		"ssh://::1":      "invalid port",
		"ssh://u%zz@h":   "invalid URL escape",
		"ssh://u%0a@h":   "invalid characters",
	} {
		_, err := parseDestination(in)
		assert.ErrorContains(t, err, want, in)
	}
}

func TestSplitJumpSplitsBeforeTheLastHost(t *testing.T) {
	for in, want := range map[string]struct {
		before string
		last   target
	}{
		"b":                {"", target{host: "b"}},
		"a,u@b:33":         {"a", target{user: "u", host: "b", port: 33}},
		"a@b@c":            {"", target{user: "a@b", host: "c"}},
		"b:":               {"", target{host: "b"}},
		"[192.0.2.1]":      {"", target{host: "192.0.2.1"}},
		"x,y,[::1]:44":     {"x,y", target{host: "::1", port: 44}},
		"ssh://u@h:1,k":    {"ssh://u@h:1", target{host: "k"}},
		"c,ssh://x@[::1]/": {"c", target{user: "x", host: "::1"}},
		"none,a":           {"none", target{host: "a"}},
	} {
		before, last, err := splitJump(in)
		require.NoError(t, err, in)
		assert.Equal(t, want.before, before, in)
		assert.Equal(t, want.last, last, in)
	}
}

// ssh 9.2 rejects all of these.
func TestSplitJumpRejectsWhatSSHRejects(t *testing.T) {
	for _, in := range []string{
		"", "::1", "[::1", "b/22", "b:0", "b:70000", "@b", "a@", "a,,b", ",b", "b,", " a", "a:b:c", "-x", "a;b", "a,fe80::1", "a b", "u;v@b", "$(x)@b", "u -v@b",
		"ssh://", "ssh://b/c", "[]", "[a]b", "a]",
	} {
		_, _, err := splitJump(in)
		assert.Error(t, err, in)
	}
}

// What ssh refuses on its command line, a ProxyCommand would pass to a shell.
func TestResolveRejectsNamesThatAShellWouldRun(t *testing.T) {
	const bad = "$(touch${IFS}x)"
	for _, c := range []struct {
		destination string
		opts        Options
	}{
		{"a", Options{User: bad}},
		{"a", Options{User: "-x"}},
		{"a", Options{User: "b;id"}},
		{"a", Options{Settings: []string{"User=" + bad}}},
		{"a", Options{Settings: []string{"user  a;id"}}},
		{"a", Options{Settings: []string{"User=\"a`id`\""}}},
		{"a", Options{Settings: []string{"HostName=" + bad}}},
		{"a", Options{Settings: []string{"HostName = %h;id"}}},
		{"a", Options{Settings: []string{"Port=" + bad}}},
		{"a", Options{Settings: []string{"ProxyJump=" + bad}}},
		{"a", Options{Jump: bad}},
		{"a", Options{Jump: bad + "@b"}},
		{bad, Options{}},
		{bad + "@a", Options{}},
		{"ssh://" + bad + "@a", Options{}},
	} {
		for name, ssh := range readers() {
			c.opts.SSH = ssh
			c.opts.ConfigFile = writeConfig(t, "ProxyCommand echo %n %h %p %r\n")
			_, err := Resolve(t.Context(), c.destination, c.opts)
			assert.Error(t, err, "%s: %s %+v", name, c.destination, c.opts)
		}
	}
	for _, user := range []string{"bob", "a b", `WORK\me`, "a@b", "$x"} {
		hops, err := Resolve(t.Context(), "h", Options{User: user, ConfigFile: "none"})
		require.NoError(t, err)
		assert.Equal(t, user, hops[0].User)
	}
}

func checkTarget(t *testing.T, got target) {
	t.Helper()
	assert.NotEmpty(t, got.host)
	assert.NotContains(t, got.host[:1]+got.user, "\n")
	assert.False(t, strings.HasPrefix(got.host, "-") || strings.HasPrefix(got.user, "-"), "%+v can be taken for an option", got)
	assert.True(t, got.port >= 0 && got.port <= 65535)
}

func FuzzDestination(f *testing.F) {
	for _, s := range []string{"u@h", "ssh://u%40@[::1]:22/", "[fe80::1%25lo]", "h:22", "-x", "@", "ssh://;@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseDestination(s); err == nil {
			checkTarget(t, got)
		}
	})
}

func FuzzJump(f *testing.F) {
	for _, s := range []string{"a,b", "u@[::1]:22,ssh://c@d:1/", ",", "[", "a@b@c:1", "[x]:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		before, last, err := splitJump(s)
		if err != nil {
			return
		}
		checkTarget(t, last)
		assert.True(t, strings.HasPrefix(s, before))
		if before != "" {
			_, _, err := splitJump(before)
			assert.NoError(t, err)
		}
		if !strings.ContainsAny(last.user, ",/") { // a URI can have these
			_, again, err := splitJump(last.String())
			assert.NoError(t, err)
			assert.Equal(t, last, again)
		}
	})
}
