package matrix

import (
	"fmt"
	"net/netip"
	"strings"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/lab"
)

// A NATRow is what works with one server behind a router that translates addresses.
type NATRow struct {
	Server  string
	Before  [2]Ways // without a tunnel, as is known; on port 21, and on another port
	Through [2]Ways // the same through the tunnel
}

// Ways say whether PASV and PORT work.
type Ways struct{ PASV, PORT string }

// behindRouters is what works without a tunnel, and the imitation of each server.
var behindRouters = []struct {
	server, imitation string
	ways              [2]Ways
}{
	{"BPFTP", "BulletProof FTP Server", [2]Ways{{"yes", "yes"}, {"no", "yes"}}},
	{"Serv-U", "Serv-U 4", [2]Ways{{"yes", "yes"}, {"no", "yes"}}},
	{"GuildFTPd", "GuildFTPd", [2]Ways{{"yes", "yes"}, {"no", "yes"}}},
	{"IIS FTP", "IIS 7.5", [2]Ways{{"no", "yes"}, {"no", "yes"}}},
	{"ProFTPD", "", [2]Ways{{"yes, with a static MasqueradeAddress", "yes"}, {"no", "yes"}}},
}

// stale is the address in their replies to PASV. No host has it.
var stale = netip.MustParseAddr("192.168.1.5")

var natPorts = [2]uint16{21, 2100}

// natClient returns a curl that connects to the address in a 227.
func natClient() *clients.Client {
	c := clients.Curl()
	c.Modes = []clients.Mode{
		{Name: "PASV", Args: []string{"--disable-epsv", "--no-ftp-skip-pasv-ip"}},
		{Name: "PORT", Args: []string{"-P", "-", "--disable-eprt"}},
	}
	return c
}

// natServers returns the servers of the table on both ports, with the stale address
// in their replies.
func natServers() (servers []*Server) {
	for _, row := range behindRouters {
		for _, port := range natPorts {
			for _, p := range ftptest.Products {
				if p.Name == row.imitation {
					p.Dialect.Masquerade = stale
					servers = append(servers, imitated(onPort(row.server, port), p, port))
				}
			}
			for _, kind := range lab.FTPServers {
				if kind.Name == row.server {
					s := realServer(kind, lab.FTPConfig{Port: int(port), Masquerade: stale.String()})
					s.Name = onPort(row.server, port)
					servers = append(servers, s)
				}
			}
		}
	}
	return servers
}

// natUnits returns the servers on both ports, through each gateway, and without the
// tunnel, where PASV must fail.
func natUnits(servers []*Server) []unit {
	var units []unit
	for _, s := range servers {
		for _, carrier := range append([]Carrier{Direct}, carriers...) {
			units = append(units, unit{s, carrier, Route{}, clients.Variants([]*clients.Client{natClient()})})
		}
	}
	return units
}

// natRows returns the rows of the table. A way works if all operations work through
// both gateways.
func natRows(r Results) []NATRow {
	var rows []NATRow
	for _, known := range behindRouters {
		name := known.server
		row := NATRow{Server: name, Before: known.ways}
		for i, port := range natPorts {
			works := func(way string) string {
				for _, carrier := range carriers {
					if !r[Key{carrier, Route{}, onPort(name, port), "curl " + way}].ok() {
						return "no"
					}
				}
				return "yes"
			}
			row.Through[i] = Ways{works("PASV"), works("PORT")}
		}
		rows = append(rows, row)
	}
	return rows
}

// onPort returns the name of a server on a port.
func onPort(name string, port uint16) string { return fmt.Sprintf("%s on port %d", name, port) }

func natTable(rows []NATRow) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("## Servers behind NAT routers\n\n" +
		"What works behind a router that translates addresses, without a tunnel, and in bold through the tunnel, with servers\n" +
		"whose replies to PASV name an address that no host has. The curl in this test connects to that address.\n\n" +
		"| | port 21, PASV | port 21, PORT | another port, PASV | another port, PORT |\n|---|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.Server)
		for i := range row.Before {
			fmt.Fprintf(&b, " %s, **%s** | %s, **%s** |",
				row.Before[i].PASV, row.Through[i].PASV, row.Before[i].PORT, row.Through[i].PORT)
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}
