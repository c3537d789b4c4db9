package clients

// interactive are the clients that people type commands to.
func interactive() []*Client {
	return []*Client{Lftp(), tnftp(), inetutils()}
}

// Lftp is lftp.
func Lftp() *Client {
	return &Client{
		Name: "lftp", Programs: []string{"lftp"}, Version: "lftp --version",
		Modes: []Mode{
			{Name: "EPSV", Lines: "set ftp:prefer-epsv yes"},
			{Name: "PASV", Lines: "set ftp:prefer-epsv no", IPv4Only: true},
			// Over IPv6, 4.9.2 waits and then uses EPSV.
			{Name: "active", Lines: "set ftp:passive-mode no", IPv4Only: true},
			{Name: "EPSV pipelined", Lines: "set ftp:prefer-epsv yes\nset ftp:sync-mode no"},
			{Name: "PASV pipelined", Lines: "set ftp:prefer-epsv no\nset ftp:sync-mode no", IPv4Only: true},
			{Name: "active pipelined", Lines: "set ftp:passive-mode no\nset ftp:sync-mode no", IPv4Only: true},
			{Name: "MODE Z", Lines: "set ftp:use-mode-z yes", ServerZ: true},
		},
		Task: func(t Target, m Mode, task Task) Invocation {
			command := map[Verb]string{
				Ls:    "ls",
				Get:   "get " + quoted(task.Remote) + " -o " + quoted(task.Local),
				Reget: "get -c " + quoted(task.Remote) + " -o " + quoted(task.Local),
				Put:   "put " + quoted(task.Local) + " -o " + quoted(task.Remote),
				Reput: "put -c " + quoted(task.Local) + " -o " + quoted(task.Remote),
			}[task.Verb]
			return LftpScript(
				"set net:timeout "+t.patience(), "set xfer:clobber yes", "set ftp:use-mode-z no", m.Lines, t.lftpOpen(), command,
			)
		},
	}
}

// lftpOpen returns the lines that log in to t and change to its directory.
func (t Target) lftpOpen() string {
	open := "open ftp://" + t.Address.String()
	if t.User != "" {
		open = "open -u " + t.User + "," + t.Password + " ftp://" + t.Address.String()
	}
	if t.Dir == "" {
		return open
	}
	return open + "\ncd " + t.Dir
}

// LftpScript returns the command line of an lftp that runs lines up to the first that
// fails, without retries.
func LftpScript(script ...string) Invocation {
	return Invocation{Args: []string{"lftp", "-c", lines(append([]string{"set cmd:fail-exit yes", "set net:max-retries 1"}, script...)...)}}
}

// typed returns what is typed to a descendant of 4.2BSD's ftp.
func typed(t Target, m Mode, task Task) string {
	var restart, command string
	switch task.Verb {
	case Ls:
		command = "ls"
	case Get:
		command = "get " + quoted(task.Remote) + " " + quoted(task.Local)
	case Reget:
		command = "reget " + quoted(task.Remote) + " " + quoted(task.Local)
	case Reput:
		restart = "restart " + task.Offset
		fallthrough
	case Put:
		command = "put " + quoted(task.Local) + " " + quoted(task.Remote)
	}
	return lines("user "+t.User+" "+t.Password, m.Lines, "binary", "cd "+t.Dir, restart, command, "quit")
}

func tnftp() *Client {
	return &Client{
		Name: "tnftp", Programs: []string{"tnftp"}, Version: "dpkg-query -W tnftp",
		Modes: []Mode{
			{Name: "EPSV", Args: []string{"-p"}},
			{Name: "PASV", Args: []string{"-p"}, Lines: "epsv4 off", IPv4Only: true},
			{Name: "EPRT", Args: []string{"-A"}},
			{Name: "PORT", Args: []string{"-A"}, Lines: "epsv4 off", IPv4Only: true},
		},
		Task: func(t Target, m Mode, task Task) Invocation {
			args := append([]string{"tnftp", "-n", "-i", "-v", "-e", "-q", t.patience()}, m.Args...)
			return Invocation{Args: append(args, t.host(), t.port()), Stdin: typed(t, m, task)}
		},
	}
}

func inetutils() *Client {
	return &Client{
		Name: "inetutils-ftp", Programs: []string{"inetutils-ftp"}, Version: "inetutils-ftp --version",
		Modes: []Mode{
			{Name: "PASV", Args: []string{"-p"}},
			{Name: "EPSV", Args: []string{"-p"}, Lines: "epsv4", IPv4Only: true},
			{Name: "PORT", Args: []string{"-A"}},
			{Name: "EPRT", Args: []string{"-A"}, Lines: "epsv4", IPv4Only: true},
		},
		Task: func(t Target, m Mode, task Task) Invocation {
			args := append([]string{"inetutils-ftp", "-n", "-i", "-v", "-e"}, m.Args...)
			return Invocation{Args: append(args, t.host(), t.port()), Stdin: typed(t, m, task)}
		},
	}
}
