package sshconfig

import (
	"errors"
	"fmt"
	"io"
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
	look := inspector{local: local, host: t.host, settings: commandLine(opts)} // highest precedence first
	for _, text := range texts {
		if err := look.read(&configFile{configText: text, applies: true}); err != nil {
			return nil, err
		}
		if text.commandLine {
			for keyword, values := range commandLine(Options{User: t.user, Port: t.port}) {
				look.settings.add(keyword, values...)
			}
		}
	}
	s := look.settings
	if opts.Jump != "" {
		delete(s, "proxycommand")
	}
	if s.first("proxycommand") != "" && s.first("proxyjump") != "" {
		return nil, unsupported(strings.Join(look.proxyCommands, ", "), fmt.Sprintf("both ProxyCommand and ProxyJump for %s, of which the first wins", t.host))
	}
	if err := look.checkCommands(s); err != nil {
		return nil, err
	}
	s.complete(t, local)
	return s, s.expand(t, local)
}

// parse adds the values that the lines of f that have passed set for the host. It
// reports whether the section at their end applies.
func (i *inspector) parse(f *configFile) (applies bool, err error) {
	config, err := ssh_config.DecodeBytes(f.passed)
	if err != nil {
		return false, inFile(f.name, err)
	}
	if !f.applies {
		return false, nil
	}
	for keyword := range valueForms {
		values, err := config.GetAll(i.host, keyword)
		if err != nil {
			return false, inFile(f.name, err)
		}
		if keyword == "connecttimeout" { // unlike any other "none", this one does not override later values
			values = slices.DeleteFunc(values, func(v string) bool { return strings.EqualFold(v, "none") })
		}
		i.settings.add(keyword, values...)
	}
	return config.Hosts[len(config.Hosts)-1].Matches(i.host), nil
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
	if strings.EqualFold(opts.ConfigFile, "none") {
		return texts, nil
	}
	if opts.ConfigFile != "" {
		text, err := readText(opts.ConfigFile, openToAll)
		return append(texts, configText{name: opts.ConfigFile, text: text}), asError(err)
	}
	for _, text := range []configText{
		{name: filepath.Join(local.home, ".ssh", "config")},
		{name: filepath.Join(systemFolder(), "ssh_config"), system: true},
	} {
		rule := ownOnly
		if text.system {
			rule = openToAll
		}
		var err error
		text.text, err = readText(text.name, rule)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, asError(err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// A rule says who may be able to write a configuration file. The rules are ssh's:
// the file of -F and the system's are the choice of whoever is trusted anyway.
type rule int

const (
	ownOnly   rule = iota // the user's own, or root's, and nobody else can write it
	openToAll             // anybody's
)

// readText returns the content of a configuration file, with a newline at its end.
func readText(name string, who rule) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if who == ownOnly && !isOwn(info) {
		return nil, &Error{Text: "Bad owner or permissions on " + name + ": it must be yours or root's, and nobody else may write it"}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// asError returns err, which reading a file may have returned, as an [*Error].
func asError(err error) error {
	if err == nil || errors.As(err, new(*Error)) {
		return err
	}
	return inFile("configuration file", err)
}

// commandLine returns the settings of the command line's single letters.
func commandLine(opts Options) settings {
	s := settings{"identityfile": slices.Clone(opts.IdentityFiles)}
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

// add adds values of lower precedence. The first value of a keyword wins, except
// that identity and certificate files accumulate.
func (s settings) add(keyword string, values ...string) {
	switch {
	case keyword == "identityfile" || keyword == "certificatefile":
		s[keyword] = append(s[keyword], values...)
	case len(s[keyword]) == 0 && len(values) > 0:
		s[keyword] = values[:1]
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
