package settings

import "github.com/spf13/pflag"

// TunnelFlags adds the flags of a tunnel to f; what they are given is stored in in.
// Their names are the keys of a configuration file too.
func (in *Input) TunnelFlags(f *pflag.FlagSet) {
	// flags adds the flags that all commands have to f.
	f.StringArrayVarP(&in.Listen, "listen", "L", nil, "open a port for an FTP server: `[bind:]port[:ftp-host:ftp-port]`;\nport 0 takes a free one (repeatable; default "+DefaultListen+")")
	f.StringArrayVarP(&in.Dynamic, "dynamic", "D", nil, "open `[bind:]port`, where each login names its FTP server, as\nuser@ftp-host[:port] (repeatable)")
	f.BoolVarP(&in.AnyAddress, "gateway-ports", "g", false, "listen on all addresses of this machine where no bind address is given")
	f.StringArrayVarP(&in.SSH.IdentityFiles, "identity", "i", nil, "private key `file` (repeatable)")
	f.IntVarP(&in.SSH.Port, "port", "p", 0, "`port` of the gateway's SSH server")
	f.StringVarP(&in.SSH.User, "login", "l", "", "`user` on the gateway")
	f.StringVarP(&in.SSH.ConfigFile, "config", "F", "", "ssh configuration `file` to read instead of the usual ones")
	f.StringVarP(&in.SSH.Jump, "jump", "J", "", "connect through these jump `hosts`: [user@]host[:port],...")
	f.StringArrayVarP(&in.SSH.Settings, "option", "o", nil, "ssh configuration `keyword=value` (repeatable)")
	f.BoolVarP(&in.IPv4, "ipv4", "4", false, "connect to the gateway over IPv4 only")
	f.BoolVarP(&in.IPv6, "ipv6", "6", false, "connect to the gateway over IPv6 only")
	f.DurationVar(&in.DataTimeout, "data-timeout", in.DataTimeout, "close a data port if no connection arrives within this `time`")
	f.StringVar(&in.ServerMode, "server-mode", in.ServerMode, "open data connections with the FTP server in this `mode`, whatever\nclients use: passive; active; auto, which tries another if one fails; or\nclient: exactly what the client asks for, nothing translated, nothing\nremembered")
	f.StringVar(&in.ActiveAddress, "active-address", "", "`address` of the gateway that an FTP server on another host can\nconnect to; sshd must listen there: GatewayPorts clientspecified")
	f.StringVar(&in.PASVAddress, "pasv-address", in.PASVAddress, "`where` data connections to the FTP server go: control, to the address\nof the control connection; reply, to the address in its 227; or\nnetworks, to the address in its 227 if they contain it")
	f.BoolVar(&in.FXP, "fxp", false, "pass on PORT and EPRT with addresses that are not the client's")
	f.StringArrayVar(&in.Targets, "allow-target", nil, "with -D, an FTP `server` that logins may name: a host name, a pattern\nor a network, with or without :port (repeatable; default: any, but not\nthe gateway itself, nor port 22)")
	f.IntVar(&in.MaxClients, "max-clients", in.MaxClients, "serve at most this `number` of clients at a time on each port")
	f.DurationVar(&in.DrainTimeout, "drain-timeout", in.DrainTimeout, "on SIGINT or SIGTERM, let transfers finish within this `time`; a second\nsignal ends them at once")
	f.StringArrayVar(&in.Users, "allow-user", nil, "serve this `user` of this machine, by name or ID, or any\n(repeatable; default: the user who starts ftptunnel; root always)")
}

// LogFlags adds the flags of the log to f; what they are given is stored in in.
func (in *Input) LogFlags(f *pflag.FlagSet) {
	f.CountVarP(&in.Verbose, "verbose", "v", "log sessions; -vv also logs FTP commands and replies")
	f.BoolVarP(&in.Quiet, "quiet", "q", false, "log warnings and errors only")
	f.StringVar(&in.LogFormat, "log-format", in.LogFormat, "`format` of the log on standard error: text or json")
}

// RecordFlags adds the flags of the files in which transfers are recorded.
func (in *Input) RecordFlags(f *pflag.FlagSet) {
	f.StringVar(&in.Transfers, "transfer-log", "", "append each transfer to `file`, as a line in JSON")
	f.StringVar(&in.Xferlog, "xferlog", "", "append each file that is transferred to `file`, as FTP servers do")
}
