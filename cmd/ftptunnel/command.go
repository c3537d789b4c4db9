package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"

	"example.org/ftptunnel/cmd/ftptunnel/internal/gateway"
	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// A program is one run of ftptunnel.
type program struct {
	stdout, stderr io.Writer
	status         int // the exit status, unless there is an error

	unanswered atomic.Bool // a question was open when the program was stopped

	in       settings.Input
	settings *settings.Settings // in, checked; not of serve
	pool     *gateway.Pool      // of serve
}

const about = `Carries FTP through SSH. Point any FTP client at the port it prints.

ftp-host is a name that the gateway resolves; left out, it is localhost:21, on
the gateway. Of several gateways, as in gw1,gw2, the first that leads to the FTP
server is used. Flags mean what they mean to ssh.`

const examples = `  ftptunnel alice@gateway                        the FTP server on the gateway
  ftptunnel alice@gateway ftp.internal           one behind it
  ftptunnel -L 2100:ftp.internal:21 gateway      with a port of your choice
  ftptunnel -D 2121 gateway                      many: log in as user@ftp-host
  ftptunnel run gateway -- lftp -c 'set net:max-retries 1; open -u bob,password {url}; mirror in out'
  ftptunnel check gateway                        what works, and what to change
  ftptunnel serve                                the tunnels of a configuration file`

// usage is the usage template, without the lines about commands and their help
// that cobra adds.
const usage = `Usage:
  {{.UseLine}}{{range .Commands}}{{if .IsAvailableCommand}}
  {{.UseLine}}{{end}}{{end}}

Examples:
{{.Example}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
`

// freePort is where run listens. check does not listen.
const freePort = settings.Localhost + ":0"

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "ftptunnel [flags] [user@]gateway [ftp-host[:port]]",
		Short:         "Carry FTP through SSH",
		Long:          about,
		Example:       examples,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.parse(c, args, settings.DefaultListen); err != nil {
				return err
			}
			return p.forward(c.Context())
		},
	}
	run, check, serve := p.runCommand(), p.checkCommand(), p.serveCommand()
	root.AddCommand(run, check, serve)
	root.SetUsageTemplate(usage)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(p.versionCommand(), completionCommand())
	for _, c := range []*cobra.Command{root, run, check, serve} {
		f := c.Flags()
		if c != serve {
			p.in.TunnelFlags(f)
			addHabits(f)
		}
		p.in.LogFlags(f)
		if c != check {
			p.in.RecordFlags(f)
		}
		f.SortFlags = false
		c.SetFlagErrorFunc(flagError)
		completeFlags(c)
		if c != serve {
			c.ValidArgsFunction = completeGateway
		}
	}
	return root
}

func (p *program) runCommand() *cobra.Command {
	r := childRun{required: -1}
	c := &cobra.Command{
		Use:   "run [flags] [user@]gateway [ftp-host[:port]] -- command [args]",
		Short: "Run a command with a tunnel",
		Long: `Opens the tunnel on a free port, waits until the FTP server greets through it,
and runs the command with FTP_HOST, FTP_PORT and FTP_URL in its environment;
{host}, {port} and {url} in its arguments are replaced. Waits while clients are
connected, and exits with the command's status, 128+n if signal n ended it, 126
or 127 if it could not be run, and 1 if the tunnel did not come up or
--require-transfers is not met.`,
		Example: `  ftptunnel run gateway -- lftp -c 'set net:max-retries 1; open -u bob,password {url}; mirror in out'
  ftptunnel run --require-transfers --summary gateway -- curl -u bob:password -O {url}/report.csv
  ftptunnel run gateway -- wget --tries=1 --user=bob --password=password {url}/report.csv
  ftptunnel run gateway ftp.internal -- curl -n -O {url}/report.csv   # ~/.netrc: machine 127.0.0.1 login bob ...`,
		RunE: func(c *cobra.Command, args []string) error {
			dash := c.ArgsLenAtDash()
			if dash < 0 || dash == len(args) {
				return noChild(commandLine(c))
			}
			if err := p.parse(c, args[:dash], freePort); err != nil {
				return err
			}
			if c.Flags().Changed("require-transfers") && r.required < 0 {
				return &settings.Error{Text: "--require-transfers must not be negative", Hint: "such as --require-transfers=10"}
			}
			r.command = args[dash:]
			return p.runChild(c.Context(), r)
		},
	}
	c.Flags().IntVar(&r.required, "require-transfers", r.required, "exit with 1 if a file could not be transferred, or fewer than this\n`number` were, although the command reports success (1 if no number is given)")
	c.Flags().Lookup("require-transfers").NoOptDefVal = "1"
	c.Flags().Lookup("require-transfers").DefValue = "0" // shown as no default
	c.Flags().BoolVar(&r.summary, "summary", false, "print one line about all transfers at the end")
	return c
}

