package hint

import (
	"errors"
	"net"
	"strings"

	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel"
)

// forOpen is about a gateway or a jump host that does not forward.
func forOpen(e *tunnel.OpenError) []string {
	host, port, _ := net.SplitHostPort(e.Address)
	try := "nc -v " + host + " " + port
	gateway := "the gateway"
	if e.Jump != "" {
		gateway = e.Jump
	}
	switch {
	case e.Listen:
		return []string{
			"check AllowTcpForwarding, DisableForwarding and PermitListen in the gateway's sshd_config (or restrict, permitlisten in authorized_keys)",
			"passive mode needs no listening port on the gateway",
		}
	case e.Unresolved() == tunnel.Unavailable:
		return []string{gateway + " cannot resolve " + host + " now: check its name servers, or give an address"}
	case e.Unresolved() == tunnel.NoSuchName:
		return []string{gateway + " cannot resolve " + host + ": give a name that it can resolve, or an address"}
	case e.Prohibited:
		lines := []string{"check AllowTcpForwarding, DisableForwarding and PermitOpen in the sshd_config of " + gateway + " (or restrict, permitopen in authorized_keys)"}
		if e.Jump == "" {
			lines = append(lines, "PermitOpen compares names literally, and must allow every port for data connections: PermitOpen "+everyPort(host))
		}
		return lines
	case strings.Contains(e.Err.Error(), "refused"):
		return []string{"nothing listens on " + e.Address + " there: check that the server runs, and the port; on " + gateway + ", try: " + try}
	default:
		return []string{"check that " + gateway + " can reach it; there, try: " + try}
	}
}

// everyPort writes host as PermitOpen does for all ports.
func everyPort(host string) string { return net.JoinHostPort(host, "*") }

// Prohibited reports whether the gateway's policy is the cause of err.
func Prohibited(err error) bool {
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Prohibited && open.Unresolved() == tunnel.Resolved
}

// Unresolved reports whether err is that the gateway cannot resolve a name.
func Unresolved(err error) bool {
	var open *tunnel.OpenError
	return errors.As(err, &open) && open.Unresolved() != tunnel.Resolved
}

// ActiveAddress is about an address of the gateway that the FTP server cannot
// connect to.
func ActiveAddress(e *ftpfwd.ActiveAddressError) []string {
	return []string{
		"the gateway listens on its loopback only: set GatewayPorts clientspecified in its sshd_config (Dropbear: the flag -a)",
		"check that " + e.Address.String() + " is an address of the gateway itself, and that PermitOpen allows it",
	}
}
