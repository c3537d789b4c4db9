package sshconfig

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// An account is the user that runs this program. As in ssh, it comes from the
// password database, not from the environment.
type account struct {
	home, name, uid string
	hostname        string // of this machine
}

func thisAccount() (account, error) {
	u, err := user.Current()
	if err != nil {
		return account{}, fmt.Errorf("look up the current user: %w", err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		return account{}, fmt.Errorf("look up the host name: %w", err)
	}
	name := u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // Windows prefixes the domain
	return account{home: u.HomeDir, name: name, uid: u.Uid, hostname: hostname}, nil
}

// tokens returns the values of the %-tokens of ssh_config(5) for alias. The
// hash %C is that of OpenSSH 9.6 and later, which includes the jump host.
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

// expandFile expands a leading ~ or ~user, then tokens and ${VARIABLES}.
func (a account) expandFile(name string, tokens map[byte]string) (string, error) {
	name, err := a.expandTilde(name)
	if err != nil {
		return "", err
	}
	return expandTokens(name, tokens, os.LookupEnv)
}

// expandTilde replaces a leading ~ by the home directory of a, and a leading
// ~user by that of user.
func (a account) expandTilde(name string) (string, error) {
	rest, found := strings.CutPrefix(name, "~")
	if !found {
		return name, nil
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r == '/' || r == filepath.Separator })
	if end < 0 {
		end = len(rest)
	}
	other, rest := rest[:end], rest[end:]
	if other == "" {
		return filepath.Join(a.home, rest), nil
	}
	u, err := user.Lookup(other)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return filepath.Join(u.HomeDir, rest), nil
}
