package sshconfig

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every value that passes the inspector has the form of its keyword.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"Host a b !c\n Port 22\n\tUser=x\n", "HostName %h.example.com\nProxyJump u@h:1,b\n", "Match host a\n Port 1\n", "User \"a b\"\n", "Port 22 # c\n",
		"IdentityFile ~/.ssh/%r\nCiphers aes128-ctr,aes256-ctr\n", "Host *\nCiphers +x\n", "ConnectTimeout none\nConnectTimeout 3\n", "\x00", "Host", "=", "Port = 1\r\n",
	} {
		f.Add(text, "a")
	}
	forms := map[string]*regexp.Regexp{}
	for keyword, form := range valueForms {
		forms[keyword] = regexp.MustCompile(`^(?s:` + form + `)$`)
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // an Include would read files of this machine
		}
		file := configText{name: "config", text: []byte(text)}
		look := inspector{local: account{home: "/nowhere"}, host: host, settings: settings{}}
		if look.read(&configFile{configText: file, applies: true}) != nil {
			return
		}
		for keyword, values := range look.settings {
			for _, value := range values {
				assert.Regexp(t, forms[keyword], value, keyword)
			}
		}
	})
}

// The values of tokens are not expanded, and all else is unchanged.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"%h:%p", "%%", "%", "${HOME}/x", "${", "a%qb", "%h%h${A}${B}"} {
		f.Add(s, "%p")
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		tokens := map[byte]string{'%': "%", 'h': value}
		got, err := expandTokens(s, tokens, func(string) (string, bool) { return value, true })
		if err == nil && !strings.Contains(s, "${") {
			want := strings.NewReplacer("%%", "%", "%h", value).Replace(s)
			require.Equal(t, want, got)
		}
		plain, err := expandTokens(strings.ReplaceAll(s, "%", "%%"), tokens, nil)
		require.NoError(t, err)
		require.Equal(t, s, plain)
	})
}

// Splitting quoted words returns the same words.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{`a b`, `"a b" c`, `a\ b`, `'`, `"\""`, `\`, "\t x "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitArguments(s)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w)+`"`)
		}
		again, err := splitArguments(strings.Join(quoted, " "))
		require.NoError(t, err)
		require.Equal(t, words, again)
	})
}
