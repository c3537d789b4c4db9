package sshconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// readConfig is the built-in reader, for where there is no ssh to ask: it
// returns what "ssh -G" would print about t, as far as [tunnel.Hop] needs it.
//
// Package ssh_config takes the files apart. It reads some of the language
// otherwise than ssh does, and without a word, so every line of every file is
// looked at first (see [inspector]), and what may be such a place is refused.
func readConfig(t target, opts Options, local account) (settings, error) {
	texts, err := configTexts(opts, local)
	if err != nil {
		return nil, err
	}
	look := inspector{home: local.home}
	layers := []settings{commandLine(opts)} // those that count first in front
	for _, text := range texts {
		if err := look.inspect(text, 0); err != nil {
			return nil, err
		}
		layer, err := gather(text, t.host)
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
	if err := look.proxied(s, t); err != nil {
		return nil, err
	}
	s.complete(t, local)
	return s, s.expand(t, local)
}

// proxied returns an error if the ProxyCommand in s may not be the one that ssh
// would run: package ssh_config takes a # for the beginning of a comment there.
func (i *inspector) proxied(s settings, t target) error {
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
		return &Error{fmt.Sprintf("%s: ProxyCommand: applies to %s as ProxyJump does, and the first counts. %s", at, t.host, advice)}
	case !read:
		return &Error{fmt.Sprintf("%s: ProxyCommand of %s with a #. %s", at, t.host, advice)}
	}
	return nil
}

// advice ends each refusal.
const advice = "The built-in reader cannot be sure to read this as ssh does; where OpenSSH's client is installed, that is asked instead"

// commandLine returns what the command line's letters set.
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

// gather returns the values of all keywords that apply to host in one text.
func gather(text configText, host string) (settings, error) {
	config, err := ssh_config.DecodeBytes(text.text)
	if err != nil {
		return nil, &Error{text.name + ": " + err.Error()}
	}
	s := settings{}
	for keyword := range valueForms {
		if s[keyword], err = config.GetAll(host, keyword); err != nil {
			return nil, &Error{text.name + ": " + err.Error()}
		}
	}
	// This is the one "none" that does not count as a value: a later one does.
	s["connecttimeout"] = slices.DeleteFunc(s["connecttimeout"], func(v string) bool { return strings.EqualFold(v, "none") })
	return s, nil
}

// add adds the values of a layer that counts less: of each keyword the first
// value stays, except that identity and certificate files add up.
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

// complete adds the defaults of a current OpenSSH to what is not set.
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
		return &Error{"HostName of " + t.host + ": " + err.Error()}
	}
	s["hostname"] = []string{strings.ToLower(name)}

	tokens := local.tokens(t.host, s)
	var files []string
	for _, name := range strings.Fields(s.first("userknownhostsfile")) {
		if name, err = local.expandFile(name, tokens); err != nil {
			return &Error{"UserKnownHostsFile of " + t.host + ": " + err.Error()}
		}
		files = append(files, name)
	}
	s["userknownhostsfile"] = []string{strings.Join(files, " ")}
	if s.first("identityagent") == "" || strings.HasPrefix(s.first("identityagent"), "$") && !strings.HasPrefix(s.first("identityagent"), "${") {
		return nil
	}
	agent, err := local.expandFile(s.first("identityagent"), tokens)
	if err != nil {
		return &Error{"IdentityAgent of " + t.host + ": " + err.Error()}
	}
	s["identityagent"] = []string{agent}
	return nil
}

// defaultSettings are the settings that a current OpenSSH has if nothing is
// configured, without those that depend on the host.
func defaultSettings() settings {
	return settings{
		"port":                         {"22"},
		"addressfamily":                {"any"},
		"connecttimeout":               {"none"},
		"userknownhostsfile":           {"~/.ssh/known_hosts ~/.ssh/known_hosts2"},
		"globalknownhostsfile":         {filepath.Join(systemFolder(), "ssh_known_hosts") + " " + filepath.Join(systemFolder(), "ssh_known_hosts2")},
		"stricthostkeychecking":        {"ask"},
		"hashknownhosts":               {"no"},
		"identityfile":                 {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk"},
		"identitiesonly":               {"no"},
		"pubkeyauthentication":         {"yes"},
		"passwordauthentication":       {"yes"},
		"kbdinteractiveauthentication": {"yes"},
		"numberofpasswordprompts":      {"3"},
		"batchmode":                    {"no"},
		"requiredrsasize":              {strconv.Itoa(defaultRSASize)},
		"serveraliveinterval":          {"0"},
		"serveralivecountmax":          {"3"},
	}
}

func systemFolder() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return "/etc/ssh"
}

// A configText is a file, or what takes a file's place on the command line.
type configText struct {
	name        string
	text        []byte
	commandLine bool // which has no sections
	system      bool // the system's own file, or one that it includes
}

// configTexts returns the texts to read, that whose values count first in
// front.
func configTexts(opts Options, local account) ([]configText, error) {
	lines := strings.Join(opts.Settings, "\n") + "\n"
	if strings.Count(lines, "\n") > max(1, len(opts.Settings)) {
		return nil, &Error{"-o: more than one line"}
	}
	texts := []configText{{name: "-o", text: []byte(lines), commandLine: true}}
	read := func(name string, required, system bool) error {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && !required {
			return nil
		}
		if err != nil {
			return &Error{"configuration file: " + err.Error()}
		}
		texts = append(texts, configText{name: name, text: append(text, '\n'), system: system})
		return nil
	}
	if strings.EqualFold(opts.ConfigFile, "none") {
		return texts, nil
	}
	if opts.ConfigFile != "" {
		return texts, read(opts.ConfigFile, true, false)
	}
	return texts, errors.Join(
		read(filepath.Join(local.home, ".ssh", "config"), false, false),
		read(filepath.Join(systemFolder(), "ssh_config"), false, true))
}
