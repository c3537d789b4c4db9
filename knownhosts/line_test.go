package knownhosts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	rsaKey := newSigner(t, ssh.KeyAlgoRSA).PublicKey()
	text, rsaText := keyText(key), keyText(rsaKey)
	_, rsaBlob, _ := strings.Cut(rsaText, " ")
	hash := string(hashName("host", make([]byte, 20)))

	tests := []struct {
		line   string
		marker marker
		names  names
		key    ssh.PublicKey
	}{
		{"host " + text, hostKey, "host", key},
		{"host " + text + " a comment", hostKey, "host", key},
		{" \thost\t  " + text + "\tcomment\r\n", hostKey, "host", key},
		{"[a]:1,*.b,!c " + text, hostKey, "[a]:1,*.b,!c", key},
		{hash + " " + text, hostKey, names(hash), key},
		{"@revoked * " + text, revoked, "*", key},
		{"@cert-authority  *.b " + text, authority, "*.b", key},
		{"host " + rsaText, hostKey, "host", rsaKey},
		{"host rsa-sha2-512 " + rsaBlob, hostKey, "host", rsaKey},
	}
	for _, test := range tests {
		e, err := parseLine(test.line)
		if assert.NoError(t, err, test.line) && assert.NotNil(t, e, test.line) {
			assert.Equal(t, test.marker, e.marker, test.line)
			assert.Equal(t, test.names, e.names, test.line)
			assert.True(t, sameKey(test.key, e.key), test.line)
		}
	}
	for _, line := range []string{"", " \t", "\r\n", "# host " + text, "  #"} {
		e, err := parseLine(line)
		assert.NoError(t, err, line)
		assert.Nil(t, e, line)
	}
}

// malformedLines returns lines that parseLine must reject, by what is wrong.
func malformedLines(t testing.TB) map[string]string {
	text := keyText(newSigner(t, ssh.KeyAlgoED25519).PublicKey())
	_, blob, _ := strings.Cut(text, " ")
	return map[string]string{
		"bad base64":              "foo ssh-ed25519 AAAA!!",
		"no key":                  "foo ssh-ed25519",
		"comment instead of key":  "foo # " + text,
		"truncated key":           "foo " + text[:len(text)-8],
		"bytes after the key":     "foo " + text + "AAAA",
		"unknown type":            "foo ssh-unheard-of AAAADnNzaC11bmhlYXJkLW9m",
		"type does not match key": "foo ssh-rsa " + blob,
		"SSH protocol 1":          "foo 1024 35 1234567890123456789",
		"equals sign":             "=",
		"one word":                "foo",
		"marker only":             "@revoked",
		"unknown marker":          "@trusted foo " + text,
		"two markers":             "@revoked @cert-authority foo " + text,
		"tab after marker":        "@revoked\tfoo " + text,
		"unknown hash":            "|2|AAAA|AAAA " + text,
		"hash without salt":       "|1|AAAA " + text,
		"hash with short salt":    "|1|AAAA|AAAA " + text,
	}
}

func TestParseLineRejectsMalformedLines(t *testing.T) {
	t.Parallel()
	for name, line := range malformedLines(t) {
		e, err := parseLine(line)
		assert.Error(t, err, name)
		assert.Nil(t, e, name)
	}
}

func TestFormatLineRejectsSpecialCharactersInNames(t *testing.T) {
	t.Parallel()
	key := newSigner(t, ssh.KeyAlgoED25519).PublicKey()
	for _, name := range []names{"", "*", "a?", "!a", "a,b", "a b", "a\nb", "#a", "@revoked"} {
		_, err := formatLine(name, key)
		assert.Error(t, err, string(name))
	}
	for _, name := range []names{"host", "[host]:22", "[fe80::1%eth0]:2222", "h_o-s.t", hashName("*", make([]byte, 20))} {
		line, err := formatLine(name, key)
		require.NoError(t, err)
		e, err := parseLine(line)
		require.NoError(t, err, line)
		assert.Equal(t, name, e.names)
	}
}

func FuzzParseLine(f *testing.F) {
	text := keyText(newSigner(f, ssh.KeyAlgoED25519).PublicKey())
	f.Add("host " + text)
	f.Add("@cert-authority *," + "!a " + text + " comment")
	f.Add(string(hashName("host", make([]byte, 20))) + " " + text)
	for _, line := range malformedLines(f) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, err := parseLine(line)
		if err != nil || e == nil {
			assert.Nil(t, e)
			return
		}
		e.names.match("host")
		again, err := parseLine([]string{"", "@cert-authority ", "@revoked "}[e.marker] + string(e.names) + " " + keyText(e.key))
		require.NoError(t, err, line)
		assert.Equal(t, e, again, line)
	})
}
