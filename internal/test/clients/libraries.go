package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"example.org/ftptunnel/internal/test/lab"
)

// libraries are FTP libraries. Programs in testdata use them; jlaffaye/ftp is
// called from here.
func libraries(dir string) []*Client {
	source := func(name string) string { return filepath.Join(dir, name) }
	active := []Mode{{Name: "passive"}, {Name: "active"}}
	return []*Client{
		{
			Name: "Python ftplib", Programs: []string{python}, Version: python + " --version", Modes: active,
			Script: script(python, source("client.py")),
		},
		{
			Name: "Perl Net::FTP", Programs: []string{"perl"}, Version: "perl -MNet::FTP -e 'print $Net::FTP::VERSION'", Modes: active,
			Script: script("perl", source("client.pl")),
		},
		{
			Name: "Commons Net", Programs: []string{"java", "javac", commonsNet}, Version: "dpkg-query -W libcommons-net-java",
			Modes: []Mode{
				{Name: "EPSV"},
				{Name: "PASV", IPv4Only: true},
				{Name: "active"},
			},
			Script: script("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", dir+":"+commonsNet, "Client"),
		},
		{
			Name: "basic-ftp", Programs: []string{"node", nodeModules + "/basic-ftp"}, Version: "sed -n 's/.*\"version\"://p' " + nodeModules + "/basic-ftp/package.json",
			Modes:  []Mode{{Name: "EPSV"}, {Name: "PASV", IPv4Only: true}},
			Script: script("env", "NODE_PATH="+nodeModules, "node", source("client.js")),
		},
		{
			Name: "Tcl ftp", Programs: []string{"tclsh", tcllib}, Version: "dpkg-query -W tcllib", NoIPv6: true, Modes: active,
			Script: script("tclsh", source("client.tcl")),
		},
		{
			Name: "cl-ftp", Programs: []string{"sbcl", clFTP}, Version: "dpkg-query -W cl-ftp", NoIPv6: true, Modes: active,
			Script: script(source("client-lisp")),
		},
		{
			Name: "PHP", Programs: []string{"php"}, Version: "php --version", Modes: active,
			Script: script("php", source("client.php")),
		},
		{
			Name: "Ruby net-ftp", Programs: []string{"ruby"}, Version: "ruby -r net/ftp -e 'puts Net::FTP::VERSION'", Modes: active,
			Script: script("ruby", source("client.rb")),
		},
		{
			Name: "FtpWebRequest", Programs: []string{"mono", "mcs"}, Version: "mono --version", Modes: active,
			Script: script("mono", source("Client.exe")),
		},
		{
			Name: "jlaffaye/ftp", Version: "go list -m github.com/jlaffaye/ftp",
			Modes: []Mode{{Name: "EPSV"}, {Name: "PASV", IPv4Only: true}},
			Call:  jlaffaye,
		},
	}
}

// python is Debian's.
const python = "/usr/bin/python3"

// commonsNet is where Debian's package puts Apache Commons Net.
const commonsNet = "/usr/share/java/commons-net.jar"

// tcllib and clFTP are files of the libraries of Tcl and of Common Lisp, in Debian's
// packages.
const (
	tcllib = "/usr/share/doc/tcllib/copyright"
	clFTP  = "/usr/share/common-lisp/source/cl-ftp/ftp.lisp"
)

// nodeModules is where npm has put basic-ftp; see [lab.Unpacked].
const nodeModules = "/usr/local/lib/ftptunnel-lab/node_modules"

// script returns the command line of a program in testdata, whose arguments are
// mode, host, port, user, password, directory, and the seconds to wait for
// anything.
func script(args ...string) func(Target, Mode) Invocation {
	return func(t Target, m Mode) Invocation {
		return Invocation{Args: append(append([]string{}, args...), m.Name, t.host(), t.port(), t.User, t.Password, t.Dir, t.patience())}
	}
}

// hasty is a client that does not wait where others do. In its first two modes it
// writes and closes its data connection without waiting for the reply to STOR, and
// then reads both replies. In the others it ends its data properly, and closes or
// resets its control connection with the last reply unread.
func hasty(dir string) []*Client {
	return []*Client{{
		Name: "hasty client", Programs: []string{python}, Version: python + " --version", NoIPv6: true,
		Cannot: []Operation{List, Download, ResumeDownload, ResumeUpload, DownloadNamed, DownloadEmpty},
		Modes: []Mode{
			{Name: "passive"},
			{Name: "active"},
			{Name: "leaves", Leaves: true},
			{Name: "resets", Leaves: true},
		},
		Script: script(python, filepath.Join(dir, "hasty.py")),
	}}
}

// jlaffaye does a task with the library that rclone and others use.
func jlaffaye(ctx context.Context, h *lab.Host, t Target, m Mode, task Task, dir string) (err error) {
	dial := func(network, address string) (net.Conn, error) {
		conn, err := h.DialContext(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	c, err := ftp.Dial(t.Address.String(), ftp.DialWithDialFunc(dial), ftp.DialWithDisabledEPSV(m.Name == "PASV"), ftp.DialWithShutTimeout(8*time.Second))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Quit()) }()
	if err := c.Login(t.User, t.Password); err != nil {
		return err
	}
	local := filepath.Join(dir, task.Local)
	if task.Verb == Ls {
		entries, err := c.List(t.Dir)
		var names strings.Builder
		for _, e := range entries {
			fmt.Fprintln(&names, e.Name)
		}
		return errors.Join(err, os.WriteFile(local, []byte(names.String()), 0o600))
	}
	offset, _ := strconv.ParseInt("0"+task.Offset, 10, 64)
	file, err := os.OpenFile(local, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if task.Up() {
		return c.StorFrom(t.path(task.Remote), file, uint64(offset))
	}
	r, err := c.RetrFrom(t.path(task.Remote), uint64(offset))
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, r.Close())
}
