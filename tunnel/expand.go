package tunnel

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hop makes a Hop of settings.
func (s settings) hop(alias string) (Hop, error) {
	h := Hop{
		Alias:                    alias,
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
		PubkeyAuthentication:     s.last("pubkeyauthentication") != "no" && s.last("pubkeyauthentication") != "false",
		PasswordAuthentication:   s.yes("passwordauthentication", true),
		KbdInteractive:           s.yes("kbdinteractiveauthentication", true),
		NumberOfPasswordPrompts:  s.number("numberofpasswordprompts"),
		BatchMode:                s.yes("batchmode", false),
		ServerAliveInterval:      s.seconds("serveraliveinterval"),
		ServerAliveCountMax:      s.number("serveralivecountmax"),
	}
	if h.HostName == "" {
		h.HostName = alias
	}
	e, err := newExpander(h, s.last("proxyjump"))
	if err != nil {
		return Hop{}, err
	}
	if h.User == "" {
		h.User = e.local.Username
	}
	for _, f := range s["identityfile"] {
		if file := e.path(f); file != "" && !slices.Contains(h.IdentityFiles, file) {
			h.IdentityFiles = append(h.IdentityFiles, file)
		}
		h.IdentityFilesSet = h.IdentityFilesSet || !slices.Contains(defaultIdentities, f)
	}
	h.IdentityAgent = e.agent(s.last("identityagent"))
	h.UserKnownHostsFiles = e.files(s.last("userknownhostsfile"))
	h.GlobalKnownHostsFiles = e.files(s.last("globalknownhostsfile"))
	if e.err != nil {
		return Hop{}, e.err
	}
	return h, nil
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

// An expander replaces ~, %tokens and ${VARIABLES} in file names, as TOKENS and
// ENVIRONMENT VARIABLES of ssh_config(5) say. The home directory is the password
// database's, as for ssh, whatever $HOME says.
type expander struct {
	hop    Hop
	jump   string
	local  *user.User
	host   string // this machine's name
	tokens map[byte]string
	err    error
}

func newExpander(h Hop, jump string) (*expander, error) {
	local, err := user.Current()
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	short, _, _ := strings.Cut(name, ".")
	port := strconv.Itoa(h.Port)
	remote := h.User
	if remote == "" {
		remote = local.Username
	}
	key := h.HostKeyAlias
	if key == "" {
		key = h.HostName
	}
	hash := sha1.Sum([]byte(name + h.HostName + port + remote + jump))
	return &expander{hop: h, jump: jump, local: local, host: name, tokens: map[byte]string{
		'%': "%", 'C': hex.EncodeToString(hash[:]), 'd': local.HomeDir, 'h': h.HostName, 'i': local.Uid,
		'j': jump, 'k': key, 'L': short, 'l': name, 'n': h.Alias, 'p': port, 'r': remote, 'u': local.Username,
	}}, nil
}

// path expands a file name; "none" becomes empty.
func (e *expander) path(s string) string {
	if strings.EqualFold(s, "none") {
		return ""
	}
	s = e.tilde(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+1 < len(s):
			i++
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

// agent returns the agent's socket. Not set, it is $SSH_AUTH_SOCK; so it is
// when it says so.
func (e *expander) agent(s string) string {
	switch {
	case strings.EqualFold(s, "none"):
		return ""
	case s == "" || s == "SSH_AUTH_SOCK":
		if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" || s != "" {
			return socket
		}
		return defaultAgent
	case strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "${"):
		return os.Getenv(s[1:])
	}
	return e.path(s)
}

// files splits a list of files that ssh has joined with blanks. Names may hold
// blanks themselves: the longest that exists is meant.
func (e *expander) files(s string) (files []string) {
	words := strings.Fields(s)
	for len(words) > 0 {
		n := 1
		for i := len(words); i > 1; i-- {
			if _, err := os.Stat(e.path(strings.Join(words[:i], " "))); err == nil {
				n = i
				break
			}
		}
		if file := e.path(strings.Join(words[:n], " ")); file != "" {
			files = append(files, file)
		}
		words = words[n:]
	}
	return files
}

func (e *expander) fail(text string) {
	if e.err == nil {
		e.err = &ConfigError{text}
	}
}
