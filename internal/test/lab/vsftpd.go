package lab

import (
	"os"
	"os/user"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A VSFTPDConfig configures vsftpd. The zero value listens on port 21 of all IPv4
// addresses, and anonymous users may read and write.
type VSFTPDConfig struct {
	Port       int      // 0 means 21
	IPv6       bool     // listen on IPv6 as well
	Port20     bool     // open active data connections from port 20
	Local      bool     // only [User] may log in
	Masquerade string   // the IPv4 address named in replies to PASV
	Extra      []string // lines of vsftpd.conf(5), which override those of the lab
}

// VSFTPD starts vsftpd on h, until the test ends. Its user is "anonymous" or "ftp",
// without a password, and may write in pub. With Local, the home directory of
// [User] is its /. It skips the test as [Require] does.
func VSFTPD(t testing.TB, h *Host, config VSFTPDConfig) *FTPServer {
	t.Helper()
	Require(t, "vsftpd")
	const dir = "/run/vsftpd"
	s := &FTPServer{Name: "vsftpd", User: "ftp", Root: h.Path(dir + "/root"), Dir: "pub"}
	for _, name := range []string{dir, dir + "/empty", dir + "/root", dir + "/root/pub"} {
		require.NoError(t, os.MkdirAll(h.Path(name), 0o755))
	}
	// For whichever user it runs as; its root must not be writable.
	require.NoError(t, os.Chmod(s.Path(""), 0o777))
	if config.Local {
		s.User, s.Password, s.Root, s.Dir, s.owner = User, Password, h.Path(UserHome), "", userID
	}

	const file = dir + "/vsftpd.conf"
	h.WriteFile(t, file, lines(config.settings(dir), config.Extra))
	s.daemon = daemon{
		host:    h,
		program: "vsftpd",
		args:    []string{file},
		workers: "vsftpd",
		Log:     Output{h.Path("/var/log/vsftpd.log")},
	}
	return s.serve(t, FTPConfig{Port: config.Port})
}

// startVSFTPD is [VSFTPD] for a local user.
func startVSFTPD(t testing.TB, h *Host, config FTPConfig) *FTPServer {
	t.Helper()
	return VSFTPD(t, h, VSFTPDConfig{
		Port: config.Port, IPv6: config.IPv6, Port20: true, Local: true,
		Masquerade: config.Masquerade, Extra: config.Extra,
	})
}

// settings returns the lines of vsftpd.conf(5), for files in dir.
func (c VSFTPDConfig) settings(dir string) []string {
	settings := []string{
		"background=NO",
		"listen_port=" + strconv.Itoa(FTPConfig{Port: c.Port}.port()),
		"listen=" + yes(!c.IPv6),
		"listen_ipv6=" + yes(c.IPv6),
		"connect_from_port_20=" + yes(c.Port20),
		"anonymous_enable=" + yes(!c.Local),
		"local_enable=" + yes(c.Local),
		"local_umask=022",
		"chroot_local_user=YES",
		"allow_writeable_chroot=YES",
		"pam_service_name=vsftpd",
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
		// Its children stay in the namespace of h, where the lab finds them.
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
	if c.Masquerade != "" {
		settings = append(settings, "pasv_address="+c.Masquerade)
	}
	return settings
}

// anonymous returns the user that serves anonymous clients; Debian's package
// creates one.
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
