package sshconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.org/ftptunnel/tunnel"
)

// hop returns the hop that s configures for alias.
func (r *resolver) hop(alias string, s settings) (tunnel.Hop, error) {
	if s.set("refuseconnection") {
		return tunnel.Hop{}, &Error{Text: "RefuseConnection of " + alias + ": " + s.first("refuseconnection")}
	}
	v := values{settings: s}
	h := tunnel.Hop{
		Alias:                    alias,
		HostName:                 s.first("hostname"),
		Port:                     v.number("port", 1, 65535),
		User:                     s.first("user"),
		AddressFamily:            s.first("addressfamily"),
		BindAddress:              s.first("bindaddress"),
		BindInterface:            s.unlessNone("bindinterface"),
		ConnectTimeout:           v.seconds("connecttimeout"),
		HostKeyAlias:             s.first("hostkeyalias"),
		StrictHostKeyChecking:    v.strictHostKeyChecking(),
		HashKnownHosts:           v.boolean("hashknownhosts"),
		RequiredRSASize:          v.rsaSize(),
		IdentityFilesSet:         !slices.Equal(s["identityfile"], r.defaults["identityfile"]),
		IdentitiesOnly:           v.boolean("identitiesonly"),
		PreferredAuthentications: commaList(s.first("preferredauthentications")),
		PubkeyAuthentication:     v.boolean("pubkeyauthentication"),
		PasswordAuthentication:   v.boolean("passwordauthentication"),
		KbdInteractive:           v.boolean("kbdinteractiveauthentication"),
		NumberOfPasswordPrompts:  v.number("numberofpasswordprompts", 0, 1<<30),
		BatchMode:                v.boolean("batchmode"),
		ServerAliveInterval:      v.aliveInterval(),
		ServerAliveCountMax:      v.aliveCount(),
	}
	setAlgorithms(&h, &v, r.defaults)
	r.setFiles(&h, &v)
	h.KnownHostsCommand = r.knownHostsCommand(&v, alias)
	h.ProxyCommand = r.proxyCommand(&v, alias)
	for _, required := range []string{"hostname", "user"} {
		if s.first(required) == "" {
			v.invalid(required)
		}
	}
	if v.err != nil {
		return tunnel.Hop{}, inFile("configuration of "+alias, v.err)
	}
	return h, nil
}

// setFiles sets the names of files and sockets, expanded.
func (r *resolver) setFiles(h *tunnel.Hop, v *values) {
	expand := func(name string) string { return r.expand(v, h.Alias, name) }
	h.UserKnownHostsFiles = knownHostsFiles(v.first("userknownhostsfile"), expand)
	h.GlobalKnownHostsFiles = knownHostsFiles(v.first("globalknownhostsfile"), expand)
	for _, name := range splitPaths(v.unlessNone("revokedhostkeys")) {
		h.RevokedHostKeysFiles = append(h.RevokedHostKeysFiles, expand(name))
	}
	for _, name := range v.settings["identityfile"] {
		if !strings.EqualFold(name, "none") {
			h.IdentityFiles = append(h.IdentityFiles, expand(name))
		}
	}
	for _, name := range v.settings["certificatefile"] {
		if !strings.EqualFold(name, "none") {
			h.CertificateFiles = append(h.CertificateFiles, expand(name))
		}
	}
	h.IdentityAgent = agentSocket(v.first("identityagent"))
	if strings.HasPrefix(h.IdentityAgent, "~") {
		h.IdentityAgent = expand(h.IdentityAgent)
	}
}

func (r *resolver) expand(v *values, alias, name string) string {
	name, err := r.local.expandFile(name, r.local.tokens(alias, v.settings))
	if err != nil {
		v.fail(err)
	}
	return name
}

// knownHostsFiles returns the names in list. "ssh -G" expands them, except that
// OpenSSH before 8.4 does not expand the ~.
func knownHostsFiles(list string, expand func(string) string) []string {
	var names []string
	for _, name := range splitPaths(list) {
		if strings.HasPrefix(name, "~") {
			name = expand(name)
		}
		if !strings.EqualFold(name, "none") {
			names = append(names, name)
		}
	}
	return names
}

// proxyCommand returns the ProxyCommand of alias with its tokens expanded. The
// shell expands the rest.
func (r *resolver) proxyCommand(v *values, alias string) string {
	if !v.set("proxycommand") || v.set("proxyjump") {
		return ""
	}
	command := v.first("proxycommand")
	if command == "-" || v.set("proxyusefdpass") && v.boolean("proxyusefdpass") {
		v.fail(errors.New("ProxyCommand - and ProxyUseFdpass are not supported"))
		return ""
	}
	command, err := expandTokens(command, only(r.local.tokens(alias, v.settings), "hnpr"), nil)
	if err != nil {
		v.fail(fmt.Errorf("ProxyCommand %w", err))
	}
	return command
}

// knownHostsCommand returns KnownHostsCommand in the form that a [tunnel.Hop]
// has. As in ssh, the name of the program is not expanded.
func (r *resolver) knownHostsCommand(v *values, alias string) []string {
	if !v.set("knownhostscommand") {
		return nil
	}
	words, err := splitArguments(v.first("knownhostscommand"))
	if err == nil && (len(words) == 0 || !filepath.IsAbs(words[0])) {
		err = errors.New("not the absolute path of a program")
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
	if err != nil {
		v.fail(fmt.Errorf("KnownHostsCommand %s: %w", v.first("knownhostscommand"), err))
	}
	return words
}
