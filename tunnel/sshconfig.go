package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// readFiles reads the settings for host from the configuration files, where
// there is no ssh to ask. The reader is one of a small part of the language, so
// whatever it is known to read otherwise than ssh is refused with its file and
// line before it is let at it.
func readFiles(_ context.Context, _, host string, opts Options) (settings, error) {
	s, err := commandLine(opts)
	if err != nil {
		return nil, err
	}
	local, err := user.Current()
	if err != nil {
		return nil, err
	}
	for _, f := range configFiles(opts.ConfigFile, local.HomeDir) {
		if err := s.addFile(f, host, local.HomeDir); err != nil {
			return nil, err
		}
	}
	if s.set("proxyjump") && s.set("proxycommand") {
		return nil, &ConfigError{fmt.Sprintf("both ProxyJump and ProxyCommand are set for %s: %s", host, advice)}
	}
	delete(s, "host")
	return s.withDefaults(host, local), nil
}

const advice = "without OpenSSH's ssh program it cannot be read as ssh does: install it, or write it otherwise"

// A configFile is a file to read, and how its absence and its relative names
// are taken.
type configFile struct {
	name     string
	required bool
	system   bool
}

func configFiles(given, home string) []configFile {
	switch {
	case strings.EqualFold(given, "none"):
		return nil
	case given != "":
		return []configFile{{name: given, required: true}}
	}
	return []configFile{
		{name: filepath.Join(home, ".ssh", "config")},
		{name: "/etc/ssh/ssh_config", system: true},
	}
}

// commandLine returns what the command line sets.
func commandLine(opts Options) (settings, error) {
	s := make(settings)
	for _, o := range opts.Settings {
		keyword, value := splitKeyword(o)
		if keyword == "" || value == "" || misread(keyword, value) != "" {
			return nil, &ConfigError{fmt.Sprintf("-o %s: %s", o, advice)}
		}
		s.add(keyword, value)
	}
	s.add("user", opts.User)
	if opts.Port != 0 {
		s.add("port", strconv.Itoa(opts.Port))
	}
	for _, f := range opts.IdentityFiles {
		s.add("identityfile", f)
	}
	s.add("proxyjump", opts.Jump)
	s.add("addressfamily", opts.AddressFamily)
	return s, nil
}

// add sets a keyword unless it is set: the first value counts. Identity files
// add up.
func (s settings) add(keyword, value string) {
	if value != "" && (len(s[keyword]) == 0 || keyword == "identityfile") {
		s[keyword] = append(s[keyword], value)
	}
}

// addFile adds what f sets for host.
func (s settings) addFile(f configFile, host, home string) error {
	text, err := os.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) && !f.required {
		return nil
	}
	if err != nil {
		return &ConfigError{fmt.Sprintf("cannot read the configuration: %v", err)}
	}
	keywords := make(map[string]bool)
	if err := inspect(f, text, home, keywords, 0); err != nil {
		return err
	}
	config, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return &ConfigError{fmt.Sprintf("%s: %v", f.name, err)}
	}
	for _, keyword := range slices.Sorted(maps.Keys(keywords)) {
		values, err := config.GetAll(host, keyword)
		if err != nil {
			return &ConfigError{fmt.Sprintf("%s: %v", f.name, err)}
		}
		for _, v := range values {
			s.add(keyword, v)
		}
	}
	return nil
}

// inspect refuses what the reader would misread in a file, and in those it
// includes, and collects the keywords that it sets.
func inspect(f configFile, text []byte, home string, keywords map[string]bool, depth int) error {
	if depth > 5 {
		return &ConfigError{f.name + ": too many files include each other"}
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		content := strings.TrimSpace(string(line))
		if content == "" || strings.HasPrefix(content, "#") {
			continue
		}
		keyword, value := splitKeyword(content)
		why := misread(keyword, value)
		if keyword == "include" && why == "" {
			why = f.relative(value)
		}
		if why != "" {
			return &ConfigError{fmt.Sprintf("%s:%d: %s: %s", f.name, number, why, advice)}
		}
		if keyword == "include" {
			if err := inspectIncluded(f, value, home, keywords, depth); err != nil {
				return err
			}
		}
		keywords[keyword] = true
	}
	return nil
}

