package tunnel

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseTarget(t *testing.T) {
	for s, want := range map[string]target{
		"foo":                     {"", "foo", 0},
		"bob@foo":                 {"bob", "foo", 0},
		"bob@example.org@foo":     {"bob@example.org", "foo", 0},
		"bob:x@foo":               {"bob:x", "foo", 0},
		"::1":                     {"", "::1", 0},
		"[::1]":                   {"", "::1", 0},
		"bob@fe80::1%eth0":        {"bob", "fe80::1%eth0", 0},
		"bücher":                  {"", "bücher", 0},
		"ssh://foo":               {"", "foo", 0},
		"ssh://foo/":              {"", "foo", 0},
		"ssh://bob@foo:7":         {"bob", "foo", 7},
		"ssh://bob%40b@foo:7/":    {"bob@b", "foo", 7},
		"ssh://bob;x=y@foo":       {"bob", "foo", 0},
		"ssh://bob@[::1]:7":       {"bob", "::1", 7},
		"ssh://[fe80::1%eth0]":    {"", "fe80::1%eth0", 0},
		"ssh://::1":               {"", "::1", 0},
		"ssh://bob@a@foo:0000007": {"bob@a", "foo", 7},
	} {
		got, err := parseTarget(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for s, why := range map[string]string{
		"": "no host name", "bob@": "no host name", "@foo": "no user", "-foo": "no host name", "bob@-foo": "no host name", "-bob@foo": "no host name",
		"foo bar": "not a host name", "foo;ls": "not a host name", "$(ls)": "not a host name", "foo\n": "not a host name", "foo\\": "not a host name",
		"[foo": "not a host name", "foo]": "not a host name", "[[::1]]": "not a host name", "[::1]:7": "not a host name",
		"foo:7": "-p 7 foo", "bob@foo:7": "-p 7 foo", "bob\n@foo": "not a user name",
		"ssh://": "of the form", "ssh://foo/bar": "of the form", "ssh://@foo": "of the form", "ssh://foo:": "of the form", "ssh://foo:0": "of the form",
		"ssh://foo:65536": "of the form", "ssh://foo:+7": "of the form", "ssh://foo:ssh": "of the form", "ssh://-foo": "of the form",
		"ssh://bob%zz@foo": "of the form", "ssh://-bob@foo": "of the form", "ssh://%2Dbob@foo": "of the form", "ssh://bob%0Aport%207@foo": "of the form",
		"ssh://foo:7:8]": "of the form", "ssh://[::1]7": "of the form", "ssh://a b": "of the form",
	} {
		_, err := parseTarget(s)
		var refusal *ConfigError
		require.ErrorAs(t, err, &refusal, s)
		assert.Contains(t, refusal.Text, why, s)
	}
}

func TestJumpURL(t *testing.T) {
	for s, want := range map[string]target{
		"j": {"", "j", 0}, "j:7": {"", "j", 7}, "bob@j:7": {"bob", "j", 7}, "bob@b@j": {"bob@b", "j", 0}, "[::1]:7": {"", "::1", 7}, "[::1]": {"", "::1", 0},
		"ssh://bob%40b@j:7": {"bob@b", "j", 7}, "a%40b@j": {"a%40b", "j", 0}, "a;b/c@j:7": {"a;b/c", "j", 7},
	} {
		got, err := parseTarget(jumpURL(s))
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
}

// What was parsed names a host, and reads the same again when written out.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"foo", "bob@foo", "ssh://bob%40b@[::1]:22/", "[::1]", "a@b@c", "ssh://u;p@h:7", "foo:22", "@", "ssh://:7", "-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTarget(s)
		if err != nil {
			assert.Zero(t, got)
			return
		}
		assert.True(t, isHostName(got.host), "%q", got.host)
		assert.False(t, strings.HasPrefix(got.user, "-"), "%q", got.user)
		assert.LessOrEqual(t, got.port, 65535)
		if strings.ContainsAny(got.host, "@/:") {
			return
		}
		again := got.host
		if got.user != "" {
			again = got.user + "@" + again
		}
		reread, err := parseTarget(jumpURL(again))
		require.NoError(t, err)
		assert.Equal(t, target{got.user, got.host, 0}, reread)
	})
}

const chain = `
Host dest
  HostName dest.example
  User me
  ProxyJump one,deep@two:7
Host one
  HostName one.example
  User uno
  IdentityFile /one
  ProxyJump zero
Host two
  HostName two.example
  User dos
  Port 2
  ProxyJump never
Host zero
  Port 9
`

