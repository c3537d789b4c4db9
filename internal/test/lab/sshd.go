package lab

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// An SSHDConfig configures sshd. With the zero value, root can log in with a key
// only, and all else is sshd's default.
type SSHDConfig struct {
	Keys  []string // types of its host keys: "ed25519", "rsa", "ecdsa"; nil means all
	Extra []string // lines of sshd_config(5), which override those of the lab; Match blocks last
}

// SSHD starts OpenSSH's sshd on port 22 of h, until the test ends. It skips the test
// as [Require] does.
func SSHD(t testing.TB, h *Host, config SSHDConfig) *SSHServer {
	t.Helper()
	Require(t, "sshd")
	keys, names := hostKeys(config.Keys, "/etc/ssh", func(kind, name string) ssh.PublicKey {
		return h.newKey(t, kind, name)
	})

	// The first line of a keyword applies, and a Match block ends with the
	// file.
	match := slices.IndexFunc(config.Extra, func(line string) bool {
		return len(line) >= 5 && strings.EqualFold(line[:5], "match")
	})
	if match < 0 {
		match = len(config.Extra)
	}
	lines := slices.Clone(config.Extra[:match])
	for _, name := range names {
		lines = append(lines, "HostKey "+name)
	}
	lines = append(lines,
		"PidFile "+pidFile("sshd"),
		"AuthorizedKeysFile .ssh/authorized_keys",
		"StrictModes no",
		"PermitRootLogin yes",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"UsePAM no",
		"UseDNS no",
		"LogLevel VERBOSE",
	)
	lines = append(lines, config.Extra[match:]...)

	const file = "/etc/ssh/sshd_config"
	h.WriteFile(t, file, strings.Join(lines, "\n")+"\n")
	return newSSHServer(t, h, keys, "sshd", "-D", "-e", "-f", file)
}
