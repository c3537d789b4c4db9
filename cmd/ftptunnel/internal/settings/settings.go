// Package settings has the program's settings.
//
// An [Input] has them as people write them. Flags fill it, on a command line or as
// keys of a configuration file (package config). [Input.Parse] checks it and returns
// [Settings], plain values for the rest of the program.
package settings

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"example.org/ftptunnel/tunnel/sshconfig"
)

// DefaultListen is where clients connect to if nothing else is given.
const DefaultListen = Localhost + ":2121"

// Input is a tunnel's settings as people write them. Start with [Defaults].
type Input struct {
	Command CommandLine // what was typed, for hints

	Gateway string   // [user@]gateway, or several of them separated by commas, in order of preference
	Server  string   // ftp-host[:port]; if empty, localhost:21
	Listen  []string // -L: [bind:]port:ftp-host:ftp-port, or [bind:]port for Server
	Dynamic []string // -D: [bind:]port

	AnyAddress bool // listen on all addresses where none is given

	SSH        sshconfig.Options
	IPv4, IPv6 bool // use only this family to connect to the gateway

	ServerMode    string   // auto, passive, active or client
	ActiveAddress string   // an IP address of the gateway
	PASVAddress   string   // control, reply, or networks separated by commas
	FXP           bool     // pass on addresses that are not the client's
	Targets       []string // FTP servers that logins may name
	Users         []string // users of this machine, by name or ID, or any
	MaxClients    int
	DataTimeout   time.Duration
	DrainTimeout  time.Duration

	Transfers string // file in which transfers are recorded in JSON
	Xferlog   string // file in which transfers are recorded as servers do
	LogFormat string // text or json
	Verbose   int    // 1 logs sessions, 2 also commands and replies
	Quiet     bool   // log warnings and errors only
}

// Defaults returns an Input that leaves everything at its default.
func Defaults() Input {
	return Input{
		ServerMode:   "auto",
		PASVAddress:  "control",
		MaxClients:   1000,
		DataTimeout:  5 * time.Minute,
		DrainTimeout: 30 * time.Second,
		LogFormat:    "text",
	}
}

// Settings are checked settings. They do not change after Parse.
type Settings struct {
	Command  CommandLine // what was typed, for hints
	Gateways []string    // at least one, in order of preference
	SSH      sshconfig.Options
	Forwards []Forward // at least one
	FTP      FTP
	Log      Log
}

// Log says what is logged, and how.
type Log struct {
	JSON      bool // one JSON object a line, instead of text
	Level     slog.Level
	Transfers string // file in which transfers are recorded in JSON, or none
	Xferlog   string // file in which transfers are recorded as servers do, or none
}

// Levels in addition to those of package slog.
const (
	LevelLine   = slog.LevelDebug - 4 // single commands and replies
	LevelNotice = slog.LevelInfo + 2  // messages that ssh prints too
)

// Servers returns the FTP servers of the forwards that name one.
func (s *Settings) Servers() (servers []string) {
	for _, f := range s.Forwards {
		if f.Server != "" {
			servers = append(servers, f.Server)
		}
	}
	return servers
}

// An Error reports a setting that cannot be used.
type Error struct {
	Key  string // the flag without its dashes, or "gateway" or "server"; empty if it is about something else
	Text string
	Hint string // what to type instead
}

func (e *Error) Error() string { return e.Text }

func reject(key, text, hint string) *Error { return &Error{key, text, hint} }

// Parse checks in and returns its values. listen is the address to listen on if
// neither Listen nor Dynamic is given. The error is an [*Error], unless the users of
// this machine cannot be looked up.
func (in Input) Parse(listen string) (*Settings, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	log, err := in.Log()
	if err != nil {
		return nil, err
	}
	s := &Settings{Command: in.Command, SSH: in.SSH, Log: log}
	switch {
	case in.IPv4:
		s.SSH.AddressFamily = "inet"
	case in.IPv6:
		s.SSH.AddressFamily = "inet6"
	}
	if s.Gateways, err = in.gateways(); err != nil {
		return nil, err
	}
	if s.FTP, err = in.ftp(); err != nil {
		return nil, err
	}
	if s.Forwards, err = in.forwards(listen); err != nil {
		return nil, err
	}
	return s, s.checkActive()
}

