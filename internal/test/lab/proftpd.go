package lab

import (
	"path/filepath"
	"strconv"
	"testing"
)

// proftpd is the file of ProFTPD; see [Unpacked].
const proftpd = "proftpd-core/usr/sbin/proftpd"

// ModeZ are lines that make ProFTPD support MODE Z.
var ModeZ = []string{"LoadModule mod_deflate.c", "DeflateEngine on"}

// ProFTPD starts ProFTPD on h, until the test ends. The user's home directory is
// its /, and its active data connections come from the port below its own. Its
// greeting is up to half a second late if another client has just left. Extra are
// lines of proftpd.conf, such as [ModeZ]. It skips the test as [Require] does.
func ProFTPD(t testing.TB, h *Host, config FTPConfig) *FTPServer {
	t.Helper()
	Require(t)
	program := Unpacked(t, proftpd)
	const dir = "/run/proftpd"
	settings := []string{
		"ModulePath " + filepath.Join(filepath.Dir(program), "../lib/proftpd"),
		"ServerName lab",
		"ServerType standalone",
		"DefaultServer on",
		"Port " + strconv.Itoa(config.port()),
		"DefaultAddress " + config.address(),
		"UseIPv6 " + onOff(config.IPv6),
		"User nobody",
		"Group nogroup",
		// Only root may open active data connections from port 20.
		"RootRevoke off",
		"AuthOrder mod_auth_unix.c",
		"DefaultRoot ~",
		"Umask 022",
		"AllowOverwrite on",
		"AllowRetrieveRestart on",
		"AllowStoreRestart on",
		"UseReverseDNS off",
		"WtmpLog off",
		"PidFile " + dir + "/pid",
		"ScoreboardFile " + dir + "/scoreboard",
		"DelayTable none",
		"ControlsEngine off",
		"SystemLog /var/log/proftpd.log",
		`LogFormat commands "%P: %r: %s %S"`,
		"ExtendedLog /var/log/proftpd.log ALL commands",
	}
	if config.Masquerade != "" {
		settings = append(settings, "MasqueradeAddress "+config.Masquerade)
	}
	const file = dir + "/proftpd.conf"
	h.WriteFile(t, file, lines(settings, config.Extra))
	s := &FTPServer{
		Name: "ProFTPD", User: User, Password: Password, Root: h.Path(UserHome), owner: userID,
		daemon: daemon{
			host:    h,
			program: program,
			args:    []string{"--nodaemon", "--config", file},
			workers: "proftpd",
			Log:     Output{h.Path("/var/log/proftpd.log")},
		},
	}
	return s.serve(t, config)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
