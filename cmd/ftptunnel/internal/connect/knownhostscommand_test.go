package connect

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

func TestKnownHostsCommandGetsTheKeyWithoutAShell(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /bin/echo")
	}
	config := t.TempDir() + "/config"
	require.NoError(t, os.WriteFile(config, []byte("KnownHostsCommand /bin/echo %I|%H|%t|%f|%K %%H %n $HOME ;\n"), 0o600))
	hops, err := sshconfig.Resolve(t.Context(), "alias", sshconfig.Options{ConfigFile: config})
	require.NoError(t, err)
	command := knownHostsCommand(hops[0].KnownHostsCommand, commandLimit, func(text string) { t.Error(text) })

	lines, err := command("ORDER", "h%Hst", nil)
	require.NoError(t, err)
	assert.Equal(t, "ORDER|h%Hst|NONE|NONE|NONE %H alias $HOME ;\n", string(lines))

	key, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	require.NoError(t, err)
	lines, err = command("HOSTNAME", "[host]:2222", key)
	require.NoError(t, err)
	assert.Equal(t, "HOSTNAME|[host]:2222|ssh-ed25519|"+ssh.FingerprintSHA256(key)+"|"+
		base64.StdEncoding.EncodeToString(key.Marshal())+" %H alias $HOME ;\n", string(lines))
}

func TestKnownHostsCommandThatFailsLeavesTheKeyUndecided(t *testing.T) {
	for _, program := range []string{"/bin/false", "/none/such"} {
		_, err := knownHostsCommand([]string{program}, commandLimit, func(text string) { t.Error(text) })("ORDER", "host", nil)
		assert.ErrorContains(t, err, program)
		assert.ErrorIs(t, err, tunnel.ErrUndecided)
	}
}

func TestKnownHostsCommandThatDoesNotEndIsKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /bin/sh")
	}
	began := time.Now()
	_, err := knownHostsCommand([]string{"/bin/sh", "-c", "exec sleep 600"}, time.Second/10, func(text string) { t.Error(text) })("ORDER", "host", nil)
	assert.ErrorIs(t, err, tunnel.ErrUndecided)
	assert.Less(t, time.Since(began), time.Minute)
}

func TestStandardErrorOfKnownHostsCommandIsANotice(t *testing.T) {
	var notices []string
	notice := func(text string) { notices = append(notices, text) }
	lines, err := knownHostsCommand([]string{"/bin/sh", "-c", "echo slow >&2; echo key"}, commandLimit, notice)("ORDER", "host", nil)
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /bin/sh")
	}
	require.NoError(t, err)
	assert.Equal(t, "key\n", string(lines))
	assert.Equal(t, []string{"slow"}, notices)
}