// gateways returns the names of the gateways.
func (in Input) gateways() ([]string, error) {
	names := strings.Split(in.Gateway, ",")
	for i, name := range names {
		switch {
		case name == "" && len(names) > 1:
			return nil, reject("gateway", fmt.Sprintf("empty gateway name in %q", in.Gateway), "ftptunnel gateway1,gateway2")
		case slices.Contains(names[:i], name):
			return nil, reject("gateway", fmt.Sprintf("%s is given twice in %q", name, in.Gateway), "name each gateway once: ftptunnel gateway1,gateway2")
		}
	}
	return names, nil
}

// Log checks the settings of the log and returns their values. The error is an
// [*Error].
func (in Input) Log() (Log, error) {
	switch {
	case in.Verbose < 0:
		return Log{}, reject("verbose", "-v counts from 0", "such as --verbose=1")
	case in.Quiet && in.Verbose > 0:
		return Log{}, reject("quiet", "-q and -v contradict each other", "give one of them, or neither")
	case in.Transfers != "" && in.Transfers == in.Xferlog:
		return Log{}, reject("xferlog", "--transfer-log and --xferlog are the same file", "--transfer-log writes JSON: give it a file of its own")
	case in.LogFormat != "text" && in.LogFormat != "json":
		return Log{}, reject("log-format", fmt.Sprintf("unknown log format %q", in.LogFormat), "--log-format=text or --log-format=json")
	}
	return Log{JSON: in.LogFormat == "json", Level: in.level(), Transfers: in.Transfers, Xferlog: in.Xferlog}, nil
}

// level returns the lowest level that is logged.
func (in Input) level() slog.Level {
	switch {
	case in.Quiet:
		return slog.LevelWarn
	case in.Verbose > 1:
		return LevelLine
	case in.Verbose == 1:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// check returns an error for settings that contradict each other.
func (in Input) check() error {
	switch {
	case in.Gateway == "":
		return reject("gateway", "no gateway given", "ftptunnel [user@]gateway [ftp-host[:port]]")
	case in.IPv4 && in.IPv6:
		return reject("ipv6", "-4 and -6 contradict each other", "give one of them, or neither")
	case in.ActiveAddress != "" && in.ServerMode == "passive":
		return reject("active-address", "--active-address is for active mode, and --server-mode=passive excludes it", "leave out one of them")
	case in.PASVAddress != "control" && in.ServerMode == "active":
		return reject("pasv-address", "--pasv-address is for passive mode, and --server-mode=active excludes it", "leave out one of them")
	case in.SSH.Port < 0 || in.SSH.Port > 65535:
		return reject("port", fmt.Sprintf("no such port: %d", in.SSH.Port), "-p takes 1 to 65535")
	case len(in.Listen) > 0 && in.Server != "" && !slices.ContainsFunc(in.Listen, leavesServer):
		return reject("server", "both -L and "+in.Server+" name the FTP server", "leave out one of them"+in.rather(in.Gateway))
	case len(in.Dynamic) > 0 && in.Server != "" && len(in.Listen) == 0:
		return reject("server", "with -D each login names its FTP server, and "+in.Server+" names one too", "leave it out"+in.rather(in.Gateway))
	case len(in.Targets) > 0 && len(in.Dynamic) == 0:
		return reject("allow-target", "--allow-target needs -D: only there a login names its FTP server", "-D 2121 --allow-target="+in.Targets[0])
	}
	return nil
}

// rather returns what to type instead of what was typed, if anything was.
func (in Input) rather(args ...string) string {
	if in.Command.Command == "" {
		return ""
	}
	return ": " + in.Command.With(args...).String()
}

// forwards returns the ports to open and the FTP servers behind them.
func (in Input) forwards(listen string) (forwards []Forward, err error) {
	server := "localhost:21"
	if in.Server != "" {
		if server, err = parseServer(in.Server); err != nil {
			return nil, err
		}
	}
	for _, l := range in.Listen {
		f, err := parseForward(l, server, in.bind())
		if err != nil {
			return nil, err
		}
		forwards = append(forwards, f)
	}
	for _, d := range in.Dynamic {
		f, err := parseDynamic(d, in.bind())
		if err != nil {
			return nil, err
		}
		forwards = append(forwards, f)
	}
	if len(forwards) == 0 {
		if _, port, err := net.SplitHostPort(listen); err == nil {
			listen = net.JoinHostPort(in.bind(), port)
		}
		forwards = []Forward{{listen, server}}
	}
	return forwards, nil
}

// bind returns the address to listen on where none is given; empty means all.
func (in Input) bind() string {
	if in.AnyAddress {
		return ""
	}
	return Localhost
}
