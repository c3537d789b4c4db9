// Package config reads the configuration file of the command serve: tunnels by name,
// and the log.
//
// Keys are the names of flags, and their values are set by those flags' own code in
// package settings. So a key has the meaning and the errors of its flag. Here is what
// a file adds: tables, types, lines, and what tunnels must not have in common.
package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// A File is a configuration file that can be used.
type File struct {
	Tunnels []Tunnel // at least one, in the order of the file
	Log     settings.Log
}

// A Tunnel is a table [tunnel.NAME].
type Tunnel struct {
	Name     string
	Settings *settings.Settings
}

// An Error reports that a configuration file cannot be used. It wraps a
// [*settings.Error], unless the file cannot be read.
type Error struct {
	Path string
	Line int    // 0 if it is about the whole file
	Key  string // with its table, such as tunnel.payroll.server; empty if it is about none
	Err  error
}

func (e *Error) Error() string {
	text := e.Path
	if e.Line > 0 {
		text += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		text += ": " + e.Key
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Read reads the file at path. If names are given, it returns only the tunnels of
// these names; all of them are checked. Flags of the log that were typed replace the
// keys of the table [log].
func Read(path string, names []string, typed settings.CommandLine) (*File, error) {
	text, err := load(path)
	if err != nil {
		return nil, err
	}
	r := &reader{path: path, typed: typed}
	f, err := r.read(text)
	if err != nil {
		return nil, err
	}
	f.Tunnels, err = r.choose(f.Tunnels, names)
	return f, err
}

// A reader reads one file.
type reader struct {
	path     string
	typed    settings.CommandLine
	order    []string // the names of the tunnels
	sections map[string]*section
}

// A section is a table whose keys are flags.
type section struct {
	name    string // such as "defaults" or "tunnel.payroll"
	line    int    // of its first mention
	entries []entry
}

func (r *reader) read(text []byte) (*File, error) {
	entries, err := parse(text)
	if err != nil {
		wrong := err.(*syntaxError)
		return nil, r.wrong(wrong.line, "", wrong.text, "see https://toml.io: text is in quotation marks, tables are in brackets")
	}
	r.sections = map[string]*section{"defaults": {name: "defaults"}, "log": {name: "log"}}
	for _, e := range entries {
		if err := r.sort(e); err != nil {
			return nil, err
		}
	}
	f := &File{}
	if f.Log, err = r.log(); err != nil {
		return nil, err
	}
	if err := r.checkDefaults(); err != nil {
		return nil, err
	}
	for _, name := range r.order {
		s, err := r.tunnel(r.sections["tunnel."+name])
		if err != nil {
			return nil, err
		}
		f.Tunnels = append(f.Tunnels, Tunnel{name, s})
	}
	if len(f.Tunnels) == 0 {
		return nil, r.wrong(0, "", "there is no tunnel in the file", `[tunnel.NAME] and, below it, gateway = "[user@]gateway"`)
	}
	return f, r.checkPorts(f.Tunnels)
}

// tables are the tables that a file can have.
var tables = []string{"defaults", "tunnel", "log"}

// sort puts an entry into its section.
func (r *reader) sort(e entry) error {
	top, key, table := e.path[0], 1, "["+e.path[0]+"]" // key is where a key is in the path
	switch {
	case !slices.Contains(tables, top):
		hint := "the tables are [defaults], [tunnel.NAME] and [log]"
		if near := nearest(top, tables); near != "" {
			hint = "[" + near + "], perhaps"
		}
		if len(e.path) == 1 && e.value != nil && slices.Contains(keys(tunnelFlags(&settings.Input{})), top) {
			hint = "it belongs to [tunnel.NAME], or to [defaults]"
		}
		return r.wrong(e.line, e.name(), "there is no such table or key", hint)
	case e.list:
		return r.wrong(e.line, e.name(), "this is a list of tables, in two brackets", "one bracket: ["+e.name()+"]")
	case top == "tunnel":
		key, table = 2, "[tunnel.NAME]"
	}
	switch {
	case len(e.path) < key && e.value == nil:
		return nil // [tunnel]
	case len(e.path) == key && e.value != nil, len(e.path) < key:
		return r.wrong(e.line, e.name(), "this is a table, not a key", table+" on a line of its own")
	case len(e.path) > key+1, len(e.path) == key+1 && e.value == nil:
		return r.wrong(e.line, e.name(), "there is no such table", "keys of a tunnel are below [tunnel.NAME]")
	}
	name := strings.Join(e.path[:key], ".")
	s := r.sections[name]
	if s == nil {
		if !isName(e.path[1]) {
			return r.wrong(e.line, "", fmt.Sprintf("not a name for a tunnel: %q", e.path[1]), "letters, digits and _ . -")
		}
		s = &section{name: name, line: e.line}
		r.sections[name] = s
		r.order = append(r.order, e.path[1])
	}
	if len(e.path) > key {
		s.entries = append(s.entries, e)
	}
	return nil
}

// isName reports whether a tunnel can have the name: it is seen in file names, units
// and metrics.
func isName(s string) bool {
	return s != "" && s[0] != '-' && s[0] != '.' && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.-", c))
	})
}

