package sshconfig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An inspector rejects the lines of configuration files that package ssh_config
// may read differently from ssh.
type inspector struct {
	home          string
	proxyCommands []proxyCommand // those seen so far; see checkProxyCommand
}

// A proxyCommand is a ProxyCommand and its place, file:line.
type proxyCommand struct{ place, command string }

// A configLine is a line of a configuration file that sets something.
type configLine struct {
	text    configText
	depth   int    // of Include
	place   string // file:line
	name    string // the keyword as written
	keyword string // the keyword in lower case
	rest    string // all that follows the keyword

	value     string // rest up to a #
	bare      string // value without the blanks at its end
	comment   string // rest after the #
	commented bool   // whether rest has a #
}

var keywordAndRest = regexp.MustCompile(`^([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.+)$`)

// unsupported returns the error for a line that the built-in reader rejects.
func unsupported(place, what string) error {
	return &Error{place + ": " + what + " (the built-in reader does not support this; an OpenSSH client may)"}
}

func (l configLine) unsupported(what string) error { return unsupported(l.place, what) }

// inspect returns an [*Error] with file and line for the first line of text, or
// of the files that it includes, that may be misread.
func (i *inspector) inspect(text configText, depth int) error {
	number := 0
	for line := range bytes.Lines(text.text) {
		number++
		content := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if content = strings.TrimLeft(content, " \t"); content == "" || content[0] == '#' {
			continue
		}
		place := fmt.Sprintf("%s:%d", text.name, number)
		if text.commandLine {
			place = fmt.Sprintf("-o:%d: %s", number, content)
		}
		l, err := parseLine(place, content)
		if err != nil {
			return err
		}
		l.text, l.depth = text, depth
		if err := i.line(l); err != nil {
			return err
		}
	}
	return nil
}

func parseLine(place, content string) (configLine, error) {
	parts := keywordAndRest.FindStringSubmatch(content)
	if parts == nil || !utf8.ValidString(content) || strings.ContainsFunc(content, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return configLine{}, unsupported(place, "not of the form keyword, blank, value")
	}
	l := configLine{place: place, name: parts[1], keyword: strings.ToLower(parts[1]), rest: parts[2]}
	l.value, l.comment, l.commented = strings.Cut(l.rest, "#")
	l.bare = strings.TrimRight(l.value, " \t")
	return l, nil
}

func (i *inspector) line(l configLine) error {
	if strings.HasPrefix(l.keyword, "gssapi") || slices.Contains(ignoredKeywords, l.keyword) {
		return nil
	}
	form, supported := valueForms[l.keyword]
	switch {
	case form == anything:
		return i.command(l)
	case l.commented && l.bare == l.value:
		return l.unsupported(fmt.Sprintf("%s: a # inside a value (%s#%s)", l.name, l.value, l.comment))
	case l.text.commandLine && !supported:
		return l.unsupported(l.name + " on the command line")
	case supported:
		if !matches(form, l.bare) || implementedAlgorithms[l.keyword] != nil && !allImplemented(l.keyword, l.bare) {
			return l.unsupported(l.name + " " + l.bare)
		}
		return nil
	}
	return i.structure(l)
}

// command inspects a line whose value can be any text. All that matters is
// whether there is a value, except for a ProxyCommand: see checkProxyCommand.
func (i *inspector) command(l configLine) error {
	if l.keyword == "proxycommand" {
		i.proxyCommands = append(i.proxyCommands, proxyCommand{l.place, strings.TrimRight(l.rest, " \t\f")})
	}
	if none := strings.Trim(l.bare, `"`); strings.EqualFold(none, "none") && none != l.rest {
		return l.unsupported(l.name + " " + l.rest)
	}
	return nil
}

// structure inspects a line that decides which other lines apply.
func (i *inspector) structure(l configLine) error {
	switch l.keyword {
	case "host":
		if !matches(pattern+`( +`+pattern+`)*`, l.bare) {
			return l.unsupported("Host with a ?, quotes, a backslash or a tab: " + l.bare)
		}
	case "match":
		if !strings.EqualFold(l.bare, "all") {
			return l.unsupported("Match with conditions: " + l.bare)
		}
	case "canonicalizehostname":
		if !strings.EqualFold(l.bare, "no") {
			return l.unsupported("CanonicalizeHostname " + l.bare)
		}
	case "include":
		return i.include(l)
	default:
		return l.unsupported("unknown keyword " + l.name)
	}
	return nil
}

// include inspects the files that an Include names.
func (i *inspector) include(l configLine) error {
	switch {
	case l.commented:
		return l.unsupported("Include with a comment in its line")
	case l.depth == maxIncludes:
		return l.unsupported(fmt.Sprintf("Include at a depth of more than %d", maxIncludes))
	case !matches(word+`( `+word+`)*`, l.value) || strings.ContainsAny(l.value, "%$["):
		return l.unsupported("Include " + l.value)
	}
	for name := range strings.SplitSeq(l.value, " ") {
		files, err := i.included(l, name)
		if err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return l.unsupported("Include: " + err.Error())
			}
			if err := i.inspect(configText{name: file, text: content, system: l.text.system}, l.depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxIncludes is how many levels of Include package ssh_config follows.
const maxIncludes = 5

// included returns the files that package ssh_config includes for name.
func (i *inspector) included(l configLine, name string) ([]string, error) {
	rest, inHome := strings.CutPrefix(name, "~/")
	path := name
	switch {
	case filepath.IsAbs(name):
	case inHome:
		path = filepath.Join(i.home, rest)
	case name[0] == '~' || l.text.system || strings.HasPrefix(filepath.Clean(l.text.name), "/etc/ssh"):
		return nil, l.unsupported("Include of a relative name: " + name)
	default:
		path = filepath.Join(i.home, ".ssh", name)
	}
	if strings.ContainsAny(filepath.Dir(path), "*?") {
		return nil, l.unsupported("Include with a pattern for a folder: " + name)
	}
	files, err := filepath.Glob(path)
	if err != nil {
		return nil, l.unsupported("Include " + name)
	}
	for _, file := range files {
		hidden := strings.HasPrefix(filepath.Base(file), ".")
		if hidden && !strings.HasPrefix(filepath.Base(path), ".") {
			return nil, l.unsupported("Include of a hidden file, which ssh leaves out: " + file)
		}
	}
	return files, nil
}
