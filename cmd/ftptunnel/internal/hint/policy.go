package hint

import (
	"errors"
	"net"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// A Policy is what a gateway answered to each kind of request. One answer alone
// does not tell which option is the cause: SSH gives no reasons.
type Policy struct {
	Server   string // host:port of the FTP server
	Dropbear bool   // the gateway runs Dropbear
	Connect  error  // to connect to the FTP server (direct-tcpip)
	Listen   error  // to listen (tcpip-forward)
	Reach    error  // to connect to the port that it listens on
}

const (
	openKeys   = "; in authorized_keys look for restrict, no-port-forwarding, permitopen"
	listenKeys = "; in authorized_keys look for restrict, no-port-forwarding, permitlisten; passive mode does not need it"
)

// Hints returns which options of the gateway to change.
func (p Policy) Hints() []string {
	connect, listen := Prohibited(p.Connect), refusesToListen(p.Listen)
	if p.Dropbear {
		return dropbearHints(connect, listen)
	}
	host, _, _ := net.SplitHostPort(p.Server)
	every := "PermitOpen " + everyPort(host)
	switch {
	case connect && listen:
		return []string{"in the gateway's sshd_config AllowTcpForwarding seems to be no, or DisableForwarding yes: set AllowTcpForwarding yes and DisableForwarding no" + openKeys}
	case connect && p.Reach == nil && p.Listen == nil:
		return []string{"in the gateway's sshd_config PermitOpen seems to leave out " + p.Server + ": add " + every + " (names are compared literally; data connections use other ports)" + openKeys}
	case connect:
		return []string{"in the gateway's sshd_config AllowTcpForwarding seems to be remote (set it to yes), or PermitOpen leaves out " + p.Server + " (add " + every + ")" + openKeys}
	case p.OnePortOnly():
		return []string{"for passive mode: in the gateway's sshd_config PermitOpen seems to allow only " + p.Server + ", and data connections use other ports: add " + every + openKeys}
	case listen && ftpfwd.OnGateway(p.Server):
		return []string{"for active mode: in the gateway's sshd_config AllowTcpForwarding seems to be local (set it to yes), or PermitListen leaves out 127.0.0.1 (add PermitListen 127.0.0.1:*)" + listenKeys}
	}
	return nil
}

// OnePortOnly reports whether the gateway connects to the FTP server's port and
// to no other port of the same host.
func (p Policy) OnePortOnly() bool {
	return p.Connect == nil && Prohibited(p.Reach) && ftpfwd.OnGateway(p.Server)
}

func dropbearHints(connect, listen bool) (lines []string) {
	if connect {
		lines = append(lines, "the gateway's Dropbear seems to run with -j, which forbids connections: start it without; in authorized_keys look for no-port-forwarding, restrict, permitopen")
	}
	if listen {
		lines = append(lines, "for active mode: the gateway's Dropbear seems to run with -k, which forbids listening: start it without; passive mode does not need it")
	}
	return lines
}

// ForActiveMode says how an FTP server that is not on the gateway can use active
// mode. exposed reports whether other hosts can connect to the gateway's
// listening ports.
func (p Policy) ForActiveMode(exposed bool) string {
	change := "set GatewayPorts clientspecified in the gateway's sshd_config, and "
	switch {
	case exposed:
		change = ""
	case p.Dropbear && p.Listen != nil:
		change = "start the gateway's Dropbear with -a and without -k, and "
	case p.Dropbear:
		change = "start the gateway's Dropbear with -a, and "
	case p.Listen != nil:
		change = "set AllowTcpForwarding yes and GatewayPorts clientspecified in the gateway's sshd_config, and "
	}
	return "for active mode with an FTP server that is not on the gateway: " + change + "add --active-address=ADDRESS of the gateway; passive mode does not need it"
}

func refusesToListen(err error) bool {
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Listen
}
