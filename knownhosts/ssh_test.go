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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/lab"
)

// A realHost is an OpenSSH sshd on loopback.
type realHost struct {
	port int
	keys map[string]ssh.PublicKey // by type
}

// programs returns the paths of ssh and sshd, or skips the test.
func programs(t *testing.T) (client, server string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("sshd cannot be handed a connection")
	}
	paths := lab.Program(t, "ssh", "sshd")
	return paths[0], paths[1]
}

// startHost runs an sshd with new keys of the given types. If ca is not nil,
// each has a certificate that edit may change.
func startHost(t *testing.T, types []string, ca ssh.Signer, edit func(*ssh.Certificate)) realHost {
	t.Helper()
	_, server := programs(t)
	_ = os.MkdirAll("/run/sshd", 0o755) // sshd demands it where we are root
	directory := t.TempDir()
	host := realHost{keys: map[string]ssh.PublicKey{}}

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
		t.Skipf("sshd cannot run here: %v: %s", err, output)
	}
	host.port = serveInetd(t, server, "-i", "-f", file)
	return host
}

// serveInetd runs the command for each connection to a free loopback port,
// which it returns, with the connection as its standard input and output.
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

// runSSH runs the real ssh as far as authentication, for which it has no
// means, and returns what it prints.
func runSSH(t *testing.T, host realHost, policy, file string, env []string, options ...string) string {
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

// handshake connects to host with v's algorithms and returns v's verdict.
func handshake(t *testing.T, host realHost, v *Verifier, alias string) error {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(host.port)))
	require.NoError(t, err)
	defer conn.Close()
	name := Host{Name: "127.0.0.1", Port: host.port, Alias: alias}
	algorithms, err := v.Algorithms(name, nil)
	require.NoError(t, err)
	judged := false
	var verdict error
	_, _, _, err = ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User:              "nobody",
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			judged = true
			verdict = v.Verify(name, remote, key)
			return verdict
		},
	})
	require.Error(t, err, "there is no authentication")
	require.True(t, judged, "%v", err)
	return verdict
}

// verdictOfSSH returns what ssh decided, from what it printed.
func verdictOfSSH(t *testing.T, output string) string {
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
	require.Fail(t, "what does ssh mean?", output)
	return ""
}

// verdictOf returns what a Verifier decided, in the same words.
func verdictOf(t *testing.T, err error) string {
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

// withoutHelp leaves out the help that only some builds of ssh print.
func withoutHelp(output string) string {
	return regexp.MustCompile(`  remove with:\n  ssh-keygen .*\n`).ReplaceAllString(output, "")
}

func TestWarningIsInTheWordsOfSSH(t *testing.T) {
	t.Parallel()
	host := startHost(t, []string{ssh.KeyAlgoED25519}, nil, nil)
	name, key := withPort("127.0.0.1", host.port), keyText(host.keys[ssh.KeyAlgoED25519])
	other := keyText(newSigner(t, ssh.KeyAlgoECDSA256).PublicKey())
	const end = "Host key verification failed.\n"

	for _, test := range []struct{ name, policy, content string }{
		{"changed", "yes", name + " " + other},
		{"changed", "accept-new", "\n" + name + " " + other},
		{"changed and tolerated", "no", name + " " + other},
		{"revoked", "ask", "@revoked * " + key},
		{"revoked and tolerated", "no", "@revoked * " + key},
		{"unknown", "yes", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, test.content)
			output := runSSH(t, host, test.policy, file, nil)
			policy, err := ParsePolicy(test.policy)
			require.NoError(t, err)
			var refused *HostKeyError
			require.ErrorAs(t, handshake(t, host, &Verifier{UserFiles: []string{file}, Policy: policy}, ""), &refused)
			// The tolerated connection goes on and then fails to authenticate.
			output = regexp.MustCompile(`(?m)^\S+: Permission denied .*\n`).ReplaceAllString(output, "")
			// Newer versions of ssh disable this too, which is not offered here.
			output = strings.ReplaceAll(output, "UpdateHostkeys is disabled because the host key is not trusted.\n", "")
			assert.Equal(t, withoutHelp(strings.TrimSuffix(output, end)), withoutHelp(refused.Warning()+"\n"))
		})
	}
}

func TestRemedyOfWarningWorks(t *testing.T) {
	t.Parallel()
	programs(t)
	key, other := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	v := Verifier{UserFiles: []string{writeFile(t, "[host]:2222 "+keyText(other)+"\n")}, Policy: AcceptNew}
	var refused *HostKeyError
	require.ErrorAs(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key), &refused)
	remedy := regexp.MustCompile(`(?m)^  (ssh-keygen .*)$`).FindStringSubmatch(refused.Warning())
	require.NotNil(t, remedy)
	output, err := exec.Command("sh", "-c", remedy[1]).CombinedOutput()
	require.NoError(t, err, string(output))
	assert.NoError(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key))
}

func TestQuestionIsInTheWordsOfSSH(t *testing.T) {
	t.Parallel()
	host := startHost(t, []string{ssh.KeyAlgoED25519}, nil, nil)
	key := keyText(host.keys[ssh.KeyAlgoED25519])
	many := ""
	for i := range 10 {
		many += fmt.Sprintf("other%d,more%d %s\n", i, i, key)
	}
	for name, content := range map[string]string{
		"no other names":      "",
		"other names":         "other " + key + "\n@cert-authority * " + key + "\n" + string(hashName("x", make([]byte, 20))) + " " + key + "\n",
		"too many":            many,
		"unparsable in there": "other " + key + "\nother =\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			file := filepath.Join(home, "known_hosts")
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			asked := filepath.Join(home, "asked")
			program := filepath.Join(home, "askpass")
			script := "#!/bin/sh\nprintf '%s|' \"$1\" >> " + asked + "\ntest -e " + asked + "2 && echo yes || echo perhaps\n: > " + asked + "2\n"
			require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
			output := runSSH(t, host, "ask", file, []string{"SSH_ASKPASS=" + program, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"})
			questions, err := os.ReadFile(asked)
			require.NoError(t, err, output)

			// Once more, with the file as it was before ssh added the key.
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			var got, warnings strings.Builder
			v := Verifier{UserFiles: []string{file}, Ask: func(question string) (string, error) {
				got.WriteString(question + "|")
				if question == again {
					return "yes", nil
				}
				return "perhaps", nil
			}, Warn: func(message string) {
				if !strings.Contains(message, "line skipped") {
					warnings.WriteString("Warning: " + message + "\n")
				}
			}}
			require.NoError(t, handshake(t, host, &v, ""))
			assert.Equal(t, string(questions), got.String())
			assert.Contains(t, output, warnings.String())
			mine, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(after), string(mine), "the line that is added")
		})
	}
}
