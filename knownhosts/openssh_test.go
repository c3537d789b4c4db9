package knownhosts

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// An sshdHost is an OpenSSH server on loopback.
type sshdHost struct {
	port int
	keys map[string]ssh.PublicKey // by type
}

// programs returns the paths of ssh and sshd. It skips the test if one is missing.
func programs(t *testing.T) (client, server string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("on Windows, sshd cannot inherit a connection")
	}
	paths := lab.Program(t, "ssh", "sshd")
	return paths[0], paths[1]
}

// startSSHD starts an sshd with a new host key of each of the given types, and
// stops it at the end of the test. If ca is not nil, each key has a certificate
// that certify makes with ca and edit.
func startSSHD(t *testing.T, types []string, ca ssh.Signer, edit func(*ssh.Certificate)) sshdHost {
	t.Helper()
	_, server := programs(t)
	_ = os.MkdirAll("/run/sshd", 0o755) // sshd requires it if run by root
	directory := t.TempDir()
	host := sshdHost{keys: map[string]ssh.PublicKey{}}

	config := "UsePAM no\nStrictModes no\nPidFile none\n"
	for i, keyType := range types {
		private := newKey(t, keyType)
		block, err := ssh.MarshalPrivateKey(private, "")
		require.NoError(t, err)
		file := filepath.Join(directory, "key"+strconv.Itoa(i))
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
		config += "HostKey " + file + "\n"

		signer, err := ssh.NewSignerFromKey(private)
		require.NoError(t, err)
		host.keys[keyType] = signer.PublicKey()
		if ca != nil {
			cert := certify(t, signer.PublicKey(), ca, edit)
			require.NoError(t, os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600))
			config += "HostCertificate " + file + "-cert.pub\n"
		}
	}
	file := filepath.Join(directory, "sshd_config")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	if output, err := exec.Command(server, "-t", "-f", file).CombinedOutput(); err != nil {
		t.Skipf("sshd rejects its configuration: %v: %s", err, output)
	}
	host.port = serveInetd(t, server, "-i", "-f", file)
	return host
}

// serveInetd listens on a loopback port, which it returns, until the end of the
// test. For each connection it runs a command that has the connection as its
// standard input and output.
func serveInetd(t *testing.T, name string, args ...string) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		group.Wait()
	})
	serve := func(conn *net.TCPConn) {
		file, err := conn.File()
		_ = conn.Close()
		if err != nil {
			return
		}
		defer file.Close()
		command := exec.CommandContext(ctx, name, args...)
		command.Stdin, command.Stdout = file, file
		_ = command.Run()
	}
	group.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			group.Go(func() { serve(conn.(*net.TCPConn)) })
		}
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// runSSH connects to host with ssh, which fails to authenticate if it accepts the
// host key, and returns the output of ssh.
func runSSH(t *testing.T, host sshdHost, policy, file string, env []string, options ...string) string {
	t.Helper()
	client, _ := programs(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{
		"-F", "none", "-T", "-p", strconv.Itoa(host.port),
		"-o", "UserKnownHostsFile=" + file, "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=" + policy, "-o", "PreferredAuthentications=none",
	}
	command := exec.CommandContext(ctx, client, append(append(args, options...), "127.0.0.1", "true")...)
	command.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	_ = command.Run()
	require.NoError(t, ctx.Err())
	return strings.ReplaceAll(output.String(), "\r\n", "\n")
}

// handshake connects to host with package ssh and v, and returns the result of
// Verify.
func handshake(t *testing.T, host sshdHost, v *Verifier, alias string) error {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(host.port)))
	require.NoError(t, err)
	defer conn.Close()
	name := Host{Name: "127.0.0.1", Port: host.port, Alias: alias}
	algorithms, err := v.Algorithms(name, nil)
	require.NoError(t, err)
	called := false
	var result error
	_, _, _, err = ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User:              "nobody",
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			called = true
			result = v.Verify(name, remote, key)
			return result
		},
	})
	require.Error(t, err, "the client cannot authenticate")
	require.True(t, called, "%v", err)
	return result
}

// outcomeOfSSH returns the decision of ssh, from its output.
func outcomeOfSSH(t *testing.T, output string) string {
	t.Helper()
	offending := regexp.MustCompile(`Offending \S+ key in (\S+)`).FindStringSubmatch(output)
	switch {
	case strings.Contains(output, "REVOKED HOST KEY DETECTED"):
		return "revoked"
	case strings.Contains(output, "REMOTE HOST IDENTIFICATION HAS CHANGED") && offending != nil:
		return "changed " + offending[1]
	case strings.Contains(output, "host key is known for"):
		return "unknown"
	case strings.Contains(output, "Permission denied"):
		return "ok"
	}
	require.Fail(t, "unexpected output of ssh", output)
	return ""
}

// outcomeOf returns the decision of Verify, in the words of outcomeOfSSH.
func outcomeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return "ok"
	}
	var refused *HostKeyError
	require.ErrorAs(t, err, &refused)
	switch refused.Kind {
	case Revoked:
		return "revoked"
	case Changed:
		return fmt.Sprintf("changed %s:%d", refused.File, refused.Line)
	}
	return "unknown"
}
