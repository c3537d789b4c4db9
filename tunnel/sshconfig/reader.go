package sshconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// readConfig is the built-in reader, which is used where there is no OpenSSH
// client. It returns what "ssh -G" would print for t, as far as [tunnel.Hop]
// needs it.
//
// Package ssh_config parses the files. It reads parts of the language
// differently from ssh, without an error, so an [inspector] looks at every line
// first and rejects what package ssh_config may read differently.
func readConfig(t target, opts Options, local account) (settings, error) {
	texts, err := configTexts(opts, local)
	if err != nil {
		return nil, err
	}
	look := inspector{home: local.home}
	layers := []settings{commandLine(opts)} // highest precedence first
	for _, text := range texts {
		if err := look.inspect(text, 0); err != nil {
			return nil, err
		}
		layer, err := parseText(text, t.host)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
		if text.commandLine {
			layers = append(layers, commandLine(Options{User: t.user, Port: t.port}))
		}
	}
	s := settings{}
	for _, layer := range layers {
		s.add(layer)
	}
	if opts.Jump != "" {
		delete(s, "proxycommand")
	}
	if err := look.checkProxyCommand(s, t); err != nil {
		return nil, err
	}
	s.complete(t, local)
	return s, s.expand(t, local)
}

// A configText is the text of a file, or of the settings of the command line.
type configText struct {
	name        string
	text        []byte
	commandLine bool // has no sections
	system      bool // the system's file, or one that it includes
}

// configTexts returns the texts to read, highest precedence first.
func configTexts(opts Options, local account) ([]configText, error) {
	lines := strings.Join(opts.Settings, "\n") + "\n"
	if strings.Count(lines, "\n") > max(1, len(opts.Settings)) {
		return nil, option("-o", "-o: more than one line", nil)
	}
	texts := []configText{{name: "-o", text: []byte(lines), commandLine: true}}
	read := func(name string, required, system bool) error {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && !required {
			return nil
		}
		if err != nil {
			return inFile("configuration file", err)
		}
		texts = append(texts, configText{name: name, text: append(text, '\n'), system: system})
		return nil
	}
	if strings.EqualFold(opts.ConfigFile, "none") {
		return texts, nil
	}
	if opts.ConfigFile != "" {
		err := read(opts.ConfigFile, true, false)
		return texts, err
	}
	err := errors.Join(
		read(filepath.Join(local.home, ".ssh", "config"), false, false),
		read(filepath.Join(systemFolder(), "ssh_config"), false, true))
	return texts, err
}

// commandLine returns the settings of the command line's single letters.
func commandLine(opts Options) settings {
	s := settings{"identityfile": opts.IdentityFiles}
	set := func(keyword, value string) {
		if value != "" {
			s[keyword] = []string{value}
		}
	}
	set("user", opts.User)
	if opts.Port != 0 {
		set("port", strconv.Itoa(opts.Port))
	}
	set("addressfamily", opts.AddressFamily)
	set("proxyjump", opts.Jump)
	return s
}

// parseText returns the values that text sets for host.
func parseText(text configText, host string) (settings, error) {
	config, err := ssh_config.DecodeBytes(text.text)
	if err != nil {
		return nil, inFile(text.name, err)
	}
	s := settings{}
	for keyword := range valueForms {
		if s[keyword], err = config.GetAll(host, keyword); err != nil {
			return nil, inFile(text.name, err)
		}
	}
	// Unlike any other "none", this one does not override later values.
	s["connecttimeout"] = slices.DeleteFunc(s["connecttimeout"], func(v string) bool { return strings.EqualFold(v, "none") })
	return s, nil
}

// add adds the values of a layer of lower precedence. The first value of a
// keyword wins, except that identity and certificate files accumulate.
func (s settings) add(layer settings) {
	for keyword, values := range layer {
		switch {
		case keyword == "identityfile" || keyword == "certificatefile":
			s[keyword] = append(s[keyword], values...)
		case len(s[keyword]) == 0 && len(values) > 0:
			s[keyword] = values[:1]
		}
	}
}

// complete adds the defaults of a current OpenSSH for what is not set.
func (s settings) complete(t target, local account) {
	for keyword, values := range defaultSettings() {
		if len(s[keyword]) == 0 {
			s[keyword] = values
		}
	}
	if len(s["user"]) == 0 {
		s["user"] = []string{local.name}
	}
	if len(s["hostname"]) == 0 {
		s["hostname"] = []string{strings.ReplaceAll(t.host, "%", "%%")}
	}
	s["identityfile"] = distinct(s["identityfile"])
	s["certificatefile"] = distinct(s["certificatefile"])
}

func distinct(names []string) (kept []string) {
	for _, name := range names {
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// expand expands what "ssh -G" prints expanded.
func (s settings) expand(t target, local account) error {
	name, err := expandTokens(s.first("hostname"), map[byte]string{'%': "%", 'h': t.host}, nil)
	if err != nil {
		return inFile("HostName of "+t.host, err)
	}
	s["hostname"] = []string{strings.ToLower(name)}

	tokens := local.tokens(t.host, s)
	var files []string
	for _, name := range strings.Fields(s.first("userknownhostsfile")) {
		if name, err = local.expandFile(name, tokens); err != nil {
			return inFile("UserKnownHostsFile of "+t.host, err)
		}
		files = append(files, name)
	}
	s["userknownhostsfile"] = []string{strings.Join(files, " ")}
	if s.first("identityagent") == "" || strings.HasPrefix(s.first("identityagent"), "$") && !strings.HasPrefix(s.first("identityagent"), "${") {
		return nil
	}
	agent, err := local.expandFile(s.first("identityagent"), tokens)
	if err != nil {
		return inFile("IdentityAgent of "+t.host, err)
	}
	s["identityagent"] = []string{agent}
	return nil
}

// checkProxyCommand returns an error if the ProxyCommand in s may not be the
// one that ssh would run. Package ssh_config takes a # in it for the beginning
// of a comment.
func (i *inspector) checkProxyCommand(s settings, t target) error {
	if s.first("proxycommand") == "" {
		return nil
	}
	var places []string
	read := false
	for _, line := range i.proxyCommands {
		places = append(places, line.place)
		read = read || line.command == s.first("proxycommand")
	}
	at := strings.Join(places, ", ")
	switch {
	case s.first("proxyjump") != "":
		return unsupported(at, fmt.Sprintf("both ProxyCommand and ProxyJump for %s, of which the first wins", t.host))
	case !read:
		return unsupported(at, fmt.Sprintf("ProxyCommand of %s with a #", t.host))
	}
	return nil
}
