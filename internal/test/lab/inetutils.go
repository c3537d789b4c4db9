package lab

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// inetutilsFTPD is the file of GNU inetutils' ftpd; see [Unpacked].
const inetutilsFTPD = "inetutils-ftpd/usr/sbin/ftpd"

// inetd listens at an address and a port, and starts a program for each
// connection. Without inetd, ftpd listens on one port only.
const inetd = `import socket, subprocess, sys
host, port, *program = sys.argv[1:]
if ":" in host:
    listener = socket.create_server((host, int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
else:
    listener = socket.create_server((host, int(port)))
while True:
    connection, _ = listener.accept()
    with connection:
        subprocess.Popen(program, stdin=connection, stdout=connection)
`

// InetutilsFTPD starts ftpd of GNU inetutils on h for each connection, until the
// test ends. After the login the user is in the home directory and sees all files
// of the host. Active data connections come from any port. It cannot masquerade
// and logs nothing. Extra are arguments. It skips the test as [Require] does.
func InetutilsFTPD(t testing.TB, h *Host, config FTPConfig) *FTPServer {
	t.Helper()
	require.Empty(t, config.Masquerade, "inetutils-ftpd cannot masquerade")
	Require(t, python)
	program := []string{Unpacked(t, inetutilsFTPD), "--logging", "--umask=022"}
	s := &FTPServer{
		Name: "inetutils-ftpd", User: User, Password: Password, Root: h.Path(UserHome), owner: userID,
		daemon: daemon{
			host:    h,
			program: python,
			args:    slices.Concat([]string{"-c", inetd, config.address(), strconv.Itoa(config.port())}, program, config.Extra),
			workers: "ftpd",
			Log:     Output{h.Path("/var/log/ftpd.log")},
		},
	}
	return s.serve(t, config)
}
