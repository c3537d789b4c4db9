package clients

import "path/filepath"

// unpacked is where the packages of gvfs are; see [lab.Unpacked].
const unpacked = "/usr/local/lib/ftptunnel-lab"

// desktops are the clients of desktop environments.
func desktops(dir string) []*Client {
	return []*Client{{
		Name: "FileZilla", Programs: []string{"filezilla", "Xvfb", "xdotool", python}, Version: "dpkg-query -W filezilla",
		Cannot: []Operation{List},
		Modes:  []Mode{{Name: "passive"}, {Name: "active"}},
		Script: script(python, filepath.Join(dir, "filezilla.py")),
	}, {
		Name: "gvfs", Programs: []string{"gio", "dbus-run-session", unpacked + "/gvfs-backends"},
		Version: "zcat " + unpacked + "/gvfs-backends/usr/share/doc/gvfs-backends/changelog.Debian.gz | head -1",
		Cannot:  []Operation{ResumeDownload, ResumeUpload},
		Modes:   []Mode{{}},
		Script:  script("env", "GVFS="+unpacked, "dbus-run-session", "sh", filepath.Join(dir, "gvfs.sh")),
	}}
}
