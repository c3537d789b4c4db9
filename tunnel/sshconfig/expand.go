package sshconfig

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"strings"
)

// only returns the tokens with the given letters, and %%.
func only(tokens map[byte]string, letters string) map[byte]string {
	tokens = maps.Clone(tokens)
	maps.DeleteFunc(tokens, func(letter byte, _ string) bool {
		return letter != '%' && strings.IndexByte(letters, letter) < 0
	})
	return tokens
}

// expandTokens replaces the %-tokens in s and, unless lookup is nil, each
// ${VARIABLE}. It does not expand the values.
func expandTokens(s string, tokens map[byte]string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			i++
			if i == len(s) {
				return "", fmt.Errorf("%s: nothing after the last %%", s)
			}
			value, ok := tokens[s[i]]
			if !ok {
				return "", fmt.Errorf("%s: unknown token %%%c", s, s[i])
			}
			b.WriteString(value)
		case lookup != nil && strings.HasPrefix(s[i:], "${"):
			name, _, closed := strings.Cut(s[i+2:], "}")
			value, ok := lookup(name)
			if !closed || !ok {
				return "", fmt.Errorf("%s: environment variable %s is not set", s, name)
			}
			b.WriteString(value)
			i += len("${") + len(name)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// agentSocket returns the socket that an IdentityAgent names, or an empty
// string if it names none.
func agentSocket(value string) string {
	switch {
	case value == "":
		return cmp.Or(os.Getenv("SSH_AUTH_SOCK"), defaultAgent())
	case value == "SSH_AUTH_SOCK":
		return os.Getenv("SSH_AUTH_SOCK")
	case strings.EqualFold(value, "none"):
		return ""
	case value[0] == '$' && !strings.HasPrefix(value, "${"):
		return os.Getenv(value[1:])
	}
	return value
}
