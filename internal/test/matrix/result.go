package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/ftptunnel/internal/test/clients"
)

// A Carrier is what carries FTP from the client to the server.
type Carrier string

// With Direct, the client runs on the server's host.
const (
	OpenSSH  Carrier = "OpenSSH"
	Dropbear Carrier = "Dropbear"
	Direct   Carrier = "without the tunnel"
)

// A Route is the address families at the client's end and at the server's.
type Route struct{ Client6, Server6 bool }

func (r Route) String() string {
	family := map[bool]string{false: "IPv4", true: "IPv6"}
	if r.Client6 == r.Server6 {
		return family[r.Client6]
	}
	return family[r.Client6] + " client, " + family[r.Server6] + " server"
}

// A Key names a cell of the matrix.
type Key struct {
	Carrier Carrier
	Route   Route
	Server  string
	Client  string // with its mode
}

// An Outcome is the result of an operation.
type Outcome struct {
	Said  string // the client's error; empty if it reported success
	Wrong string // what is wrong with the files; empty if nothing is
	Reply string // the last error reply that the client showed, if it shows replies
	Log   string // what the tunnel logged meanwhile, if something failed
	Took  time.Duration
}

// OK reports whether the files are right and the client reported success.
func (o Outcome) OK() bool { return o.Said == "" && o.Wrong == "" }

func (o Outcome) String() string {
	switch {
	case o.OK():
		return "ok"
	case o.Wrong == "":
		return "the file is right, but the client reports: " + o.Said
	case o.Said == "":
		return strings.TrimSuffix(o.Wrong+", and the client reports success; "+o.Reply, "; ")
	default:
		return o.Wrong + "; the client reports: " + o.Said
	}
}

// Outcomes are those of one cell, without the operations that the client does
// not support.
type Outcomes map[clients.Operation]Outcome

// ok reports whether something was done and everything works.
func (o Outcomes) ok() bool {
	for _, outcome := range o {
		if !outcome.OK() {
			return false
		}
	}
	return len(o) > 0
}

// Results are the outcomes of all cells that were run.
type Results map[Key]Outcomes

// A Failure is an operation that fails only through the tunnel.
type Failure struct {
	Key
	Operation clients.Operation
	Outcome
}

// Failures returns the failures of the tunnel, in order.
func (r Results) Failures() []Failure {
	var failures []Failure
	for k := range r {
		_, ours := r.failed(k)
		for _, o := range ours {
			failures = append(failures, Failure{k, o, r[k][o]})
		}
	}
	slices.SortFunc(failures, func(a, b Failure) int {
		return strings.Compare(fmt.Sprint(a.Key, a.Operation), fmt.Sprint(b.Key, b.Operation))
	})
	return failures
}

// failed returns the operations of a cell that failed, in their usual order:
// those that fail without the tunnel too, and those that do not.
func (r Results) failed(k Key) (explained, ours []clients.Operation) {
	for _, o := range clients.Operations {
		outcome, ran := r[k][o]
		switch {
		case !ran || outcome.OK():
		case k.Carrier == Direct || r.direct(k, o):
			explained = append(explained, o)
		default:
			ours = append(ours, o)
		}
	}
	return explained, ours
}

// add adds outcomes of cells that were run before. What has failed once stays a
// failure.
func (r Results) add(more Results) {
	for k, outcomes := range more {
		if r[k] == nil {
			r[k] = Outcomes{}
		}
		for o, outcome := range outcomes {
			if before, ran := r[k][o]; !ran || before.OK() {
				r[k][o] = outcome
			}
		}
	}
}

// direct reports whether the operation fails without the tunnel as well. A
// client of another address family than the server is compared with itself on
// the server's.
func (r Results) direct(k Key, o clients.Operation) bool {
	k.Carrier = Direct
	k.Route.Client6 = k.Route.Server6
	outcome, ran := r[k][o]
	return ran && !outcome.OK()
}

// gained returns the operations that work in a cell and do not without the
// tunnel.
func (r Results) gained(k Key) []clients.Operation {
	return slices.DeleteFunc(slices.Clone(clients.Operations), func(o clients.Operation) bool {
		outcome, ran := r[k][o]
		return !ran || !outcome.OK() || !r.direct(k, o)
	})
}
