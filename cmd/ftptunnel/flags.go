package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.org/ftptunnel/tunnel/sshconfig"
)

// A program is one run of ftptunnel: what its flags say, and where it writes.
type program struct {
	stdout, stderr io.Writer
	status         int // the exit status, unless there is an error

	destination  string   // as given
	destinations []string // the gateways in it
	ssh          sshconfig.Options
	ipv4, ipv6   bool
	listen       []string // -L, as given
	dynamic      []string // -D, as given
	forwards     []forward
	data         dataFlags
	logFormat    string
	verbose      int
	quiet        bool
	check        checkFlags
}

// defaultListen is where clients connect unless -L says otherwise.
const defaultListen = "127.0.0.1:2121"

// A usageError is a command line that makes no sense, and what to type instead.
type usageError struct {
	text string
	hint string
}

func (e *usageError) Error() string { return e.text }

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
			if err := p.parse(args, defaultListen); err != nil {
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
				return &usageError{"no command to run", "ftptunnel run gateway -- command args"}
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
			return &usageError{err.Error(), c.CommandPath() + " --help"}
		})
	}
	return root
}

func (p *program) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&p.listen, "listen", "L", nil, "listen here and forward to there: `[bind:]port:ftp-host:ftp-port`;\nport 0 takes a free one (repeatable; default "+defaultListen+")")
	f.StringArrayVarP(&p.dynamic, "dynamic", "D", nil, "listen at `[bind:]port`; there the login names the FTP server, as\nuser@ftp-host[:port] (repeatable)")
	f.StringArrayVarP(&p.ssh.IdentityFiles, "identity", "i", nil, "private key `file` (repeatable)")
	f.IntVarP(&p.ssh.Port, "port", "p", 0, "`port` of the gateway's SSH server")
	f.StringVarP(&p.ssh.User, "login", "l", "", "`user` on the gateway")
	f.StringVarP(&p.ssh.ConfigFile, "config", "F", "", "read this ssh configuration `file` instead of the usual ones")
	f.StringVarP(&p.ssh.Jump, "jump", "J", "", "go through these `hosts`: [user@]host[:port],...")
	f.StringArrayVarP(&p.ssh.Settings, "option", "o", nil, "ssh configuration `keyword=value` (repeatable)")
	f.BoolVarP(&p.ipv4, "ipv4", "4", false, "use IPv4 only to reach the gateway")
	f.BoolVarP(&p.ipv6, "ipv6", "6", false, "use IPv6 only to reach the gateway")
	f.CountVarP(&p.verbose, "verbose", "v", "tell more: sessions; twice, each FTP command and reply")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "tell of failures only")
	f.StringVar(&p.logFormat, "log-format", "text", "`format` of what is told on standard error: text or json")
	p.data.flags(f)
	f.BoolP("no-command", "N", false, "")
	_ = f.MarkHidden("no-command") // the habit of ssh -N -L
}

// parse reads the arguments before a command: the gateway and the FTP server.
func (p *program) parse(args []string, listen string) error {
	switch {
	case len(args) == 0:
		return &usageError{"no gateway given", "ftptunnel [user@]gateway [ftp-host[:port]]"}
	case len(args) > 2:
		return &usageError{fmt.Sprintf("too many arguments: %q", args[2:]), "to run a command with a tunnel: ftptunnel run " + strings.Join(args[:1], " ") + " -- " + strings.Join(args[1:], " ")}
	case p.ipv4 && p.ipv6:
		return &usageError{"-4 and -6 contradict each other", "give one of them, or neither"}
	case p.logFormat != "text" && p.logFormat != "json":
		return &usageError{fmt.Sprintf("unknown log format %q", p.logFormat), "--log-format=text or --log-format=json"}
	case p.ssh.Port < 0 || p.ssh.Port > 65535:
		return &usageError{fmt.Sprintf("no such port: %d", p.ssh.Port), "-p takes 1 to 65535"}
	case len(p.listen) > 0 && len(args) == 2:
		return &usageError{"-L names the FTP server already, and so does " + args[1], "leave out one of them: ftptunnel -L " + p.listen[0] + " " + args[0]}
	case len(p.dynamic) > 0 && len(args) == 2:
		return &usageError{"with -D the login names the FTP server, and so does " + args[1], "leave it out: ftptunnel -D " + p.dynamic[0] + " " + args[0]}
	}
	if err := p.data.parse(len(p.dynamic) > 0); err != nil {
		return err
	}
	switch {
	case p.ipv4:
		p.ssh.AddressFamily = "inet"
	case p.ipv6:
		p.ssh.AddressFamily = "inet6"
	}
	p.destination, p.destinations = args[0], strings.Split(args[0], ",")
	if len(p.destinations) > 1 && slices.Contains(p.destinations, "") {
		return &usageError{fmt.Sprintf("a gateway without a name: %q", args[0]), "ftptunnel gateway1,gateway2"}
	}
	if len(p.listen)+len(p.dynamic) > 0 {
		return p.parseListen()
	}
	server := "localhost:21"
	if len(args) == 2 {
		var err error
		if server, err = parseServer(args[1]); err != nil {
			return err
		}
	}
	p.forwards = []forward{{listen, server}}
	return p.data.checkActive(p.forwards)
}

func (p *program) parseListen() error {
	for _, l := range p.listen {
		f, err := parseForward(l)
		if err != nil {
			return err
		}
		p.forwards = append(p.forwards, f)
	}
	for _, d := range p.dynamic {
		f, err := parseDynamic(d)
		if err != nil {
			return err
		}
		p.forwards = append(p.forwards, f)
	}
	return p.data.checkActive(p.forwards)
}

// version is the module's version, as built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
