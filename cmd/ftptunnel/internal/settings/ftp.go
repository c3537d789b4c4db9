package settings

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.org/ftptunnel/cmd/ftptunnel/internal/owner"
	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
	"example.org/ftptunnel/ftpfwd"
)

// FTP says how FTP is forwarded, and for whom. Its fields have the meaning of
// those of [ftpfwd.Forwarder].
type FTP struct {
	ServerMode    ftpfwd.ServerMode
	ActiveAddress netip.Addr
	ReplyNetworks []netip.Prefix
	ForeignPorts  bool
	Targets       []ftpfwd.Target
	Users         []string // IDs, as package owner has them; nil for any
	MaxClients    int
	DataTimeout   time.Duration
	DrainTimeout  time.Duration
}

func (in Input) ftp() (FTP, error) {
	f := FTP{
		ServerMode: ftpfwd.ServerMode(in.ServerMode), ForeignPorts: in.FXP,
		MaxClients: in.MaxClients, DataTimeout: in.DataTimeout, DrainTimeout: in.DrainTimeout,
	}
	switch f.ServerMode {
	case ftpfwd.Auto, ftpfwd.Passive, ftpfwd.Active, ftpfwd.Exact:
	default:
		return f, reject("server-mode", fmt.Sprintf("unknown server mode %q", in.ServerMode), "--server-mode=auto, passive, active or client")
	}
	switch {
	case in.MaxClients < 1:
		return f, reject("max-clients", "--max-clients must be positive", "such as --max-clients=10")
	case in.DrainTimeout < 0:
		return f, reject("drain-timeout", "--drain-timeout must not be negative", "such as --drain-timeout=1m")
	case in.DataTimeout <= 0:
		return f, reject("data-timeout", "--data-timeout must be positive", "such as --data-timeout=5m")
	}
	for _, t := range in.Targets {
		target, err := ftpfwd.ParseTarget(t)
		if err != nil {
			return f, reject("allow-target", "--allow-target: "+wording.Of(err), "such as ftp.internal, *.internal:21, 10.0.0.0/8 or [fd00::/8]:21")
		}
		f.Targets = append(f.Targets, target)
	}
	var err error
	if f.ActiveAddress, err = parseActiveAddress(in.ActiveAddress); err != nil {
		return f, err
	}
	if f.ReplyNetworks, err = parseReplyNetworks(in.PASVAddress); err != nil {
		return f, err
	}
	if f.Users, err = owner.IDs(in.Users); err != nil && len(in.Users) > 0 {
		err = reject("allow-user", "--allow-user: "+wording.Of(err), "name a user of this machine, or any")
	}
	return f, err
}

// parseActiveAddress returns the zero value for an empty string.
func parseActiveAddress(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	address, err := netip.ParseAddr(s)
	if err != nil || address.IsUnspecified() {
		return netip.Addr{}, reject("active-address", "not an IP address: --active-address="+s, "the gateway's address as the FTP server sees it, such as --active-address=10.1.2.3")
	}
	return address.Unmap(), nil
}

// parseReplyNetworks returns the networks in which the address of a 227 is
// dialled.
func parseReplyNetworks(s string) (networks []netip.Prefix, err error) {
	switch s {
	case "control":
		return nil, nil
	case "reply":
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
	}
	for _, n := range strings.Split(s, ",") {
		network, err := netip.ParsePrefix(strings.TrimSpace(n))
		if err != nil {
			return nil, reject("pasv-address", "cannot parse --pasv-address="+s, "control, reply, or networks such as 10.1.0.0/16,192.168.7.0/24")
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// checkActive refuses active mode where no server could connect to the gateway.
func (s *Settings) checkActive() error {
	if s.FTP.ServerMode != ftpfwd.Active || s.FTP.ActiveAddress.IsValid() {
		return nil
	}
	for _, f := range s.Forwards {
		if f.Server == "" || !ftpfwd.OnGateway(f.Server) {
			return reject("server-mode", "active mode needs an address of the gateway that an FTP server on another host can connect to", "--active-address=ADDRESS, or --server-mode=auto")
		}
	}
	return nil
}
