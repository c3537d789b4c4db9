package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
)

// habits are flags that people type after ssh, mostly several in one word as in
// -fNT. They are not in the help.
var habits = []struct {
	name, letter  string
	instead, hint string // if not empty, the flag cannot do what it does with ssh
}{
	{"no-command", "N", "", ""},  // there is no remote command
	{"no-terminal", "T", "", ""}, // nor a terminal
	{"no-input", "n", "", ""},    // standard input is not read
	{"background", "f", "-f: ftptunnel does not go to the background by itself", "for a script: ftptunnel run; for a service: ftptunnel serve; in a shell, end the line with &"},
	{"compression", "C", "-C: the SSH connection is not compressed", "leave it out"},
}

func addHabits(f *pflag.FlagSet) {
	for _, h := range habits {
		f.BoolP(h.name, h.letter, false, "")
		_ = f.MarkHidden(h.name)
	}
}

// checkHabits refuses those flags of f that cannot do what they do with ssh.
func checkHabits(f *pflag.FlagSet) error {
	for _, h := range habits {
		if h.instead != "" && f.Changed(h.name) {
			return &settings.Error{Key: h.name, Text: h.instead, Hint: h.hint}
		}
	}
	return nil
}

// flagError returns the error for a flag that cannot be parsed.
func flagError(c *cobra.Command, err error) error {
	e := &settings.Error{Text: wording.Of(err), Hint: c.CommandPath() + " --help"}
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return e
	}
	f := value.GetFlag()
	name := "--" + f.Name
	switch f.Value.Type() {
	case "int", "count":
		e.Text = fmt.Sprintf("%s takes a number, not %q", name, value.GetValue())
		if errors.Is(err, strconv.ErrRange) {
			e.Text = fmt.Sprintf("%s takes a smaller number than %s", name, value.GetValue())
		}
	case "duration":
		e.Text = fmt.Sprintf("%s takes a time with its unit, not %q", name, value.GetValue())
		e.Hint = "such as " + name + "=30s or " + name + "=5m"
	case "bool":
		e.Text = fmt.Sprintf("%s takes no value, not %q", name, value.GetValue())
	}
	return e
}

// commandLine returns what was typed for c.
func commandLine(c *cobra.Command) settings.CommandLine {
	f := c.Flags()
	line := settings.CommandLine{Command: c.CommandPath(), Args: f.Args()}
	if dash := f.ArgsLenAtDash(); dash >= 0 {
		line.Args, line.Child = line.Args[:dash], line.Args[dash:]
	}
	f.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, is := f.Value.(pflag.SliceValue); is {
			values = several.GetSlice()
		}
		for _, v := range values {
			line.Flags = append(line.Flags, settings.Flag{
				Name: f.Name, Letter: f.Shorthand, Value: v, Switch: f.Value.Type() == "bool" && v == "true",
			})
		}
	})
	return line
}
