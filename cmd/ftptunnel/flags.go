package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// A program is one run of ftptunnel: what its flags say, and where it writes.
type program struct {
	stdout, stderr io.Writer
	status         int // the exit status, unless there is an error

	in       settings.Input
	settings *settings.Settings // in, checked
	check    checkFlags
}

const about = `Carries FTP through SSH. Point any FTP client at the port it prints.

ftp-host is named as the gateway sees it; left out, it is localhost:21, on the
gateway. Of several gateways, as in gw1,gw2, the first is used that leads to the
FTP server. Flags mean what they mean to ssh.`

const examples = `  ftptunnel alice@gateway                        the FTP server on the gateway
  ftptunnel alice@gateway ftp.internal           one behind it
  ftptunnel -L 2100:ftp.internal:21 gateway      with a port of your own
  ftptunnel -D 2121 gateway                      many: log in as user@ftp-host
  ftptunnel run gateway -- lftp -c 'open {url}; mirror in out'
  ftptunnel check gateway                        what works, and what to change`

// usage lists what can be typed, without the words about commands and their
// help that cobra would add.
const usage = `Usage:
  {{.UseLine}}{{range .Commands}}{{if .IsAvailableCommand}}
  {{.UseLine}}{{end}}{{end}}

Examples:
{{.Example}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
`

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "ftptunnel [flags] [user@]gateway [ftp-host[:port]]",
		Short:         "Carries FTP through SSH",
		Long:          about,
		Example:       examples,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.parse(args, settings.DefaultListen); err != nil {
				return err
			}
			return p.forward(c.Context())
		},
	}
	child := &cobra.Command{
		Use:   "run [flags] [user@]gateway [ftp-host[:port]] -- command [args]",
		Short: "Run a command with a tunnel, for as long as it takes",
		Long: `Opens the tunnel on a free port, waits until the FTP server has greeted through
it, and runs the command with FTP_HOST, FTP_PORT and FTP_URL in its environment;
{host}, {port} and {url} in its arguments are replaced. Exits with the command's
own status, 128+n if signal n ended it, 126 or 127 if it could not be run, and 1
if the tunnel never came up.`,
		Example: `  ftptunnel run gateway -- lftp -c 'open {url}; mirror in out'
  ftptunnel run gateway ftp.internal -- curl -O {url}/report.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			dash := c.ArgsLenAtDash()
			if dash < 0 || dash == len(args) {
				return &settings.Error{Text: "no command to run", Hint: "ftptunnel run gateway -- command args"}
			}
			if err := p.parse(args[:dash], "127.0.0.1:0"); err != nil {
				return err
			}
			return p.runCommand(c.Context(), args[dash:])
		},
	}
	check := p.checkCommand()
	root.AddCommand(child, check)
	root.SetUsageTemplate(usage)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	for _, c := range []*cobra.Command{root, child, check} {
		p.flags(c.Flags())
		c.Flags().SortFlags = false
		c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
			return &settings.Error{Text: err.Error(), Hint: c.CommandPath() + " --help"}
		})
	}
	return root
}

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
	f.StringVar(&in.ServerMode, "server-mode", in.ServerMode, "open data connections with the FTP server in this `mode`, whatever\nclients use: passive, active, or auto, which tries what is left")
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

// parse checks the flags and the arguments before a command: the gateway and
// the FTP server.
func (p *program) parse(args []string, listen string) (err error) {
	switch len(args) {
	case 0:
	case 1:
		p.in.Gateway = args[0]
	case 2:
		p.in.Gateway, p.in.Server = args[0], args[1]
	default:
		return &settings.Error{Text: fmt.Sprintf("too many arguments: %q", args[2:]), Hint: "to run a command with a tunnel: ftptunnel run " + args[0] + " -- " + strings.Join(args[1:], " ")}
	}
	p.settings, err = p.in.Parse(listen)
	return err
}

// version is the module's version, as built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
