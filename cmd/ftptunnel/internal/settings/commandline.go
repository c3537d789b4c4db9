package settings

import (
	"regexp"
	"slices"
	"strings"
)

// A CommandLine is what was typed, for hints that repeat it with a change.
type CommandLine struct {
	Command string // ftptunnel, or ftptunnel run
	Flags   []Flag
	Args    []string
	Child   []string // the command to run, which is behind --
}

// A Flag is a flag that was given. One that is repeated has an element for each.
type Flag struct {
	Name   string
	Letter string // may be empty
	Value  string
	Switch bool // has no value
}

// Without returns c without the flags of these names.
func (c CommandLine) Without(names ...string) CommandLine {
	c.Flags = slices.DeleteFunc(slices.Clone(c.Flags), func(f Flag) bool { return slices.Contains(names, f.Name) })
	return c
}

// With returns c with other arguments.
func (c CommandLine) With(args ...string) CommandLine {
	c.Args = args
	return c
}

// WithFlag returns c with one more flag.
func (c CommandLine) WithFlag(name, letter, value string) CommandLine {
	c.Flags = append(slices.Clone(c.Flags), Flag{Name: name, Letter: letter, Value: value})
	return c
}

// WithCommand returns c as a run of another command, without what is behind --.
func (c CommandLine) WithCommand(command string) CommandLine {
	c.Command, c.Child = command, nil
	return c
}

// String returns c as words for a shell.
func (c CommandLine) String() string {
	words := []string{c.command()}
	for _, f := range c.Flags {
		switch {
		case f.Switch:
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name+"="+shellWord(f.Value))
		}
	}
	for _, arg := range c.Args {
		words = append(words, shellWord(arg))
	}
	if len(c.Child) > 0 {
		words = append(words, "--")
	}
	for _, arg := range c.Child {
		words = append(words, shellWord(arg))
	}
	return strings.Join(words, " ")
}

func (c CommandLine) command() string {
	if c.Command == "" {
		return "ftptunnel"
	}
	return c.Command
}

// sshFlags are the flags that ssh has too, other than -l: a destination in a hint
// has its user.
var sshFlags = []string{"config", "port", "identity", "jump", "option", "ipv4", "ipv6"}

// SSH returns the words of an ssh command line to the gateway: ssh's flags, as they
// were given, without the destination.
func (c CommandLine) SSH(more ...string) string {
	words := append([]string{"ssh"}, more...)
	for _, name := range sshFlags {
		for _, f := range c.Flags {
			if f.Name != name {
				continue
			}
			words = append(words, "-"+f.Letter)
			if !f.Switch {
				words = append(words, shellWord(f.Value))
			}
		}
	}
	return strings.Join(words, " ")
}

// Has reports whether a flag was given.
func (c CommandLine) Has(name string) bool {
	return slices.ContainsFunc(c.Flags, func(f Flag) bool { return f.Name == name })
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// shellWord returns s as a word for a shell, in quotes if it needs them.
func shellWord(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
