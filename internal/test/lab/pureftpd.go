package lab

import (
	"slices"
	"strconv"
	"testing"
)

// pureFTPd is the file of Pure-FTPd; see [Unpacked].
const pureFTPd = "pure-ftpd/usr/sbin/pure-ftpd"

// PureFTPd starts Pure-FTPd on h, until the test ends. The user's home directory is
// its /, and its active data connections come from port 20. It logs only
// transfers. Extra are arguments. It skips the test as [Require] does.
func PureFTPd(t testing.TB, h *Host, config FTPConfig) *FTPServer {
	t.Helper()
	Require(t)
	args := []string{
		"--bind", strconv.Itoa(config.port()),
		"--login", "unix",
		"--noanonymous",
		"--chrooteveryone",
		"--dontresolve",
		"--displaydotfiles",
		"--umask", "022:022",
		"--maxclientsnumber", "1000",
		"--syslogfacility", "none",
		"--altlog", "clf:/var/log/pure-ftpd.log",
	}
	if !config.IPv6 {
		args = append(args, "--ipv4only")
	}
	if config.Masquerade != "" {
		args = append(args, "--forcepassiveip", config.Masquerade)
	}
	s := &FTPServer{
		Name: "Pure-FTPd", User: User, Password: Password, Root: h.Path(UserHome), owner: userID,
		daemon: daemon{
			host:    h,
			program: Unpacked(t, pureFTPd),
			args:    slices.Concat(args, config.Extra),
			workers: "pure-ftpd",
			Log:     Output{h.Path("/var/log/pure-ftpd.log")},
		},
	}
	return s.serve(t, config)
}
