package sshconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// splitArguments splits a command into words as ssh does, without a shell: at
// blanks that are not inside single or double quotes. A backslash escapes a
// quote, a backslash and, outside quotes, a space; before anything else it is
// an ordinary character.
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
		return nil, errors.New("unterminated quote")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitPaths splits what "ssh -G" prints for several files: their names, which
// may contain spaces, joined by spaces. The next name is the longest one that
// exists. If none exists, it ends before the next word that begins like an
// absolute path.
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
