package sshconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/ftptunnel/tunnel"
)

// settings are the effective configuration for one host, by keyword in lower
// case, in the words in which "ssh -G" prints them.
type settings map[string][]string

func (s settings) first(keyword string) string {
	if len(s[keyword]) == 0 {
		return ""
	}
	return s[keyword][0]
}

// set reports whether keyword has a value that is not "none".
func (s settings) set(keyword string) bool {
	return s.first(keyword) != "" && !strings.EqualFold(s.first(keyword), "none")
}

// hop turns s into the hop that was called alias.
func (r *resolver) hop(alias string, s settings) (tunnel.Hop, error) {
	if s.set("refuseconnection") {
		return tunnel.Hop{}, &Error{"RefuseConnection of " + alias + ": " + s.first("refuseconnection")}
	}
	v := values{settings: s}
	h := tunnel.Hop{
		Alias:                    alias,
		HostName:                 s.first("hostname"),
		Port:                     v.number("port", 1, 65535),
		User:                     s.first("user"),
		AddressFamily:            s.first("addressfamily"),
		BindAddress:              s.first("bindaddress"),
		BindInterface:            v.unlessNone("bindinterface"),
		ConnectTimeout:           v.seconds("connecttimeout"),
		HostKeyAlias:             s.first("hostkeyalias"),
		UserKnownHostsFiles:      r.knownHostsFiles(&v, alias, "userknownhostsfile"),
		GlobalKnownHostsFiles:    r.knownHostsFiles(&v, alias, "globalknownhostsfile"),
		StrictHostKeyChecking:    v.strictness(),
		HashKnownHosts:           v.boolean("hashknownhosts"),
		RevokedHostKeysFiles:     r.revokedFiles(&v, alias),
		KnownHostsCommand:        r.knownHostsCommand(&v, alias),
		RequiredRSASize:          v.rsaSize(),
		IdentityFilesSet:         !slices.Equal(s["identityfile"], r.defaults["identityfile"]),
		IdentitiesOnly:           v.boolean("identitiesonly"),
		PreferredAuthentications: commaList(s.first("preferredauthentications")),
		PubkeyAuthentication:     v.boolean("pubkeyauthentication"),
		PasswordAuthentication:   v.boolean("passwordauthentication"),
		KbdInteractive:           v.boolean("kbdinteractiveauthentication"),
		NumberOfPasswordPrompts:  v.number("numberofpasswordprompts", 0, 1<<30),
		BatchMode:                v.boolean("batchmode"),
		ServerAliveInterval:      v.seconds("serveraliveinterval"),
		ServerAliveCountMax:      v.number("serveralivecountmax", 0, 1<<30),
	}
	setAlgorithms(&h, &v, r.defaults)
	for _, name := range s["identityfile"] {
		if !strings.EqualFold(name, "none") {
			h.IdentityFiles = append(h.IdentityFiles, v.expand(r.local, alias, name))
		}
	}
	for _, name := range s["certificatefile"] {
		if !strings.EqualFold(name, "none") {
			h.CertificateFiles = append(h.CertificateFiles, v.expand(r.local, alias, name))
		}
	}
	h.IdentityAgent = agentSocket(s.first("identityagent"))
	if strings.HasPrefix(h.IdentityAgent, "~") {
		h.IdentityAgent = v.expand(r.local, alias, h.IdentityAgent)
	}
	h.ProxyCommand = r.proxyCommand(&v, alias)
	if h.HostName == "" || h.User == "" {
		v.fail("hostname and user")
	}
	if v.err != nil {
		return tunnel.Hop{}, &Error{"configuration of " + alias + ": " + v.err.Error()}
	}
	return h, nil
}

// proxyCommand returns the command that connects to alias, with its tokens
// replaced; the shell sees to the rest.
func (r *resolver) proxyCommand(v *values, alias string) string {
	if !v.set("proxycommand") || v.set("proxyjump") {
		return ""
	}
	command := v.first("proxycommand")
	if command == "-" || v.set("proxyusefdpass") && v.boolean("proxyusefdpass") {
		v.refuse("ProxyCommand - and ProxyUseFdpass are not supported")
		return ""
	}
	command, err := expandTokens(command, only(r.local.tokens(alias, v.settings), "hnpr"), nil)
	if err != nil {
		v.refuse("ProxyCommand " + err.Error())
	}
	return command
}