// tunnelFlags returns the flags that the keys of a tunnel are; they store into in.
func tunnelFlags(in *settings.Input) *pflag.FlagSet {
	f := pflag.NewFlagSet("tunnel", pflag.ContinueOnError)
	f.StringVar(&in.Gateway, "gateway", "", "")
	f.StringVar(&in.Server, "server", "", "")
	in.TunnelFlags(f)
	return f
}

// checkDefaults sets the keys of [defaults] for no tunnel, to find wrong ones.
func (r *reader) checkDefaults() error {
	in := settings.Defaults()
	return r.set(tunnelFlags(&in), r.sections["defaults"])
}

// tunnel returns the settings of a tunnel.
func (r *reader) tunnel(s *section) (*settings.Settings, error) {
	in := settings.Defaults()
	f := tunnelFlags(&in)
	for _, from := range []*section{r.sections["defaults"], s} {
		if err := r.set(f, from); err != nil {
			return nil, err
		}
	}
	if in.Gateway == "" {
		return nil, r.wrong(s.line, s.name, "no gateway is given", `gateway = "[user@]gateway"`)
	}
	parsed, err := in.Parse(settings.DefaultListen)
	return parsed, r.locate(err, s, r.sections["defaults"])
}

// logKeys are the flags that the keys of [log] are.
var logKeys = map[string]string{
	"format": "log-format", "verbose": "verbose", "quiet": "quiet", "transfers": "transfer-log", "xferlog": "xferlog",
}

// log returns the settings of the log.
func (r *reader) log() (settings.Log, error) {
	in := settings.Defaults()
	flags, named := pflag.NewFlagSet("log", pflag.ContinueOnError), pflag.NewFlagSet("log", pflag.ContinueOnError)
	in.LogFlags(flags)
	in.RecordFlags(flags)
	for key, name := range logKeys {
		f := *flags.Lookup(name)
		f.Name, f.Shorthand = key, ""
		named.AddFlag(&f)
	}
	s := r.sections["log"]
	if err := r.set(named, s); err != nil {
		return settings.Log{}, err
	}
	if r.typed.Has("verbose") || r.typed.Has("quiet") { // either replaces both keys
		in.Verbose, in.Quiet = 0, false
	}
	for _, typed := range r.typed.Flags {
		if f := flags.Lookup(typed.Name); f != nil {
			_ = f.Value.Set(typed.Value) // it has been checked
		}
	}
	log, err := in.Log()
	return log, r.locate(err, s)
}

// locate returns a setting's error with the place of its key in the sections, in
// order, or that of the first section.
func (r *reader) locate(err error, sections ...*section) error {
	if err == nil {
		return nil
	}
	wrong := &Error{Path: r.path, Line: sections[0].line, Key: sections[0].name, Err: err}
	setting, ok := err.(*settings.Error)
	if !ok {
		return wrong
	}
	for _, s := range sections {
		for _, e := range s.entries {
			if e.key() == setting.Key || logKeys[e.key()] == setting.Key {
				wrong.Line, wrong.Key = e.line, e.name()
				return wrong
			}
		}
	}
	return wrong
}

// choose returns the tunnels of these names, in the order of the file, or all if
// there are none.
func (r *reader) choose(all []Tunnel, names []string) (chosen []Tunnel, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.Contains(r.order, name) {
			hint := "the tunnels are " + strings.Join(r.order, ", ")
			if near := nearest(name, r.order); near != "" {
				hint = near + ", perhaps"
			}
			return nil, r.wrong(0, "", "there is no tunnel "+name, hint)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(t Tunnel) bool { return !slices.Contains(names, t.Name) }), nil
}

func (r *reader) wrong(line int, key, text, hint string) *Error {
	return &Error{r.path, line, key, &settings.Error{Text: text, Hint: hint}}
}

// keys returns the names of flags, sorted.
func keys(f *pflag.FlagSet) []string {
	names := map[string]bool{}
	f.VisitAll(func(f *pflag.Flag) { names[f.Name] = true })
	return slices.Sorted(maps.Keys(names))
}
