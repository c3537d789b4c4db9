package sshconfig

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
)

// An account is who runs this program where, as ssh sees it: by the password
// database, not by the environment.
type account struct {
	home, name, uid string
	hostname        string
}

func thisAccount() (account, error) {
	u, err := user.Current()
	if err != nil {
		return account{}, fmt.Errorf("find out who you are: %w", err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		return account{}, fmt.Errorf("find out this machine's name: %w", err)
	}
	name := u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // Windows puts the domain in front
	return account{home: u.HomeDir, name: name, uid: u.Uid, hostname: hostname}, nil
}

// tokens returns the values of the %-tokens of ssh_config(5) for the host
// called alias. The hash %C is that of OpenSSH since 9.6, which includes the
// jump host.
func (a account) tokens(alias string, s settings) map[byte]string {
	t := map[byte]string{
		'%': "%",
		'd': a.home,
		'h': s.first("hostname"),
		'i': a.uid,
		'j': "",
		'k': alias,
		'l': a.hostname,
		'n': alias,
		'p': s.first("port"),
		'r': s.first("user"),
		'u': a.name,
	}
	t['L'], _, _ = strings.Cut(a.hostname, ".")
	if s.first("hostkeyalias") != "" {
		t['k'] = s.first("hostkeyalias")
	}
	if s.set("proxyjump") {
		if _, last, err := splitJump(s.first("proxyjump")); err == nil {
			t['j'] = last.host
		}
	}
	sum := sha1.Sum([]byte(t['l'] + t['h'] + t['p'] + t['r'] + t['j']))
	t['C'] = hex.EncodeToString(sum[:])
	return t
}

// only returns those of tokens whose letters are given, and %%.
func only(tokens map[byte]string, letters string) map[byte]string {
	tokens = maps.Clone(tokens)
	maps.DeleteFunc(tokens, func(letter byte, _ string) bool {
		return letter != '%' && strings.IndexByte(letters, letter) < 0
	})
	return tokens
}

// expandFile replaces a leading ~ or ~user, then tokens and ${VARIABLES}.
func (a account) expandFile(name string, tokens map[byte]string) (string, error) {
	name, err := a.expandTilde(name)
	if err != nil {
		return "", err
	}
	return expandTokens(name, tokens, os.LookupEnv)
}

// expandTilde replaces a leading ~ by the home directory of this account and a
// leading ~user by that of user.
func (a account) expandTilde(name string) (string, error) {
	rest, found := strings.CutPrefix(name, "~")
	if !found {
		return name, nil
	}
	other, rest, _ := strings.Cut(rest, "/")
	if other == "" {
		return filepath.Join(a.home, rest), nil
	}
	u, err := user.Lookup(other)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return filepath.Join(u.HomeDir, rest), nil
}

// expandTokens replaces the %-tokens in s and, unless lookup is nil, each
// ${VARIABLE}. What it puts in is not looked at again.
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

// splitArguments splits a command into its words as ssh does, without a shell:
// at blanks, except in quotes of either kind. A backslash stands for itself
// unless a quote or a backslash follows it or, outside quotes, a space.
func splitArguments(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quote == 0 && (c == ' ' || c == '\t') {
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		}
		inWord = true
		switch {
		case c == '\\' && i+1 < len(s) && (strings.IndexByte("'\"\\", s[i+1]) >= 0 || quote == 0 && s[i+1] == ' '):
			i++
			word.WriteByte(s[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// defaultAgent returns where an agent is if nothing says so: Windows has one of
// its own.
func defaultAgent() string {
	if runtime.GOOS == "windows" {
		return `\\.\pipe\openssh-ssh-agent`
	}
	return ""
}

// agentSocket returns the agent's socket that IdentityAgent names, empty for
// none.
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

// splitPaths splits what "ssh -G" prints for several files: their names joined
// by spaces, which the names may have as well. A name is the longest that exists;
// if none does, it is what precedes the next word that begins like a complete
// path.
func splitPaths(joined string) []string {
	words := strings.Fields(joined)
	var names []string
	for len(words) > 0 {
		n := len(words)
		for n > 1 && !exists(strings.Join(words[:n], " ")) {
			n--
		}
		if n == 1 && isRooted(words[0]) && !exists(words[0]) {
			for n < len(words) && !isRooted(words[n]) {
				n++
			}
		}
		names = append(names, strings.Join(words[:n], " "))
		words = words[n:]
	}
	return names
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func isRooted(word string) bool {
	return filepath.IsAbs(word) || strings.HasPrefix(word, "~") || strings.HasPrefix(word, "/")
}
