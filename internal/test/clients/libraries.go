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
			Name: "Python ftplib", Programs: []string{"/usr/bin/python3"}, Version: "/usr/bin/python3 --version", Modes: active,
			Script: script("/usr/bin/python3", source("client.py")),
		},
		{
			Name: "Perl Net::FTP", Programs: []string{"perl"}, Version: "perl -MNet::FTP -e 'print $Net::FTP::VERSION'", Modes: active,
			Script: script("perl", source("client.pl")),
		},
		{
			Name: "Commons Net", Programs: []string{"java", "javac"}, Version: "dpkg-query -W libcommons-net-java",
			Modes: []Mode{
				{Name: "EPSV"},
				{Name: "PASV", IPv4Only: true},
				{Name: "active"},
			},
			Script: script("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", dir+":"+commonsNet, "Client"),
		},
		{
			Name: "basic-ftp", Programs: []string{"node"}, Version: "sed -n 's/.*\"version\"://p' " + nodeModules + "/basic-ftp/package.json",
			Modes:  []Mode{{Name: "EPSV"}, {Name: "PASV", IPv4Only: true}},
			Script: script("env", "NODE_PATH="+nodeModules, "node", source("client.js")),
		},
		{
			Name: "jlaffaye/ftp", Version: "go list -m github.com/jlaffaye/ftp",
			Modes: []Mode{{Name: "EPSV"}, {Name: "PASV", IPv4Only: true}},
			Call:  jlaffaye,
		},
	}
}

// commonsNet is where Debian's package puts Apache Commons Net.
const commonsNet = "/usr/share/java/commons-net.jar"

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
