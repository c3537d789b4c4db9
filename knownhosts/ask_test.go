package knownhosts

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

var errInterrupted = errors.New("interrupted")

func TestVerifyParsesAnswersLikeSSH(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	fingerprint := ssh.FingerprintSHA256(key)
	tests := []struct {
		answers  []string
		accepted bool
	}{
		{[]string{"yes"}, true},
		{[]string{" YES\n"}, true},
		{[]string{fingerprint}, true},
		{[]string{fingerprint + "\n"}, true},
		{[]string{"y", "maybe", "yes"}, true},
		{[]string{strings.ToLower(fingerprint), "no"}, false},
		{[]string{ssh.FingerprintLegacyMD5(key), "no"}, false},
		{[]string{"no"}, false},
		{[]string{"No"}, false},
		{[]string{""}, false},
	}
	for _, test := range tests {
		var questions []string
		v := Verifier{
			UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
			Ask: func(question string) (string, error) {
				questions = append(questions, question)
				return test.answers[len(questions)-1], nil
			},
		}
		err := v.Verify(Host{Name: "host"}, remote, key)
		require.Len(t, questions, len(test.answers))
		for _, question := range questions[1:] {
			assert.Equal(t, "Please type 'yes', 'no' or the fingerprint: ", question)
		}
		if test.accepted {
			assert.NoError(t, err)
			assert.FileExists(t, v.UserFiles[0])
			continue
		}
		var refused *HostKeyError
		require.ErrorAs(t, err, &refused)
		assert.True(t, refused.Declined)
		assert.Empty(t, refused.Warning())
		assert.NoFileExists(t, v.UserFiles[0])
	}
}

func TestVerifyReturnsErrorOfAsk(t *testing.T) {
	t.Parallel()
	v := Verifier{
		UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
		Ask:       func(string) (string, error) { return "yes", errInterrupted },
	}
	err := v.Verify(Host{Name: "host"}, remote, newSigner(t, ssh.KeyAlgoED25519).PublicKey())
	assert.ErrorIs(t, err, errInterrupted)
	assert.NoFileExists(t, v.UserFiles[0])
}

func TestQuestionContainsRemoteAddress(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	tests := []struct {
		host   Host
		remote net.Addr
		want   string
	}{
		{Host{Name: "Host", Port: 2222}, remote, "'[host]:2222 ([192.0.2.7]:2222)'"},
		{Host{Name: "host"}, remote, "'host (192.0.2.7)'"},
		{Host{Name: "host", Port: 2222, Alias: "alias"}, remote, "'alias ([192.0.2.7]:2222)'"},
		{Host{Name: "host"}, &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "'host (fe80::1%eth0)'"},
		{Host{Name: "host"}, &net.TCPAddr{}, "'host (<no hostip for proxy command>)'"},
		{Host{Name: "host"}, nil, "'host (<no hostip for proxy command>)'"},
		{Host{Name: "host"}, (*net.TCPAddr)(nil), "'host (<no hostip for proxy command>)'"},
	}
	for _, test := range tests {
		var asked string
		v := Verifier{
			UserFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
			Ask:       func(question string) (string, error) { asked = question; return "no", nil },
		}
		assert.Error(t, v.Verify(test.host, test.remote, key))
		assert.True(t, strings.HasPrefix(asked, "The authenticity of host "+test.want+" can't be established.\n"), asked)
	}
}

func TestShortenHomeReplacesHomeDirectory(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil || filepath.Dir(home) == home {
		t.Skip("there is no home directory, or it is the root")
	}
	file := filepath.Join(home, ".ssh", "known_hosts")
	assert.Equal(t, filepath.Join("~", ".ssh", "known_hosts"), shortenHome(file))
	assert.Equal(t, home+"2", shortenHome(home+"2"))
}
