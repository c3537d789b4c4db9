package lab

import (
	"slices"
	"strconv"
	"testing"
)

// python is the interpreter of Debian's modules.
const python = "/usr/bin/python3"

// pyftpdlib is the directory of pyftpdlib; see [Unpacked].
const pyftpdlib = "python3-pyftpdlib/usr/lib/python3/dist-packages"

// Pyftpdlib starts pyftpdlib on h, until the test ends. The user's home directory is
// its /, and its active data connections come from any port. One process, which
// runs as root, serves all clients. Extra are arguments. It skips the test as
// [Require] does.
func Pyftpdlib(t testing.TB, h *Host, config FTPConfig) *FTPServer {
	t.Helper()
	Require(t, "env", python)
	args := []string{
		"PYTHONPATH=" + Unpacked(t, pyftpdlib), "PYTHONWARNINGS=ignore",
		python, "-m", "pyftpdlib",
		"--interface", config.address(),
		"--port", strconv.Itoa(config.port()),
		"--directory", UserHome,
		"--username", User,
		"--password", Password,
		"--write",
		"--debug",
	}
	if config.Masquerade != "" {
		args = append(args, "--nat-address", config.Masquerade)
	}
	s := &FTPServer{
		Name: "pyftpdlib", User: User, Password: Password, Root: h.Path(UserHome),
		daemon: daemon{
			host:    h,
			program: "env",
			args:    slices.Concat(args, config.Extra),
			Log:     Output{h.Path("/var/log/pyftpdlib.log")},
		},
	}
	return s.serve(t, config)
}
