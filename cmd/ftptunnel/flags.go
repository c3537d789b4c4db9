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

// flags adds the flags that all commands have to f.
func (p *program) flags(f *pflag.FlagSet) {
	in := &p.in
	f.StringArrayVarP(&in.Listen, "listen", "L", nil, "open a port for an FTP server: `[bind:]port:ftp-host:ftp-port`;\nport 0 takes a free one (repeatable; default "+settings.DefaultListen+")")
	f.StringArrayVarP(&in.Dynamic, "dynamic", "D", nil, "open `[bind:]port`, where each login names its FTP server, as\nuser@ftp-host[:port] (repeatable)")
	f.StringArrayVarP(&in.SSH.IdentityFiles, "identity", "i", nil, "private key `file` (repeatable)")
	f.IntVarP(&in.SSH.Port, "port", "p", 0, "`port` of the gateway's SSH server")
	f.StringVarP(&in.SSH.User, "login", "l", "", "`user` on the gateway")
	f.StringVarP(&in.SSH.ConfigFile, "config", "F", "", "ssh configuration `file` to read instead of the usual ones")
	f.StringVarP(&in.SSH.Jump, "jump", "J", "", "connect through these jump `hosts`: [user@]host[:port],...")
	f.StringArrayVarP(&in.SSH.Settings, "option", "o", nil, "ssh configuration `keyword=value` (repeatable)")
	f.BoolVarP(&in.IPv4, "ipv4", "4", false, "connect to the gateway over IPv4 only")
	f.BoolVarP(&in.IPv6, "ipv6", "6", false, "connect to the gateway over IPv6 only")
	f.CountVarP(&in.Verbose, "verbose", "v", "log sessions; -vv also logs FTP commands and replies")
	f.BoolVarP(&in.Quiet, "quiet", "q", false, "log warnings and errors only")
	f.StringVar(&in.LogFormat, "log-format", in.LogFormat, "`format` of the log on standard error: text or json")
	f.DurationVar(&in.DataTimeout, "data-timeout", in.DataTimeout, "close a data port if no connection arrives within this `time`")
	f.StringVar(&in.ServerMode, "server-mode", in.ServerMode, "open data connections with the FTP server in this `mode`, whatever\nclients use: passive; active; auto, which tries another if one fails; or\nclient: exactly what the client asks for, nothing translated, nothing\nremembered")
	f.StringVar(&in.ActiveAddress, "active-address", "", "`address` of the gateway that an FTP server on another host can\nconnect to; sshd must listen there: GatewayPorts clientspecified")
	f.StringVar(&in.PASVAddress, "pasv-address", in.PASVAddress, "`where` data connections to the FTP server go: control, to the address\nof the control connection; reply, to the address in its 227; or\nnetworks, to the address in its 227 if they contain it")
	f.BoolVar(&in.FXP, "fxp", false, "pass on PORT and EPRT with addresses that are not the client's")
	f.StringArrayVar(&in.Targets, "allow-target", nil, "with -D, an FTP `server` that logins may name: a host name, a pattern\nor a network, with or without :port (repeatable; default: any, but not\nthe gateway itself, nor port 22)")
	f.IntVar(&in.MaxClients, "max-clients", in.MaxClients, "serve at most this `number` of clients at a time on each port")
	f.DurationVar(&in.DrainTimeout, "drain-timeout", in.DrainTimeout, "on SIGINT or SIGTERM, let transfers finish within this `time`; a second\nsignal ends them at once")
	f.StringArrayVar(&in.Users, "allow-user", nil, "serve this `user` of this machine, by name or ID, or any\n(repeatable; default: the user who starts ftptunnel; root always)")
	f.BoolP("no-command", "N", false, "")
	_ = f.MarkHidden("no-command") // for the habit of ssh -N -L
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
