package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// flags adds the flags that all commands have.
func (p *program) flags(f *pflag.FlagSet) {
	in := &p.in
	f.StringArrayVarP(&in.Listen, "listen", "L", nil, "listen here and forward to there: `[bind:]port:ftp-host:ftp-port`;\nport 0 takes a free one (repeatable; default "+settings.DefaultListen+")")
	f.StringArrayVarP(&in.Dynamic, "dynamic", "D", nil, "listen at `[bind:]port`; there the login names the FTP server, as\nuser@ftp-host[:port] (repeatable)")
	f.StringArrayVarP(&in.SSH.IdentityFiles, "identity", "i", nil, "private key `file` (repeatable)")
	f.IntVarP(&in.SSH.Port, "port", "p", 0, "`port` of the gateway's SSH server")
	f.StringVarP(&in.SSH.User, "login", "l", "", "`user` on the gateway")
	f.StringVarP(&in.SSH.ConfigFile, "config", "F", "", "read this ssh configuration `file` instead of the usual ones")
	f.StringVarP(&in.SSH.Jump, "jump", "J", "", "go through these `hosts`: [user@]host[:port],...")
	f.StringArrayVarP(&in.SSH.Settings, "option", "o", nil, "ssh configuration `keyword=value` (repeatable)")
	f.BoolVarP(&in.IPv4, "ipv4", "4", false, "use IPv4 only to reach the gateway")
	f.BoolVarP(&in.IPv6, "ipv6", "6", false, "use IPv6 only to reach the gateway")
	f.CountVarP(&in.Verbose, "verbose", "v", "log sessions; -vv also logs FTP commands and replies")
	f.BoolVarP(&in.Quiet, "quiet", "q", false, "log warnings and errors only")
	f.StringVar(&in.LogFormat, "log-format", in.LogFormat, "`format` of the log on standard error: text or json")
	f.DurationVar(&in.DataTimeout, "data-timeout", in.DataTimeout, "close a data port that nobody connects to after this `time`")
	f.StringVar(&in.ServerMode, "server-mode", in.ServerMode, "open data connections with the FTP server in this `mode`, whatever\nclients use: passive; active; auto, which tries another if one fails; or\nclient: exactly what the client asks for, nothing translated, nothing\nremembered")
	f.StringVar(&in.ActiveAddress, "active-address", "", "`address` of the gateway that an FTP server on another host can\nconnect to; sshd must listen there: GatewayPorts clientspecified")
	f.StringVar(&in.PASVAddress, "pasv-address", in.PASVAddress, "`where` data connections to the FTP server go: control, to its own\naddress; reply, to what its 227 names; or networks to follow it within")
	f.BoolVar(&in.FXP, "fxp", false, "pass on PORT and EPRT with addresses that are not the client's")
	f.StringArrayVar(&in.Targets, "allow-target", nil, "with -D, an FTP `server` that logins may name: a host name, a pattern\nor a network, with or without :port (repeatable; default: any, but not\nthe gateway itself, nor port 22)")
	f.IntVar(&in.MaxClients, "max-clients", in.MaxClients, "serve at most this `number` of clients at a time on each port")
	f.DurationVar(&in.DrainTimeout, "drain-timeout", in.DrainTimeout, "when stopped, let transfers finish within this `time`; a second signal\nends them at once")
	f.StringArrayVar(&in.Users, "allow-user", nil, "serve this `user` of this machine, by name or ID, or any\n(repeatable; default: the user who starts ftptunnel; root always)")
	f.BoolP("no-command", "N", false, "")
	_ = f.MarkHidden("no-command") // for the habit of ssh -N -L
}

// commandLine returns what to type for ftptunnel with the flags and arguments of
// f, except the flags left out.
func commandLine(f *pflag.FlagSet, leaveOut ...string) string {
	line := "ftptunnel"
	f.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, is := f.Value.(pflag.SliceValue); is {
			values = several.GetSlice()
		}
		for _, v := range values {
			switch {
			case slices.Contains(leaveOut, f.Name):
			case f.Value.Type() == "bool" && v == "true":
				line += " --" + f.Name
			default:
				line += " --" + f.Name + "=" + shellWord(v)
			}
		}
	})
	for _, arg := range f.Args() {
		line += " " + shellWord(arg)
	}
	return line
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// shellWord returns s as a word for a shell, quoted if need be.
func shellWord(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
