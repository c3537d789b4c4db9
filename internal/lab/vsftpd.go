package lab

import (
	"os"
	"os/user"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A VSFTPDConfig says how vsftpd differs from one that listens on IPv4 and
// lets anybody read and write.
type VSFTPDConfig struct {
	IPv6   bool     // listen on IPv6, and on IPv4 as well
	Port20 bool     // make active data connections from port 20
	Extra  []string // lines for vsftpd.conf(5), which override ours
}

// An FTPServer is vsftpd on port 21 of a host. Its user is "anonymous" or
// "ftp" and needs no password.
type FTPServer struct {
	daemon

	// Root is where the machine has the directory that clients see as /. It
	// has a directory pub, in which clients may write; elsewhere they may not.
	Root string
}

// VSFTPD starts vsftpd on port 21 of h, until the test ends. It skips as
// [Require] does.
func VSFTPD(t testing.TB, h *Host, config VSFTPDConfig) *FTPServer {
	t.Helper()
	Require(t, "vsftpd")
	const dir = "/run/vsftpd"
	for _, name := range []string{dir, dir + "/empty", dir + "/root", dir + "/root/pub"} {
		require.NoError(t, os.MkdirAll(h.Path(name), 0o755))
	}
	// Whoever it runs as; root must not be writeable.
	require.NoError(t, os.Chmod(h.Path(dir+"/root/pub"), 0o777))

	lines := []string{
		"background=NO",
		"listen=" + yes(!config.IPv6),
		"listen_ipv6=" + yes(config.IPv6),
		"connect_from_port_20=" + yes(config.Port20),
		"anonymous_enable=YES",
		"local_enable=NO",
		"no_anon_password=YES",
		"ftp_username=" + anonymous(),
		"nopriv_user=nobody",
		"anon_root=" + dir + "/root",
		"write_enable=YES",
		"anon_upload_enable=YES",
		"anon_mkdir_write_enable=YES",
		"anon_other_write_enable=YES",
		"anon_umask=022",
		"pasv_enable=YES",
		"port_enable=YES",
		"secure_chroot_dir=" + dir + "/empty",
		// Its children stay on h, so that they are found.
		"isolate=NO",
		"isolate_network=NO",
		"seccomp_sandbox=NO",
		"session_support=NO",
		"idle_session_timeout=300",
		"data_connection_timeout=300",
		"dual_log_enable=YES",
		"log_ftp_protocol=YES",
		"vsftpd_log_file=/var/log/vsftpd.log",
	}
	const file = dir + "/vsftpd.conf"
	h.WriteFile(t, file, strings.Join(append(lines, config.Extra...), "\n")+"\n")

	s := &FTPServer{Root: h.Path(dir + "/root"), daemon: daemon{
		host:    h,
		program: "vsftpd",
		args:    []string{file},
		Log:     Output{h.Path("/var/log/vsftpd.log")},
		prepare: func() {},
		ready: func() bool {
			return slices.ContainsFunc(h.Listeners(t), func(address string) bool {
				return strings.HasSuffix(address, ":21")
			})
		},
	}}
	s.launch(t)
	return s
}

// KillChildren kills the processes that serve connections now, waits until
// they have gone, and returns how many they were.
func (s *FTPServer) KillChildren(t testing.TB) int { return s.killChildren(t) }

// anonymous returns the user that anonymous clients are; Debian's package
// makes one for it.
func anonymous() string {
	if _, err := user.Lookup("ftp"); err == nil {
		return "ftp"
	}
	return "nobody"
}

func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}
