package gateway

import (
	"strconv"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// A Destination is a gateway as the user names it, and how to connect to it.
type Destination struct {
	Name    string // [user@]host
	Options sshconfig.Options
}

// Destinations returns the gateways of a tunnel, in order of preference.
func Destinations(s *settings.Settings) (destinations []Destination) {
	for _, name := range s.Gateways {
		destinations = append(destinations, Destination{name, s.SSH})
	}
	return destinations
}

// commandLine returns the command line on which d would be given.
func (d Destination) commandLine() settings.CommandLine {
	line := settings.CommandLine{}.With(d.Name)
	add := func(name, letter, value string) {
		if value != "" {
			line = line.WithFlag(name, letter, value)
		}
	}
	o := d.Options
	add("config", "F", o.ConfigFile)
	add("login", "l", o.User)
	if o.Port != 0 {
		add("port", "p", strconv.Itoa(o.Port))
	}
	for _, file := range o.IdentityFiles {
		add("identity", "i", file)
	}
	add("jump", "J", o.Jump)
	for _, setting := range o.Settings {
		add("option", "o", setting)
	}
	switch o.AddressFamily {
	case "inet":
		line.Flags = append(line.Flags, settings.Flag{Name: "ipv4", Letter: "4", Switch: true})
	case "inet6":
		line.Flags = append(line.Flags, settings.Flag{Name: "ipv6", Letter: "6", Switch: true})
	}
	return line
}

// label names d where another destination has its name.
func (d Destination) label() string {
	label := d.Name
	for _, f := range d.commandLine().Flags {
		label += " -" + f.Letter
		if !f.Switch {
			label += " " + f.Value
		}
	}
	return label
}