// relative says why a name in an Include cannot be followed, or nothing.
func (f configFile) relative(value string) string {
	for _, name := range strings.Fields(value) {
		switch {
		case strings.ContainsAny(name, "%$") || strings.HasPrefix(name, "~") && !strings.HasPrefix(name, "~/"):
			return "Include " + name
		case f.system && !filepath.IsAbs(name):
			return "Include of a relative name, " + name
		}
	}
	return ""
}

func inspectIncluded(f configFile, value, home string, keywords map[string]bool, depth int) error {
	for _, pattern := range strings.Fields(value) {
		switch {
		case strings.HasPrefix(pattern, "~/"):
			pattern = filepath.Join(home, pattern[2:])
		case !filepath.IsAbs(pattern):
			pattern = filepath.Join(home, ".ssh", pattern)
		}
		names, err := filepath.Glob(pattern)
		if err != nil {
			return &ConfigError{fmt.Sprintf("%s: Include %s: %v", f.name, pattern, err)}
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return &ConfigError{fmt.Sprintf("cannot read the configuration: %v", err)}
			}
			if err := inspect(configFile{name: name, system: f.system}, text, home, keywords, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// splitKeyword splits a line at the first blanks or =.
func splitKeyword(line string) (keyword, value string) {
	i := strings.IndexAny(line, " \t=")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimLeft(line[i:], " \t")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " \t")
	return strings.ToLower(line[:i]), value
}

// Keywords whose values the reader gets wrong in some of their forms.
var (
	readNumbers  = []string{"port", "connecttimeout", "serveraliveinterval", "serveralivecountmax", "numberofpasswordprompts"}
	readLists    = []string{"hostkeyalgorithms", "preferredauthentications"}
	readBooleans = []string{
		"identitiesonly", "hashknownhosts", "batchmode", "pubkeyauthentication", "passwordauthentication", "kbdinteractiveauthentication",
	}
	readStrings = []string{
		"hostname", "user", "addressfamily", "bindaddress", "hostkeyalias", "stricthostkeychecking", "proxyjump", "proxycommand",
		"identityfile", "identityagent", "userknownhostsfile", "globalknownhostsfile", "knownhostscommand", "revokedhostkeys",
	}
)

// misread says what the reader would get wrong in a line, or nothing.
func misread(keyword, value string) string {
	switch {
	case keyword == "match" && !strings.EqualFold(strings.TrimSpace(value), "all"):
		return "Match " + value
	case keyword == "host" && (strings.ContainsAny(value, "?\t\"'#\\") || value == ""):
		return "Host " + value
	case keyword == "tag", strings.HasPrefix(keyword, "canonical") && !strings.EqualFold(value, "no"):
		return keyword
	case keyword == "challengeresponseauthentication", keyword == "skeyauthentication":
		return keyword + ", an old name of KbdInteractiveAuthentication"
	case slices.Contains(readNumbers, keyword):
		if _, err := strconv.ParseUint(value, 10, 31); err != nil && !strings.EqualFold(value, "none") {
			return keyword + " " + value
		}
	case slices.Contains(readBooleans, keyword) && !slices.Contains([]string{"yes", "no", "true", "false"}, strings.ToLower(value)),
		slices.Contains(readLists, keyword) && (value == "" || strings.ContainsAny(value, "+-^*?") && strings.ContainsAny(value[:1], "+-^") || strings.ContainsAny(value, "*? \t\"'#")),
		keyword == "include" && strings.ContainsAny(value, "\"'#\\\t"),
		slices.Contains(readStrings, keyword) && (value == "" || strings.ContainsAny(value, "\"'#\\\t")):
		return keyword + " " + value
	}
	return ""
}

// withDefaults adds OpenSSH's defaults and expands what "ssh -G" prints
// expanded.
func (s settings) withDefaults(host string, local *user.User) settings {
	name := strings.NewReplacer("%%", "%", "%h", host).Replace(s.last("hostname"))
	if name == "" {
		name = host
	}
	s["hostname"] = []string{strings.ToLower(name)}
	s.add("port", "22")
	s.add("user", local.Username)
	s.add("addressfamily", "any")
	s.add("serveralivecountmax", "3")
	s.add("numberofpasswordprompts", "3")
	s.add("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
	s.add("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
	if len(s["identityfile"]) == 0 {
		s["identityfile"] = slices.Clone(defaultIdentities[:5])
	}
	return s
}
