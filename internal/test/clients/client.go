// Package clients knows real FTP clients: how each of them lists, downloads,
// uploads and resumes, in each mode in which it can open data connections.
//
// A [Client] makes an [Invocation] for a [Task] at a [Target]. What the client
// prints is its own; only the files show whether the task was done.
//
// It serves tests only.
package clients

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os/exec"
	"path"
	"slices"
	"strings"

	"example.org/ftptunnel/internal/test/lab"
)

// A Client is an FTP client. One of the last three fields is set.
type Client struct {
	Name     string
	Programs []string // that must be installed, and paths of files that must exist
	Version  string   // a shell command that prints it
	NoIPv6   bool     // supports IPv4 only
	Cannot   []Operation
	Modes    []Mode

	// Task returns the command line for one task.
	Task func(Target, Mode, Task) Invocation

	// Script returns the command line of a program that reads tasks from its
	// standard input, one a line, and answers each with a line.
	Script func(Target, Mode) Invocation

	// Call does a task in this process, with local files in dir.
	Call func(ctx context.Context, h *lab.Host, t Target, m Mode, task Task, dir string) error
}

// All returns every client. [Unpack] puts the sources of some of them into dir.
func All(dir string) []*Client {
	return slices.Concat(commands(), interactive(), libraries(dir), desktops(dir), hasty(dir))
}

// Can reports whether the client supports an operation.
func (c *Client) Can(o Operation) bool { return !slices.Contains(c.Cannot, o) }

// In returns the client in the mode of that name. It panics if there is none.
func (c *Client) In(mode string) Variant {
	i := slices.IndexFunc(c.Modes, func(m Mode) bool { return m.Name == mode })
	if i < 0 {
		panic(c.Name + " has no mode " + mode)
	}
	return Variant{c, c.Modes[i]}
}

// A Mode is a way in which a client opens its data connections.
type Mode struct {
	Name     string
	Args     []string // words or flags that select it
	Lines    string   // lines that select it, for clients that read commands
	IPv4Only bool     // not for a client that connects over IPv6
	ServerZ  bool     // only for servers that support MODE Z
	Leaves   bool     // it does not wait for the reply to an upload: the server may complete the file later
}

// A Variant is a client in one of its modes.
type Variant struct {
	*Client
	Mode
}

// Variants returns clients in all their modes.
func Variants(clients []*Client) []Variant {
	var all []Variant
	for _, c := range clients {
		for _, m := range c.Modes {
			all = append(all, Variant{c, m})
		}
	}
	return all
}

// Title is the name of the client and its mode.
func (v Variant) Title() string { return strings.TrimSpace(v.Client.Name + " " + v.Mode.Name) }

// Invoke returns the command line for one task. The client has a Task function.
func (v Variant) Invoke(t Target, task Task) Invocation { return v.Task(t, v.Mode, task) }

// A Target is an FTP server and a directory on it.
type Target struct {
	Address        netip.AddrPort
	User, Password string // without a User, the client logs in as anonymous
	Dir            string // relative to the directory after the login
	Patience       int    // the seconds that a client waits for anything, if it can be set; 0 means 60
}

func (t Target) host() string { return t.Address.Addr().String() }
func (t Target) port() string { return fmt.Sprint(t.Address.Port()) }

func (t Target) path(name string) string { return path.Join(t.Dir, name) }

func (t Target) patience() string {
	if t.Patience == 0 {
		return "60"
	}
	return fmt.Sprint(t.Patience)
}

// URL returns the URL of a file in the directory, or with an empty name, of the
// directory.
func (t Target) URL(name string) string {
	user := ""
	if t.User != "" {
		user = t.User + ":" + t.Password + "@"
	}
	return "ftp://" + user + t.urlWithoutUser(name)
}

func (t Target) urlWithoutUser(name string) string {
	path := strings.Split(t.path(name), "/")
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	text := t.Address.String() + "/" + strings.Join(path, "/")
	if name == "" && !strings.HasSuffix(text, "/") {
		text += "/"
	}
	return text
}

// An Invocation is how to run a program.
type Invocation struct {
	Args  []string
	Env   []string
	Stdin string
}

// Command returns the command that runs the program in a directory of h.
func (i Invocation) Command(ctx context.Context, h *lab.Host, dir string) *exec.Cmd {
	cmd := h.Command(ctx, "sh", append([]string{"-c", `cd "$0" && exec "$@"`, dir}, i.Args...)...)
	cmd.Env = append(cmd.Env, i.Env...)
	cmd.Stdin = strings.NewReader(i.Stdin)
	return cmd
}

// lines joins lines as clients read them, without empty ones.
func lines(l ...string) string {
	return strings.Join(slices.DeleteFunc(l, func(line string) bool { return line == "" }), "\n") + "\n"
}

// quoted puts a name between quotation marks, as most clients that read
// commands expect it.
func quoted(name string) string { return `"` + name + `"` }