func TestJumpHostsHaveTheirOwnConfiguration(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, nil, 0o600))
	file := reading{config: chain}.write(t)
	for _, ssh := range programs(t) {
		hops, err := Resolve(t.Context(), "dest", Options{
			SSH: ssh, ConfigFile: file, User: "boss", Port: 99, IdentityFiles: []string{key}, AddressFamily: "inet6",
			Settings: []string{"ConnectTimeout=5", "User=setting"},
		})
		require.NoError(t, err)
		assert.Equal(t, "ME@zero:9 uno@one.example:22 /one deep@two.example:7 boss@dest.example:99 "+key, summary(t, hops),
			"the first jump host's own jump host counts, the second's does not")
		for _, jump := range hops[:3] {
			assert.Equal(t, "any", jump.AddressFamily)
			assert.Zero(t, jump.ConnectTimeout)
			assert.NotContains(t, jump.IdentityFiles, key)
		}
		assert.Equal(t, "inet6", hops[3].AddressFamily)
		assert.Equal(t, 5*time.Second, hops[3].ConnectTimeout)

		hops, err = Resolve(t.Context(), "dest", Options{SSH: ssh, ConfigFile: file, Jump: "none"})
		require.NoError(t, err)
		assert.Equal(t, "me@dest.example:22", summary(t, hops))

		hops, err = Resolve(t.Context(), "ssh://a%40b@dest:5", Options{SSH: ssh, ConfigFile: file, Jump: "x%40y@zero:6"})
		if assert.ErrorContains(t, err, "unknown token %4", "as ssh says") {
			hops, err = Resolve(t.Context(), "ssh://a%40b@dest:5", Options{SSH: ssh, ConfigFile: file, Jump: "x%%40y@zero:6"})
		}
		require.NoError(t, err)
		assert.Equal(t, "x%40y@zero:6 a@b@dest.example:5", summary(t, hops))
	}
}

func TestALoopOfJumpHostsIsAnError(t *testing.T) {
	file := reading{config: "Host a\n ProxyJump b\nHost b\n ProxyJump a\n"}.write(t)
	for _, ssh := range programs(t) {
		_, err := Resolve(t.Context(), "a", Options{SSH: ssh, ConfigFile: file})
		var refusal *ConfigError
		require.ErrorAs(t, err, &refusal)
		assert.Contains(t, refusal.Text, "circle")
	}
}

func TestWhatSSHComplainsOfIsShownWithFileAndLine(t *testing.T) {
	file := reading{config: "Host foo\n\n NoSuchThing yes\n"}.write(t)
	_, err := Resolve(t.Context(), "foo", Options{SSH: needSSH(t), ConfigFile: file})
	var refusal *ConfigError
	require.ErrorAs(t, err, &refusal)
	assert.Contains(t, refusal.Text, file+": line 3: Bad configuration option: nosuchthing")
	assert.NotContains(t, refusal.Text, "\r")
}

func TestWhatCannotBeHonouredIsRefusedByName(t *testing.T) {
	for _, ssh := range programs(t) {
		for _, keyword := range []string{"ProxyCommand", "KnownHostsCommand", "RevokedHostKeys"} {
			_, err := Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: "none", Settings: []string{keyword + "=/x y"}})
			if keyword == "RevokedHostKeys" {
				_, err = Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: "none", Settings: []string{keyword + "=/x"}})
			}
			var refusal *ConfigError
			require.ErrorAs(t, err, &refusal)
			assert.Contains(t, refusal.Text, keyword+" is set (/x")
			_, err = Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: "none", Settings: []string{keyword + "=none"}})
			assert.NoError(t, err)
		}
		_, err := Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: "none", IdentityFiles: []string{"/no/such/key"}})
		assert.ErrorContains(t, err, "-i /no/such/key")
	}
}

func TestAlgorithmsOfWhichNoneIsKnownAreRefused(t *testing.T) {
	s := settings{"hostname": {"foo"}, "hostkeyalgorithms": {"sk-new@example.org,newer@example.org"}}
	e, err := newExpander(s, "foo")
	require.NoError(t, err)
	_, err = s.hop(e)
	assert.ErrorContains(t, err, "newer@example.org")
}

// fakeSSH returns a program that does as a shell script says.
func fakeSSH(t *testing.T, script string) string {
	if runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	name := filepath.Join(t.TempDir(), "ssh")
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700))
	return name
}

func TestAskingSSHEndsWithItsContext(t *testing.T) {
	// The command that ssh started keeps its output open.
	program := fakeSSH(t, "sleep 60 & echo hostname foo; wait\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := Resolve(ctx, "foo", Options{SSH: program})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(began), 10*time.Second)
}

func TestAnSSHThatSaysNothingIsAnError(t *testing.T) {
	for script, want := range map[string]string{"exit 255\n": "exit status 255", "exit 0\n": "printed no configuration", "echo no >&2; exit 1\n": "no"} {
		_, err := Resolve(t.Context(), "foo", Options{SSH: fakeSSH(t, script)})
		var refusal *ConfigError
		require.ErrorAs(t, err, &refusal)
		assert.Contains(t, refusal.Text, want)
	}
}

func TestArguments(t *testing.T) {
	assert.Equal(t, []string{"-G", "-T", "-N", "--", "foo"}, arguments("foo", Options{}))
	assert.Equal(t, strings.Fields("-G -T -N -F f -l u -p 7 -i a -i b -J j -6 -o x=y -o z=w -- foo"), arguments("foo", Options{
		ConfigFile: "f", User: "u", Port: 7, IdentityFiles: []string{"a", "b"}, Jump: "j", AddressFamily: "inet6", Settings: []string{"x=y", "z=w"},
	}))
}
