package sshconfig

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestErrorHasTheTextThatSSHPrints(t *testing.T) {
	if !hasSSH() {
		t.Skip("no ssh")
	}
	config := writeConfig(t, "User me\nUzer me\n")
	_, err := Resolve(t.Context(), "a", Options{ConfigFile: config})
	var wrong *Error
	require.ErrorAs(t, err, &wrong)
	assert.Contains(t, wrong.Text, config+": line 2: Bad configuration option: uzer")
}

func TestSSHArgumentsEndWithUserAndPortOfDestination(t *testing.T) {
	args := sshArguments(target{user: "u", host: "h", port: 2}, Options{
		ConfigFile: "f", User: "l", Port: 1, IdentityFiles: []string{"i"}, Jump: "j", AddressFamily: "inet", Settings: []string{"A=b"},
	})
	assert.Equal(t, []string{
		"-G", "-T", "-N", "-F", "f", "-l", "l", "-p", "1", "-4", "-i", "i", "-J", "j", "-o", "A=b", "-l", "u", "-p", "2", "--", "h",
	}, args)
}

// program writes a shell script to use instead of ssh.
func program(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	name := filepath.Join(t.TempDir(), "ssh")
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700))
	return name
}

func TestResolveDoesNotRunOtherSSHClients(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	ssh := program(t, `case "$1" in -V) echo "Dropbear v2022.83" >&2;; *) touch `+marker+`;; esac`)

	_, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", SSH: ssh})
	assert.ErrorContains(t, err, "Dropbear")

	t.Setenv("PATH", filepath.Dir(ssh)+":"+os.Getenv("PATH"))
	hops, err := Resolve(t.Context(), "a", Options{ConfigFile: "none"})
	require.NoError(t, err, "the built-in reader is used")
	assert.Len(t, hops, 1)
	assert.NoFileExists(t, marker)
}

func TestResolveStopsAnUnresponsiveSSH(t *testing.T) {
	ssh := program(t, `case "$1" in -V) echo OpenSSH_9.9 >&2;; *) exec sleep 60;; esac`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Resolve(ctx, "a", Options{SSH: ssh})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 5*time.Second)
}

func TestOutputWithoutHostNameIsAnError(t *testing.T) {
	ssh := program(t, `case "$1" in -V) echo OpenSSH_9.9 >&2;; *) echo port 22;; esac`)
	_, err := Resolve(t.Context(), "a", Options{SSH: ssh})
	assert.ErrorContains(t, err, "no hostname")
}
