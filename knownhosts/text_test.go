package knownhosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// warningIn returns the part of output, that of ssh, that Warning must return,
// without the remedy.
func warningIn(output string) string {
	// If the key is tolerated, ssh continues and then fails to authenticate.
	output = regexp.MustCompile(`(?m)^\S+: Permission denied .*\n`).ReplaceAllString(output, "")
	// Newer versions of ssh also disable UpdateHostkeys, which this package lacks.
	output = strings.ReplaceAll(output, "UpdateHostkeys is disabled because the host key is not trusted.\n", "")
	return withoutRemedy(strings.TrimSuffix(output, "Host key verification failed.\n"))
}

// withoutRemedy removes the ssh-keygen command, which not all versions of ssh
// print, from a warning.
func withoutRemedy(warning string) string {
	return regexp.MustCompile(`  remove with:\n  ssh-keygen .*\n`).ReplaceAllString(warning, "")
}

func TestWarningEqualsOutputOfSSH(t *testing.T) {
	t.Parallel()
	host := startSSHD(t, []string{ssh.KeyAlgoED25519}, nil, nil)
	name, key := withPort("127.0.0.1", host.port), keyText(host.keys[ssh.KeyAlgoED25519])
	other := keyText(newSigner(t, ssh.KeyAlgoECDSA256).PublicKey())

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
			assert.Equal(t, warningIn(output), withoutRemedy(refused.Warning()+"\n"))
		})
	}
}

func TestCommandInWarningRemovesOffendingKey(t *testing.T) {
	t.Parallel()
	programs(t)
	key, other := newSigner(t, ssh.KeyAlgoED25519).PublicKey(), newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	v := Verifier{UserFiles: []string{writeFile(t, "[host]:2222 "+keyText(other)+"\n")}, Policy: AcceptNew}
	var refused *HostKeyError
	require.ErrorAs(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key), &refused)
	command := regexp.MustCompile(`(?m)^  (ssh-keygen .*)$`).FindStringSubmatch(refused.Warning())
	require.NotNil(t, command)
	output, err := exec.Command("sh", "-c", command[1]).CombinedOutput()
	require.NoError(t, err, string(output))
	assert.NoError(t, v.Verify(Host{Name: "host", Port: 2222}, remote, key))
}

func TestQuestionEqualsQuestionOfSSH(t *testing.T) {
	t.Parallel()
	host := startSSHD(t, []string{ssh.KeyAlgoED25519}, nil, nil)
	key := keyText(host.keys[ssh.KeyAlgoED25519])
	many := ""
	for i := range 10 {
		many += fmt.Sprintf("other%d,more%d %s\n", i, i, key)
	}
	for name, content := range map[string]string{
		"no other names":       "",
		"other names":          "other " + key + "\n@cert-authority * " + key + "\n" + string(hashName("x", make([]byte, 20))) + " " + key + "\n",
		"too many other names": many,
		"malformed line":       "other " + key + "\nother =\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, content)
			wantQuestions, output := questionsOfSSH(t, host, file)
			want, err := os.ReadFile(file)
			require.NoError(t, err)

			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			var questions, warnings strings.Builder
			v := Verifier{UserFiles: []string{file}, Ask: func(question string) (string, error) {
				questions.WriteString(question + "|")
				if question == retryQuestion {
					return "yes", nil
				}
				return "perhaps", nil
			}, Warn: func(message string) {
				if !strings.Contains(message, "line skipped") {
					warnings.WriteString("Warning: " + message + "\n")
				}
			}}
			require.NoError(t, handshake(t, host, &v, ""))
			assert.Equal(t, wantQuestions, questions.String())
			assert.Contains(t, output, warnings.String())
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), "the added line")
		})
	}
}

// questionsOfSSH connects to host with ssh and answers "perhaps" to its first
// question and "yes" to the second. It returns the questions, each followed by a
// vertical bar, and the output of ssh.
func questionsOfSSH(t *testing.T, host sshdHost, file string) (questions, output string) {
	t.Helper()
	directory := t.TempDir()
	asked, program := filepath.Join(directory, "asked"), filepath.Join(directory, "askpass")
	script := "#!/bin/sh\nprintf '%s|' \"$1\" >> " + asked + "\ntest -e " + asked + "2 && echo yes || echo perhaps\n: > " + asked + "2\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
	output = runSSH(t, host, "ask", file, []string{"SSH_ASKPASS=" + program, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"})
	content, err := os.ReadFile(asked)
	require.NoError(t, err, output)
	return string(content), output
}
