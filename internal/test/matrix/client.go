// Package matrix runs real FTP clients against real FTP servers, through the
// program and an SSH gateway and beside it without, and writes down what works.
//
// A [Client] knows how to do the [Operations] in each of its modes, a [Server]
// how to be started, a site is a lab with one server and one way to it. What
// the client says is noted, but only the files count. [Report] makes a page of
// the results.
//
// It serves tests only.
package matrix

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"example.org/ftptunnel/internal/test/lab"
)

// A Client is an FTP client. One of the three last fields says how it is used.
type Client struct {
	Name     string
	Programs []string // that have to be installed
	Version  string   // a shell command that prints it
	NoIPv6   bool     // knows IPv4 only
	Cannot   []Operation
	Modes    []Mode

	// Task makes a command line for one task.
	Task func(Target, Mode, Task) Invocation

	// Script makes a command line for a program that reads tasks from its
	// standard input, a line each, and answers each with a line.
	Script func(Target, Mode) Invocation

	// Call does a task itself, in the working directory dir.
	Call func(ctx context.Context, h *lab.Host, t Target, m Mode, task Task, dir string) error
}

// A Mode is a way in which a client opens its data connections.
type Mode struct {
	Name     string
	Args     []string // words or flags that select it
	Lines    string   // the same for clients that are told in lines
	IPv4Only bool     // it makes no sense when the client connects over IPv6
	ServerZ  bool     // only for servers that know MODE Z
}

// A Target is where a client connects to, and the directory for its files,
// relative to the one it is in after the login.
type Target struct {
	Address        netip.AddrPort
	User, Password string
	Dir            string
}

// An Invocation is how to run a program.
type Invocation struct {
	Args  []string
	Env   []string
	Stdin string
}

// tasks returns those that the client can do.
func (c *Client) tasks() []Task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t Task) bool { return slices.Contains(c.Cannot, t.Operation) })
}

func (t Target) host() string { return t.Address.Addr().String() }
func (t Target) port() string { return fmt.Sprint(t.Address.Port()) }

func (t Target) path(name string) string { return t.Dir + "/" + name }

// url returns the URL of a file, or with no name, of the directory.
func (t Target) url(name string) string {
	return fmt.Sprintf("ftp://%s:%s@%s", t.User, t.Password, t.urlWithoutUser(name))
}

func (t Target) urlWithoutUser(name string) string {
	path := strings.Split(t.path(name), "/")
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	return t.Address.String() + "/" + strings.Join(path, "/")
}

// lines joins lines as clients read them.
func lines(l ...string) string {
	return strings.Join(slices.DeleteFunc(l, func(line string) bool { return line == "" }), "\n") + "\n"
}

// quoted puts a name between quotation marks, as most clients with a command
// line of their own want it.
func quoted(name string) string { return `"` + name + `"` }

// Clients returns all clients. Programs that come as source are in dir.
func Clients(dir string) []*Client {
	return slices.Concat(commands(), interactive(), libraries(dir))
}
