package sshconfig

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A lineReader reads configuration files as ssh does. It rejects every line that
// it might read differently, also those that do not concern the host.
type lineReader struct {
	local         account
	host          string   // whose settings it reads
	settings      settings // those of the lines so far, of which the first win
	proxyCommands []string // the places of all ProxyCommands, file:line
}

// A configFile is a text that is being read.
type configFile struct {
	configText
	depth   int  // of Include
	never   bool // it is included by a section that does not apply
	applies bool // whether the section that is being read does
}

// A configLine is a line of a configuration file that sets something.
type configLine struct {
	file    *configFile
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

// read reads f. It returns an [*Error] with file and line for the first line of
// f, or of the files that it includes, that may be misread.
func (r *lineReader) read(f *configFile) error {
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
		if err != nil {
			return err
		}
		l.file = f
		if err := r.line(l); err != nil {
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
	l := configLine{place: place, name: parts[1], keyword: strings.ToLower(parts[1]), rest: strings.TrimRight(parts[2], " \t")}
	l.value, l.comment, l.commented = strings.Cut(l.rest, "#")
	l.bare = strings.TrimRight(l.value, " \t")
	return l, nil
}

func (r *lineReader) line(l configLine) error {
	if strings.HasPrefix(l.keyword, "gssapi") || slices.Contains(ignoredKeywords, l.keyword) {
		return nil
	}
	form, supported := valueForms[l.keyword]
	switch {
	case form == anything:
		return r.command(l)
	case l.commented && l.bare == l.value:
		return l.unsupported(fmt.Sprintf("%s: a # inside a value (%s#%s)", l.name, l.value, l.comment))
	case l.file.commandLine && !supported:
		return l.unsupported(l.name + " on the command line")
	case supported:
		return r.set(l, form)
	}
	return r.structure(l)
}

// set reads a line that sets a value of a form.
func (r *lineReader) set(l configLine, form string) error {
	value, ok := l.bare, true
	switch form {
	case argument, plainArgument, arguments:
		value, ok = unquote(l.bare, form == arguments)
	}
	if !ok || !matches(form, value) || implementedAlgorithms[l.keyword] != nil && !allImplemented(l.keyword, value) {
		return l.unsupported(l.name + " " + l.bare)
	}
	// Unlike any other "none", this one does not override later values.
	if l.file.applies && !(l.keyword == "connecttimeout" && strings.EqualFold(value, "none")) {
		r.settings.add(l.keyword, value)
	}
	return nil
}

// unquote returns the one word of a value, or all of them with a blank between
// them. It reports whether this shows where they begin and end.
func unquote(value string, several bool) (string, bool) {
	words, err := splitArguments(value)
	if err != nil || len(words) == 0 {
		return "", false
	}
	if !several {
		return words[0], len(words) == 1
	}
	return strings.Join(words, " "), !slices.ContainsFunc(words, func(w string) bool { return w == "" || strings.ContainsAny(w, " \t") })
}

// command reads a line whose value can be any text.
func (r *lineReader) command(l configLine) error {
	if l.keyword == "proxycommand" {
		r.proxyCommands = append(r.proxyCommands, l.place)
	}
	value := strings.TrimLeft(l.rest, " \t=")
	if none := strings.Trim(l.bare, `"`); value == "" || strings.EqualFold(none, "none") && none != l.rest {
		return l.unsupported(l.name + " " + l.rest)
	}
	if l.file.applies {
		r.settings.add(l.keyword, value)
	}
	return nil
}

// structure reads a line that decides which other lines apply.
func (r *lineReader) structure(l configLine) error {
	switch l.keyword {
	case "host":
		if !matches(pattern+`( +`+pattern+`)*`, l.bare) {
			return l.unsupported("Host with a ?, quotes, a backslash or a tab: " + l.bare)
		}
		l.file.applies = !l.file.never && matchesHost(strings.Fields(l.bare), r.host)
	case "match":
		if !strings.EqualFold(l.bare, "all") {
			return l.unsupported("Match with conditions: " + l.bare)
		}
		l.file.applies = !l.file.never
	case "canonicalizehostname":
		if !strings.EqualFold(l.bare, "no") {
			return l.unsupported("CanonicalizeHostname " + l.bare)
		}
	case "include":
		return r.include(l)
	default:
		return l.unsupported("unknown keyword " + l.name)
	}
	return nil
}

// matchesHost reports whether host matches one of patterns, and none that begins
// with an exclamation mark.
func matchesHost(patterns []string, host string) (matched bool) {
	for _, p := range patterns {
		if excluded, negated := strings.CutPrefix(p, "!"); negated && matchesPattern(excluded, host) {
			return false
		}
		matched = matched || matchesPattern(p, host)
	}
	return matched
}

// matchesPattern reports whether s matches a pattern, in which a * is any text.
func matchesPattern(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == s
	}
	s, found := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1:last] {
		if found {
			_, s, found = strings.Cut(s, part)
		}
	}
	return found && strings.HasSuffix(s, parts[last])
}

// include reads the files that an Include names. Whoever can write them can make
// this user run any command, so they must be this user's or root's.
func (r *lineReader) include(l configLine) error {
	names, err := splitArguments(l.rest)
	switch {
	case l.commented:
		return l.unsupported("Include with a comment in its line")
	case l.file.depth == maxIncludes:
		return l.unsupported(fmt.Sprintf("Include at a depth of more than %d", maxIncludes))
	case err != nil || slices.Contains(names, ""):
		return l.unsupported("Include " + l.rest)
	}
	for _, name := range names {
		files, err := r.included(l, name)
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := readText(file, ownOnly)
			if err != nil {
				return inFile(l.place+": Include", err)
			}
			included := &configFile{
				configText: configText{name: file, text: text, system: l.file.system},
				depth:      l.file.depth + 1, never: !l.file.applies, applies: l.file.applies,
			}
			if err := r.read(included); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxIncludes is how many levels of Include ssh follows.
const maxIncludes = 16

// included returns the files that an Include of name includes.
func (r *lineReader) included(l configLine, name string) ([]string, error) {
	path := name
	switch {
	case strings.ContainsAny(name, "%$[") || strings.Contains(name, `\`) && runtime.GOOS != "windows":
		return nil, l.unsupported("Include " + name)
	case filepath.IsAbs(name):
	case name[0] == '~':
		var err error
		if path, err = r.local.expandTilde(name); err != nil {
			return nil, l.unsupported("Include: " + err.Error())
		}
	case l.file.system:
		path = filepath.Join(systemFolder(), name)
	default:
		path = filepath.Join(r.local.home, ".ssh", name)
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