// knownHostsFiles returns the files that keyword names. A current "ssh -G"
// prints them expanded; one before OpenSSH 8.4 leaves the ~.
func (r *resolver) knownHostsFiles(v *values, alias, keyword string) []string {
	var names []string
	for _, name := range splitPaths(v.first(keyword)) {
		if strings.HasPrefix(name, "~") {
			name = v.expand(r.local, alias, name)
		}
		if !strings.EqualFold(name, "none") {
			names = append(names, name)
		}
	}
	return names
}

// revokedFiles returns the files of RevokedHostKeys, which "ssh -G" prints as
// they are written.
func (r *resolver) revokedFiles(v *values, alias string) []string {
	if !v.set("revokedhostkeys") {
		return nil
	}
	var names []string
	for _, name := range splitPaths(v.first("revokedhostkeys")) {
		names = append(names, v.expand(r.local, alias, name))
	}
	return names
}

// knownHostsCommand returns KnownHostsCommand as a [tunnel.Hop] has it. As with ssh,
// nothing is replaced in the program's name.
func (r *resolver) knownHostsCommand(v *values, alias string) []string {
	if !v.set("knownhostscommand") {
		return nil
	}
	words, err := splitArguments(v.first("knownhostscommand"))
	if err == nil && (len(words) == 0 || !filepath.IsAbs(words[0])) {
		err = errors.New("not the complete path of a program")
	}
	tokens := map[byte]string{}
	for letter, value := range r.local.tokens(alias, v.settings) {
		tokens[letter] = strings.ReplaceAll(value, "%", "%%")
	}
	for _, letter := range []byte("HItfK") {
		tokens[letter] = "%" + string(letter)
	}
	variable := func(name string) (string, bool) {
		value, ok := os.LookupEnv(name)
		return strings.ReplaceAll(value, "%", "%%"), ok
	}
	for i := 1; i < len(words) && err == nil; i++ {
		words[i], err = expandTokens(words[i], tokens, variable)
	}
	if err != nil && v.err == nil {
		v.err = fmt.Errorf("KnownHostsCommand %s: %w", v.first("knownhostscommand"), err)
	}
	return words
}

// values reads settings as other types than strings. The first failure
// stays in err.
type values struct {
	settings
	err error
}

func (v *values) fail(what string) {
	if v.err == nil {
		v.err = fmt.Errorf("%s missing or invalid", what)
	}
}

func (v *values) refuse(why string) {
	if v.err == nil {
		v.err = errors.New(why)
	}
}

func (v *values) number(keyword string, low, high int) int {
	n, err := strconv.Atoi(v.first(keyword))
	if err != nil || n < low || n > high {
		v.fail(fmt.Sprintf("%s %q", keyword, v.first(keyword)))
	}
	return n
}

func (v *values) seconds(keyword string) time.Duration {
	if !v.set(keyword) {
		return 0
	}
	return time.Duration(v.number(keyword, 0, 1<<31-1)) * time.Second
}

// boolean reports whether keyword is on. PubkeyAuthentication has two more
// values, which say whether authentication is bound to the host key; both turn
// it on.
func (v *values) boolean(keyword string) bool {
	switch strings.ToLower(v.first(keyword)) {
	case "yes", "true", "unbound", "host-bound":
		return true
	case "no", "false":
		return false
	}
	v.fail(fmt.Sprintf("%s %q", keyword, v.first(keyword)))
	return false
}

// unlessNone returns the value of keyword, empty if that is "none".
func (v *values) unlessNone(keyword string) string {
	if !v.set(keyword) {
		return ""
	}
	return v.first(keyword)
}

// rsaSize returns RequiredRSASize, which OpenSSH before 9.1 does not know.
func (v *values) rsaSize() int {
	if v.first("requiredrsasize") == "" {
		return defaultRSASize
	}
	return v.number("requiredrsasize", 0, 1<<31-1)
}

func (v *values) strictness() string {
	switch value := strings.ToLower(v.first("stricthostkeychecking")); value {
	case "yes", "true":
		return "yes"
	case "no", "false", "off":
		return "no"
	case "ask", "accept-new":
		return value
	}
	v.fail("stricthostkeychecking")
	return ""
}

func (v *values) expand(local account, alias, name string) string {
	name, err := local.expandFile(name, local.tokens(alias, v.settings))
	if err != nil && v.err == nil {
		v.err = err
	}
	return name
}

func commaList(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
