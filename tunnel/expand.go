package tunnel

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hop makes a Hop of settings.
func (s settings) hop(e *expander) (Hop, error) {
	h := Hop{
		Alias:                    e.alias,
		HostName:                 s.last("hostname"),
		Port:                     s.number("port"),
		User:                     s.last("user"),
		AddressFamily:            s.last("addressfamily"),
		BindAddress:              s.last("bindaddress"),
		ConnectTimeout:           s.seconds("connecttimeout"),
		HostKeyAlias:             s.last("hostkeyalias"),
		HostKeyAlgorithms:        supported(s.list("hostkeyalgorithms")),
		StrictHostKeyChecking:    policy(s.last("stricthostkeychecking")),
		HashKnownHosts:           s.yes("hashknownhosts", false),
		IdentitiesOnly:           s.yes("identitiesonly", false),
		PreferredAuthentications: s.list("preferredauthentications"),
		PubkeyAuthentication:     s.yes("pubkeyauthentication", true),
		PasswordAuthentication:   s.yes("passwordauthentication", true),
		KbdInteractive:           s.yes("kbdinteractiveauthentication", true),
		NumberOfPasswordPrompts:  s.number("numberofpasswordprompts"),
		BatchMode:                s.yes("batchmode", false),
		ServerAliveInterval:      s.seconds("serveraliveinterval"),
		ServerAliveCountMax:      s.number("serveralivecountmax"),
	}
	if len(h.HostKeyAlgorithms) == 0 && s.set("hostkeyalgorithms") {
		return Hop{}, &ConfigError{"HostKeyAlgorithms: none of these is known here: " + s.last("hostkeyalgorithms")}
	}
	for _, f := range s["identityfile"] {
		if file := e.path(f); file != "" && !slices.Contains(h.IdentityFiles, file) {
			h.IdentityFiles = append(h.IdentityFiles, file)
		}
		h.IdentityFilesSet = h.IdentityFilesSet || !slices.Contains(defaultIdentities, f)
	}
	h.IdentityAgent = agentSocket(s.last("identityagent"))
	h.UserKnownHostsFiles = splitFiles(s.last("userknownhostsfile"))
	h.GlobalKnownHostsFiles = splitFiles(s.last("globalknownhostsfile"))
	return h, e.err
}

// defaultIdentities are the key files that ssh tries unless others are
// configured. The last three are of older versions.
var defaultIdentities = []string{
	"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk",
	"~/.ssh/id_xmss", "~/.ssh/id_dsa", "~/.ssh/id_mldsa44_ed25519",
}

// policy returns StrictHostKeyChecking in the words of ssh_config(5).
func policy(value string) string {
	switch value = strings.ToLower(value); value {
	case "":
		return "ask"
	case "true":
		return "yes"
	case "false", "off":
		return "no"
	}
	return value
}

// supported drops the algorithms that package ssh does not have. Old ones that
// it has are kept: ssh's list names them only where a person did.
func supported(algorithms []string) []string {
	known := append(ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys...)
	return slices.DeleteFunc(algorithms, func(a string) bool { return !slices.Contains(known, a) })
}

// An expander replaces ~, %tokens and ${VARIABLES}, as TOKENS and ENVIRONMENT
// VARIABLES of ssh_config(5) say. The home directory is the password database's,
// as for ssh, whatever $HOME says. The first thing that cannot be expanded stays
// in err.
type expander struct {
	alias  string
	local  *user.User
	tokens map[byte]string
	err    error
}

func newExpander(s settings, alias string) (*expander, error) {
	local, err := user.Current()
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	short, _, _ := strings.Cut(name, ".")
	host, port, remote := s.last("hostname"), s.last("port"), s.last("user")
	key := s.last("hostkeyalias")
	if key == "" {
		key = alias
	}
	jump := lastJump(s.last("proxyjump"))
	hash := sha1.Sum([]byte(name + host + port + remote + jump))
	return &expander{alias: alias, local: local, tokens: map[byte]string{
		'%': "%", 'C': hex.EncodeToString(hash[:]), 'd': local.HomeDir, 'h': host, 'i': local.Uid,
		'j': jump, 'k': key, 'L': short, 'l': name, 'n': alias, 'p': port, 'r': remote, 'u': local.Username,
	}}, nil
}

// lastJump returns the host in a ProxyJump that is next to the destination.
func lastJump(jump string) string {
	jump = jump[strings.LastIndexByte(jump, ',')+1:]
	t, err := parseTarget(jumpURL(jump))
	if err != nil || strings.EqualFold(jump, "none") {
		return ""
	}
	return t.host
}

// proxy expands a ProxyJump, for which there are fewer tokens.
func (e *expander) proxy(s string) (string, error) {
	fewer := &expander{tokens: make(map[byte]string)}
	for _, c := range []byte("%hnpr") {
		fewer.tokens[c] = e.tokens[c]
	}
	return fewer.expand(s), fewer.err
}

// path expands a file name; "none" becomes empty.
func (e *expander) path(s string) string {
	if strings.EqualFold(s, "none") {
		return ""
	}
	return e.expand(e.tilde(s))
}

// expand replaces tokens and variables.
func (e *expander) expand(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			i++
			if i == len(s) {
				e.fail(s + ": a % at the end")
				return ""
			}
			token, ok := e.tokens[s[i]]
			if !ok {
				e.fail(fmt.Sprintf("%s: unknown token %%%c", s, s[i]))
			}
			b.WriteString(token)
		case strings.HasPrefix(s[i:], "${"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				e.fail(s + ": no end of ${")
				return ""
			}
			b.WriteString(e.variable(s[i+2 : i+end]))
			i += end
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func (e *expander) variable(name string) string {
	value, ok := os.LookupEnv(name)
	if !ok {
		e.fail(fmt.Sprintf("environment variable %s is not set", name))
	}
	return value
}

// tilde expands ~ and ~user at the beginning.
func (e *expander) tilde(s string) string {
	if !strings.HasPrefix(s, "~") {
		return s
	}
	name, rest, _ := strings.Cut(s[1:], "/")
	home := e.local.HomeDir
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			e.fail(fmt.Sprintf("%s: %v", s, err))
			return s
		}
		home = u.HomeDir
	}
	return filepath.Join(home, rest)
}

// agentSocket returns the agent's socket, of an IdentityAgent that is expanded
// but for the name of a variable. Not set, it is $SSH_AUTH_SOCK; so it is when
// it says so.
func agentSocket(s string) string {
	switch {
	case strings.EqualFold(s, "none"):
		return ""
	case s == "" || s == "SSH_AUTH_SOCK":
		if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" || s != "" {
			return socket
		}
		return defaultAgent
	case strings.HasPrefix(s, "$"):
		return os.Getenv(s[1:])
	}
	return s
}

// splitFiles splits a list of files that ssh has joined with blanks. Names may
// hold blanks themselves: the longest that exists is meant, or else what goes on
// to the next complete name.
func splitFiles(s string) (files []string) {
	if s == "" || strings.EqualFold(s, "none") {
		return nil
	}
	words := strings.Split(s, " ")
	for len(words) > 0 {
		n := 1
		for filepath.IsAbs(words[0]) && n < len(words) && !filepath.IsAbs(words[n]) {
			n++
		}
		for i := len(words); i > 0; i-- {
			if _, err := os.Stat(strings.Join(words[:i], " ")); err == nil {
				n = i
				break
			}
		}
		files = append(files, strings.Join(words[:n], " "))
		words = words[n:]
	}
	return files
}

func (e *expander) fail(text string) {
	if e.err == nil {
		e.err = &ConfigError{text}
	}
}
