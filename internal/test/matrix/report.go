package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/ftptunnel/internal/test/clients"
)

// A Page is the content of the page about compatibility.
type Page struct {
	Date     time.Time
	Results  Results
	Servers  []string // the columns, in their order
	Clients  []string // the rows, in theirs
	Versions []Versions
	NAT      []NATRow
}

// Versions are those of one kind of program: pairs of name and version.
type Versions struct {
	Kind  string
	Names [][2]string
}

// Routes are all routes, in the order of the page.
var Routes = []Route{{false, false}, {true, true}, {false, true}, {true, false}}

// carriers are those with tables of their own.
var carriers = []Carrier{OpenSSH, Dropbear}

// Report returns the page as Markdown.
func Report(p Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Compatibility\n\n"+
		"Made by `make matrix` on %s from what happened then; not written by hand.\n\n", p.Date.Format("2 January 2006"))
	b.WriteString(natTable(p.NAT))
	b.WriteString(legend)
	for _, carrier := range carriers {
		for _, route := range Routes {
			b.WriteString(p.table(carrier, route))
		}
	}
	b.WriteString(p.failures())
	for _, v := range p.Versions {
		fmt.Fprintf(&b, "## Versions: %s\n\n| | |\n|---|---|\n", v.Kind)
		for _, pair := range v.Names {
			fmt.Fprintf(&b, "| %s | %s |\n", escape(pair[0]), escape(pair[1]))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

const (
	works  = "✓"
	gains  = "✓+"
	same   = "="
	broken = "✗"
)

var legend = fmt.Sprintf(`## Clients and servers

Each client, in each mode in which it can open data connections, lists a directory, downloads, uploads, resumes a download
and an upload, and does the first two of these with a name that has blanks and accents and with an empty file, as far as it can do these things at all.
The files are compared afterwards, whatever the client says. It runs on one host, the server on another, the gateway;
beside that it runs on the gateway itself, without the tunnel.

| sign | |
|---|---|
| %s | everything works |
| %s | everything works, and something of it does not without the tunnel |
| %s | what fails is in the note, and fails without the tunnel as well |
| %s | what is in the note fails through the tunnel only |

An empty field: the client does not have this mode there, or the server does not know this address family.

`, works, gains, same, broken)

// table returns the section of a carrier and a route; empty if none of its cells
// were run.
func (p Page) table(carrier Carrier, route Route) string {
	key := func(server, client string) Key { return Key{carrier, route, server, client} }
	ran := func(k Key) bool { return p.Results[k] != nil }
	servers := slices.DeleteFunc(slices.Clone(p.Servers), func(server string) bool {
		return !slices.ContainsFunc(p.Clients, func(client string) bool { return ran(key(server, client)) })
	})
	rows := slices.DeleteFunc(slices.Clone(p.Clients), func(client string) bool {
		return !slices.ContainsFunc(p.Servers, func(server string) bool { return ran(key(server, client)) })
	})
	if len(servers) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## Through %s: %v\n\n| |", carrier, route)
	for _, server := range servers {
		fmt.Fprintf(&b, " %s |", escape(server))
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(servers)) + "\n")
	var n notes
	for _, client := range rows {
		fmt.Fprintf(&b, "| %s |", escape(client))
		for _, server := range servers {
			fmt.Fprintf(&b, " %s |", p.field(key(server, client), &n))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n" + n.String())
	return b.String()
}

// field returns the sign for a cell, and the number of its note.
func (p Page) field(k Key, n *notes) string {
	if p.Results[k] == nil {
		return ""
	}
	explained, ours := p.Results.failed(k)
	switch {
	case len(ours) > 0:
		return broken + n.number(phrase(ours)+" only through the tunnel")
	case len(explained) == len(p.Results[k]):
		return same + n.number("everything")
	case len(explained) > 0:
		return same + n.number(phrase(explained))
	case len(p.Results.gained(k)) > 0:
		return gains
	default:
		return works
	}
}

// phrase lists operations.
func phrase(operations []clients.Operation) string {
	words := make([]string, len(operations))
	for i, o := range operations {
		words[i] = string(o)
	}
	return strings.Join(words, ", ")
}

// notes are numbered in the order of their first use; equal ones share a number.
type notes []string

func (n *notes) number(text string) string {
	i := slices.Index(*n, text)
	if i < 0 {
		i = len(*n)
		*n = append(*n, text)
	}
	return fmt.Sprintf("<sup>%d</sup>", i+1)
}

func (n notes) String() string {
	if len(n) == 0 {
		return ""
	}
	var b strings.Builder
	for i, text := range n {
		fmt.Fprintf(&b, "%d. fails: %s\n", i+1, text)
	}
	return b.String() + "\n"
}

// failures returns the section about what fails only through the tunnel.
func (p Page) failures() string {
	var b strings.Builder
	b.WriteString("## Failures of the tunnel\n\n")
	ours := p.Results.Failures()
	if len(ours) == 0 {
		b.WriteString("None.\n\n")
		return b.String()
	}
	for _, f := range ours {
		fmt.Fprintf(&b, "- %s, %s through %s (%v): %s: %s\n", f.Client, f.Server, f.Carrier, f.Route, f.Operation, escape(f.Outcome.String()))
	}
	return b.String() + "\n"
}

// escape keeps text from being read as a part of the table.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(text)
}
