package clients

import "fmt"

// commands are the clients that do one task at each call.
func commands() []*Client {
	return []*Client{Curl(), wget(), ncftp(), busybox(), aria2(), rclone()}
}

// Curl is curl.
func Curl() *Client {
	return &Client{
		Name: "curl", Programs: []string{"curl"}, Version: "curl --version",
		Modes: []Mode{
			{Name: "EPSV"},
			{Name: "PASV", Args: []string{"--disable-epsv"}, IPv4Only: true},
			{Name: "EPRT", Args: []string{"-P", "-"}},
			{Name: "PORT", Args: []string{"-P", "-", "--disable-eprt"}, IPv4Only: true},
		},
		Task: func(t Target, m Mode, task Task) Invocation {
			args := append([]string{"curl", "-sS", "-g"}, m.Args...)
			if task.Offset != "" {
				args = append(args, "-C", "-")
			}
			switch {
			case task.Up():
				args = append(args, "-T", task.Local)
			case task.Verb != Ls:
				args = append(args, "-o", task.Local)
			}
			return Invocation{Args: append(args, t.URL(task.Remote))}
		},
	}
}

func wget() *Client {
	return &Client{
		Name: "wget", Programs: []string{"wget"}, Version: "wget --version",
		Cannot: uploads,
		Modes:  []Mode{{Name: "passive"}, {Name: "active", Args: []string{"--no-passive-ftp"}}},
		Task: func(t Target, m Mode, task Task) Invocation {
			args := append([]string{"wget", "-nv", "--tries=1", "--timeout=" + t.patience()}, m.Args...)
			if task.Offset != "" {
				args = append(args, "-c")
			}
			out := task.Local
			if task.Verb == Ls {
				out = "-"
			}
			return Invocation{Args: append(args, "-O", out, t.URL(task.Remote))}
		},
	}
}

func ncftp() *Client {
	return &Client{
		Name: "ncftp", Programs: []string{"ncftpget", "ncftpput", "ncftpls"}, Version: "ncftpget 2>&1 | head -1", NoIPv6: true,
		Modes: []Mode{{Name: "passive", Args: []string{"-F"}}, {Name: "active", Args: []string{"-E"}}},
		Task: func(t Target, m Mode, task Task) Invocation {
			flags := append([]string{"-u", t.User, "-p", t.Password, "-P", t.port(), "-t", t.patience()}, m.Args...)
			resume := "-Z"
			if task.Offset != "" {
				resume = "-z"
			}
			var args []string
			switch {
			case task.Verb == Ls:
				args = append(append([]string{"ncftpls", "-l"}, flags...), "ftp://"+t.urlWithoutUser(""))
			case task.Verb == Reput: // with -C, or with sendfile, it would send all of the file
				args = append(append([]string{"ncftpput", "-V", "-z", "-s", "-r", "0"}, flags...), t.host(), t.Dir, task.Local)
			case task.Up():
				args = append(append([]string{"ncftpput", "-V", resume, "-r", "0"}, flags...), "-C", t.host(), task.Local, t.path(task.Remote))
			default:
				args = append(append([]string{"ncftpget", "-V", resume, "-r", "0"}, flags...), "-C", t.host(), t.path(task.Remote), task.Local)
			}
			return Invocation{Args: args}
		},
	}
}

func busybox() *Client {
	return &Client{
		Name: "busybox", Programs: []string{"busybox"}, Version: "busybox | head -1",
		Cannot: []Operation{List, ResumeUpload},
		Modes:  []Mode{{}},
		Task: func(t Target, _ Mode, task Task) Invocation {
			flags := []string{"-u", t.User, "-p", t.Password, "-P", t.port()}
			if task.Up() {
				return Invocation{Args: append(append([]string{"busybox", "ftpput"}, flags...), t.host(), t.path(task.Remote), task.Local)}
			}
			if task.Offset != "" {
				flags = append(flags, "-c")
			}
			return Invocation{Args: append(append([]string{"busybox", "ftpget"}, flags...), t.host(), task.Local, t.path(task.Remote))}
		},
	}
}

func aria2() *Client {
	return &Client{
		Name: "aria2", Programs: []string{"aria2c"}, Version: "aria2c --version | head -1 | cut -d' ' -f3",
		Cannot: append([]Operation{List}, uploads...),
		Modes:  []Mode{{Name: "passive"}, {Name: "active", Args: []string{"--ftp-pasv=false"}}},
		Task: func(t Target, m Mode, task Task) Invocation {
			args := append([]string{
				"aria2c", "-q", "--no-conf", "--max-tries=1", "--timeout=" + t.patience(), "--connect-timeout=" + t.patience(),
				"--file-allocation=none", "--allow-overwrite=true", "--split=1", "--ftp-user=" + t.User, "--ftp-passwd=" + t.Password,
			}, m.Args...)
			if task.Offset != "" {
				args = append(args, "-c", "--allow-overwrite=false")
			}
			return Invocation{Args: append(args, "-o", task.Local, "ftp://"+t.urlWithoutUser(task.Remote))}
		},
	}
}

func rclone() *Client {
	return &Client{
		Name: "rclone", Programs: []string{"rclone"}, Version: "rclone version",
		Cannot: []Operation{ResumeDownload, ResumeUpload},
		Modes: []Mode{
			{Name: "EPSV"},
			{Name: "PASV", Args: []string{"RCLONE_FTP_DISABLE_EPSV=true"}, IPv4Only: true},
		},
		Task: func(t Target, m Mode, task Task) Invocation {
			host := t.host()
			if t.Address.Addr().Is6() {
				host = "[" + host + "]" // it puts a colon and the port behind it
			}
			env := append([]string{
				"RCLONE_CONFIG=", "RCLONE_FTP_HOST=" + host, "RCLONE_FTP_PORT=" + t.port(), "RCLONE_FTP_USER=" + t.User,
				"RCLONE_FTP_PASS=" + t.Password, "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1", "RCLONE_TIMEOUT=" + t.patience() + "s",
			}, m.Args...)
			remote := ":ftp:" + t.path(task.Remote)
			command := fmt.Sprintf("rclone copyto %q %q", remote, task.Local)
			switch {
			case task.Verb == Ls:
				command = fmt.Sprintf("rclone lsf %q", ":ftp:"+t.Dir)
			case task.Up():
				command = fmt.Sprintf("rclone copyto %q %q", task.Local, remote)
			}
			return Invocation{Env: env, Args: []string{"sh", "-c", `RCLONE_FTP_PASS=$(rclone obscure "$RCLONE_FTP_PASS") ` + command}}
		},
	}
}
