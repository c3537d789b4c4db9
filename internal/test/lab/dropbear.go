package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// A DropbearConfig configures Dropbear. The zero value lets root log in with a key
// only.
type DropbearConfig struct {
	Keys     []string // types of its host keys: "ed25519", "rsa", "ecdsa"; nil means all
	Password bool     // root may also log in with [Password]
	Extra    []string // arguments for dropbear(8), such as -a, -j or -k
}

// Dropbear starts Dropbear on port 22 of h, until the test ends. It skips the test
// as [Require] does.
func Dropbear(t testing.TB, h *Host, config DropbearConfig) *SSHServer {
	t.Helper()
	Require(t, "dropbear", "dropbearkey")
	keys, names := hostKeys(config.Keys, "/etc/ssh/dropbear", func(kind, name string) ssh.PublicKey {
		h.WriteFile(t, name+".pub", "") // creates the directory
		text := h.Run(t, "sh", "-c", `dropbearkey -t "$0" -f "$1" >&2 && dropbearkey -y -f "$1" | grep "^[es]"`, kind, name)
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		require.NoError(t, err)
		return key
	})
	args := []string{"-F", "-E", "-p", "22", "-P", pidFile("dropbear")}
	if !config.Password {
		args = append(args, "-s")
	}
	for _, name := range names {
		args = append(args, "-r", name)
	}
	return newSSHServer(t, h, keys, "dropbear", append(args, config.Extra...)...)
}
