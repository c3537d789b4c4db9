package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"example.org/ftptunnel/ftpfwd"
)

// dataFlags say how data connections come about, which servers a login may
// name, and who may log in.
type dataFlags struct {
	timeout       time.Duration
	mode          string
	activeAddress string
	pasvAddress   string
	fxp           bool
	targets       []string
	users         []string
	clients       int
	drain         time.Duration

	forwarder ftpfwd.Forwarder // what they say; the rest of it is empty
}

func (d *dataFlags) flags(f *pflag.FlagSet) {
	f.DurationVar(&d.timeout, "data-timeout", 5*time.Minute, "close a data port that nobody connects to after this `time`")
	f.StringVar(&d.mode, "server-mode", "auto", "open data connections with the FTP server in this `mode`, whatever\nclients use: passive, active, or auto, which tries what is left")
	f.StringVar(&d.activeAddress, "active-address", "", "`address` of the gateway that an FTP server on another host can\nconnect to; sshd must listen there: GatewayPorts clientspecified")
	f.StringVar(&d.pasvAddress, "pasv-address", "control", "`where` data connections to the FTP server go: control, to its own\naddress; reply, to what its 227 names; or networks to follow it within")
	f.BoolVar(&d.fxp, "fxp", false, "pass on PORT and EPRT with addresses that are not the client's")
	f.StringArrayVar(&d.targets, "allow-target", nil, "with -D, an FTP `server` that logins may name: a host name, a pattern\nor a network, with or without :port (repeatable; default: any, but not\nthe gateway itself, nor port 22)")
	f.IntVar(&d.clients, "max-clients", 1000, "serve this `number` of clients at a time on each port, and turn others away")
	f.DurationVar(&d.drain, "drain-timeout", 30*time.Second, "when stopped, let transfers go on for this `time`; a second signal\nends them at once")
	f.StringArrayVar(&d.users, "allow-user", nil, "serve this `user` of this machine, by name or ID, or any\n(repeatable; default: the one who starts ftptunnel; root always)")
}

// parse reads the flags' values. Targets make sense only where logins name
// servers.
func (d *dataFlags) parse(dynamic bool) error {
	f := &d.forwarder
	f.DataTimeout, f.ForeignPorts, f.ServerMode = d.timeout, d.fxp, ftpfwd.ServerMode(d.mode)
	switch f.ServerMode {
	case ftpfwd.Auto, ftpfwd.Passive, ftpfwd.Active:
	default:
		return &usageError{fmt.Sprintf("unknown server mode %q", d.mode), "--server-mode=auto, passive or active"}
	}
	if d.activeAddress != "" {
		address, err := netip.ParseAddr(d.activeAddress)
		if err != nil || address.IsUnspecified() {
			return &usageError{fmt.Sprintf("no IP address: --active-address=%s", d.activeAddress), "the gateway's address as the FTP server sees it, such as --active-address=10.1.2.3"}
		}
		f.ActiveAddress = address.Unmap()
	}
	if len(d.targets) > 0 && !dynamic {
		return &usageError{"--allow-target is about what logins may name, and without -D they name nothing", "-D 2121 --allow-target=" + d.targets[0]}
	}
	for _, t := range d.targets {
		target, err := ftpfwd.ParseTarget(t)
		if err != nil {
			return &usageError{fmt.Sprintf("--allow-target: %v", err), "such as ftp.internal, *.internal:21, 10.0.0.0/8 or [fd00::/8]:21"}
		}
		f.Targets = append(f.Targets, target)
	}
	if d.clients < 1 || d.drain < 0 || d.timeout <= 0 {
		return &usageError{"--max-clients, --drain-timeout and --data-timeout must be positive", "such as --max-clients=10 --drain-timeout=1m --data-timeout=5m"}
	}
	f.MaxClients, f.DrainTimeout = d.clients, d.drain
	if err := letIn(f, d.users); err != nil {
		return err
	}
	return d.parseReplyNetworks()
}

// checkActive refuses an active mode in which no server could connect back.
func (d *dataFlags) checkActive(forwards []forward) error {
	if d.forwarder.ServerMode != ftpfwd.Active || d.forwarder.ActiveAddress.IsValid() {
		return nil
	}
	for _, f := range forwards {
		if f.server == "" || !ftpfwd.OnGateway(f.server) {
			return &usageError{"active mode needs an address of the gateway that an FTP server on another host can connect to", "--active-address=ADDRESS, or --server-mode=auto"}
		}
	}
	return nil
}

func (d *dataFlags) parseReplyNetworks() error {
	f := &d.forwarder
	switch d.pasvAddress {
	case "control":
		return nil
	case "reply":
		f.ReplyNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		return nil
	}
	for _, n := range strings.Split(d.pasvAddress, ",") {
		network, err := netip.ParsePrefix(strings.TrimSpace(n))
		if err != nil {
			return &usageError{fmt.Sprintf("cannot read --pasv-address=%s", d.pasvAddress), "control, reply, or networks such as 10.1.0.0/16,192.168.7.0/24"}
		}
		f.ReplyNetworks = append(f.ReplyNetworks, network)
	}
	return nil
}