func (p *program) checkCommand() *cobra.Command {
	var r checkRun
	c := &cobra.Command{
		Use:   "check [flags] [user@]gateway [ftp-host[:port]]",
		Short: "Find out what works, and what to change",
		Long: `Tries the whole way to the FTP server once and reports each step: the ssh
configuration, each host on the way, what the gateway allows, the FTP server.
With --user it logs in and lists a directory in each of FTP's modes. It opens no
port on this machine, changes nothing on the server, and tries nothing twice.
Exits with 0 if at least one mode works (without --user: should work), else 1.`,
		Example: `  ftptunnel check gateway
  ftptunnel check --user bob alice@gateway ftp.internal
  FTP_PASSWORD="$(pass ftp)" ftptunnel check --json --user bob gateway | jq .modes`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := p.parse(c, args, freePort); err != nil {
				return err
			}
			if !c.Flags().Changed("user") {
				r.user = os.Getenv("FTP_USER")
			}
			return p.check(c.Context(), r)
		},
	}
	c.Flags().StringVar(&r.user, "user", "", "log in to the FTP server as `name` and try EPSV, PASV, EPRT and PORT;\nname and password can be in the environment, FTP_USER and\nFTP_PASSWORD; a password that is missing is asked for")
	c.Flags().StringVar(&r.passwordFile, "password-file", "", "`file` with the password on its first line, which others may not read")
	c.Flags().BoolVar(&r.json, "json", false, "report as one JSON document")
	return c
}

func (p *program) serveCommand() *cobra.Command {
	var s source
	var dry bool
	c := &cobra.Command{
		Use:   "serve [--file file] [tunnel ...]",
		Short: "Run the tunnels of a configuration file",
		Long: `Runs the tunnels of a configuration file, or those that are named, until a
signal. A gateway that is down does not end it: clients get a 421 with the
reason until it is up. SIGHUP reads the file again and applies what changed.`,
		Example: `  ftptunnel serve                                ~/.config/ftptunnel/config.toml, or that in /etc
  ftptunnel serve --file tunnels.toml payroll    one tunnel of another file
  ftptunnel serve --check                        what it would do`,
		RunE: func(c *cobra.Command, args []string) error {
			p.in.Command = commandLine(c)
			if _, err := p.in.Log(); err != nil {
				return err
			}
			s.names = args
			if dry {
				return p.plan(c.Context(), &s)
			}
			return p.serveFile(c.Context(), &s)
		},
	}
	c.ValidArgsFunction = p.completeTunnel(&s)
	c.Flags().StringVar(&s.path, "file", "", "configuration `file`")
	c.Flags().BoolVar(&dry, "check", false, "print what would be done; connect to nothing")
	return c
}

// helpCommand and versionCommand are words that people type after other programs'
// names. A host of such a name is reached as user@help.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, err := root.Find(args)
			if err != nil {
				return err
			}
			return c.Help()
		},
	}
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Hidden: true,
		Run: func(c *cobra.Command, _ []string) { fmt.Fprintf(c.OutOrStdout(), "ftptunnel version %s\n", version()) },
	}
}

// parse checks the flags and the arguments before a command: the gateway and
// the FTP server.
func (p *program) parse(c *cobra.Command, args []string, listen string) (err error) {
	p.in.Command = commandLine(c)
	if err := checkHabits(c.Flags()); err != nil {
		return err
	}
	switch len(args) {
	case 0:
	case 1:
		p.in.Gateway = args[0]
	case 2:
		p.in.Gateway, p.in.Server = args[0], args[1]
		if args[1] == "" {
			return &settings.Error{Text: "the name of the FTP server is empty", Hint: "leave it out for localhost:21, on the gateway"}
		}
	default:
		return tooMany(p.in.Command, args)
	}
	p.settings, err = p.in.Parse(listen)
	return err
}

// tooMany returns the error for more than two arguments: perhaps a port, as telnet
// takes it, or a command to run.
func tooMany(line settings.CommandLine, args []string) error {
	e := &settings.Error{Text: fmt.Sprintf("too many arguments: %q", args[2:])}
	if _, err := strconv.ParseUint(args[2], 10, 16); err == nil && len(args) == 3 {
		e.Hint = "give the port with a colon: " + line.With(args[0], args[1]+":"+args[2]).String()
		return e
	}
	line.Command, line.Child = "ftptunnel run", append(args[2:], line.Child...)
	e.Hint = "to run a command with a tunnel: " + line.With(args[0], args[1]).String()
	return e
}

// noChild returns the error for run without a command: everything is before --, or
// there is none.
func noChild(line settings.CommandLine) error {
	line.Child = []string{"command", "args"}
	if len(line.Args) == 0 {
		line.Args = []string{"gateway"}
	}
	return &settings.Error{Text: "no command to run", Hint: line.String()}
}

// version returns the module's version, as built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
