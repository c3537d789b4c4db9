package sshconfig

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An inspector rejects the lines of configuration files that package ssh_config
// may read differently from ssh, also those that do not concern the host. Package
// ssh_config parses the lines that pass.
type inspector struct {
	local         account
	host          string       // whose settings are read
	settings      settings     // those of the lines so far, of which the first win
	proxyCommands []string     // the places of all ProxyCommands, file:line
	misread       []configLine // commands that package ssh_config reads differently; see checkCommands
}

// A configFile is a text that is being inspected.
type configFile struct {
	configText
	depth   int    // of Include
	applies bool   // no section that includes it excludes the host
	passed  []byte // the lines since the last Include that have passed
	section []byte // the last line that begins a section
}

// A configLine is a line of a configuration file that sets something.
type configLine struct {
	place   string // file:line
	name    string // the keyword as written
	keyword string // the keyword in lower case
	rest    string // all that follows the keyword, without the blanks at its end

	value     string // rest up to a #
	bare      string // value without the blanks at its end
	comment   string // rest after the #
	commented bool   // whether rest has a #
}

var keywordAndRest = regexp.MustCompile(`^([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.+)$`)

// unsupported returns the error for a line that the built-in reader rejects.
func unsupported(place, what string) error {
	if strings.HasPrefix(place, "-o:") {
		return option("-o", place+": "+what, nil)
	}
	return &Error{Text: place + ": " + what, Problem: Unsupported}
}

func (l configLine) unsupported(what string) error { return unsupported(l.place, what) }

// parsed returns the value that package ssh_config returns for l.
func (l configLine) parsed() string {
	value := strings.TrimRightFunc(l.value, unicode.IsSpace)
	if len(value) >= 2 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
		return value[1 : len(value)-1]
	}
	return value
}

// read inspects f and then parses it. It returns an [*Error] with file and line
// for the first line of f, or of the files that it includes, that may be misread.
func (i *inspector) read(f *configFile) error {
	number := 0
	for line := range bytes.Lines(f.text) {
		number++
		content := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if content = strings.TrimLeft(content, " \t"); content == "" || content[0] == '#' {
			continue
		}
		place := fmt.Sprintf("%s:%d", f.name, number)
		if f.commandLine {
			place = fmt.Sprintf("-o:%d: %s", number, content)
		}
		l, err := parseLine(place, content)
		if err == nil {
			err = i.line(f, l)
		}
		if err != nil {
			return err
		}
		if l.keyword == "include" {
			if err := i.include(f, l); err != nil {
				return err
			}
			continue
		}
		if l.keyword == "host" || l.keyword == "match" {
			f.section = line
		}
		f.passed = append(f.passed, line...)
	}
	_, err := i.parse(f)
	return err
}

func parseLine(place, content string) (configLine, error) {
	parts := keywordAndRest.FindStringSubmatch(content)
	if parts == nil || !utf8.ValidString(content) || strings.ContainsFunc(content, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return configLine{}, unsupported(place, "not of the form keyword, blank, value")
	}
	l := configLine{place: place, name: parts[1], keyword: strings.ToLower(parts[1]), rest: strings.TrimRight(parts[2], " \t")}
	l.value, l.comment, l.commented = strings.Cut(l.rest, "#")
	l.bare = strings.TrimRight(l.value, " \t")
	return l, nil
}

func (i *inspector) line(f *configFile, l configLine) error {
	if strings.HasPrefix(l.keyword, "gssapi") || slices.Contains(ignoredKeywords, l.keyword) {
		return nil
	}
	form, supported := valueForms[l.keyword]
	switch {
	case form == anything:
		return i.command(l)
	case l.commented && (l.bare == l.value || strings.HasSuffix(l.bare, `\`)):
		return l.unsupported(fmt.Sprintf("%s: a # inside a value (%s#%s)", l.name, l.value, l.comment))
	case f.commandLine && !supported:
		return l.unsupported(l.name + " on the command line")
	case !supported:
		return l.structure()
	case !l.hasForm(form) || implementedAlgorithms[l.keyword] != nil && !allImplemented(l.keyword, l.bare):
		return l.unsupported(l.name + " " + l.bare)
	}
	return nil
}

// hasForm reports whether l has a value of a form, and package ssh_config returns
// it as ssh reads it.
func (l configLine) hasForm(form string) bool {
	if form != argument && form != plainArgument && form != arguments {
		return matches(form, l.bare) && l.parsed() == l.bare
	}
	words, err := splitArguments(l.bare)
	if err != nil || !matches(form, l.parsed()) {
		return false
	}
	if form == arguments {
		return slices.Equal(words, strings.Fields(l.parsed()))
	}
	return slices.Equal(words, []string{l.parsed()})
}

// command inspects a line whose value can be any text. Package ssh_config takes a
// # in it for the beginning of a comment, and leaves out quotes around it.
func (i *inspector) command(l configLine) error {
	if l.keyword == "proxycommand" {
		i.proxyCommands = append(i.proxyCommands, l.place)
	}
	command := strings.TrimLeft(l.rest, " \t=")
	if command == "" || l.parsed() == "" {
		return l.unsupported(l.name + " " + l.rest)
	}
	if l.parsed() != command {
		i.misread = append(i.misread, l)
	}
	return nil
}

// checkCommands returns an error if a command in s may not be the one that ssh
// would run. Those of other hosts do not matter.
func (i *inspector) checkCommands(s settings) error {
	for _, l := range i.misread {
		if s.first(l.keyword) == l.parsed() {
			return l.unsupported(l.name + " with a #, an equals sign or quotes around it: " + l.rest)
		}
	}
	return nil
}

// structure inspects a line that decides which other lines apply. What an Include
// names is for include to inspect.
func (l configLine) structure() error {
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
		if l.commented {
			return l.unsupported("Include with a comment in its line")
		}
	default:
		return l.unsupported("unknown keyword " + l.name)
	}
	return nil
}
