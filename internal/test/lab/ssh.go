package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// An SSHServer is OpenSSH's sshd or Dropbear on port 22 of a host. Root can log in
// with the keys of AuthorizeKey.
type SSHServer struct {
	daemon
	HostKeys []ssh.PublicKey
}

// newSSHServer starts an SSH server, which writes its pid file when it listens.
func newSSHServer(t testing.TB, h *Host, hostKeys []ssh.PublicKey, program string, args ...string) *SSHServer {
	t.Helper()
	pidFile := h.Path(pidFile(program))
	s := &SSHServer{HostKeys: hostKeys, daemon: daemon{
		host:    h,
		program: program,
		args:    args,
		workers: program,
		Log:     Output{h.Path("/var/log/" + program + ".log")},
		prepare: func() {
			if err := os.Remove(pidFile); !errors.Is(err, fs.ErrNotExist) {
				require.NoError(t, err)
			}
		},
		ready: func() bool {
			_, err := os.Stat(pidFile)
			return err == nil
		},
	}}
	s.launch(t)
	return s
}

// pidFile returns the path of a program's pid file.
func pidFile(program string) string { return "/run/" + program + ".pid" }

// AuthorizeKey adds a key of root to authorized_keys, with options such as restrict
// or permitopen="localhost:21".
func (s *SSHServer) AuthorizeKey(t testing.TB, key ssh.PublicKey, options ...string) {
	t.Helper()
	line := string(ssh.MarshalAuthorizedKey(key))
	if len(options) > 0 {
		line = strings.Join(options, ",") + " " + line
	}
	const name = Home + "/.ssh/authorized_keys"
	before, err := os.ReadFile(s.host.Path(name))
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	s.host.WriteFile(t, name, string(before)+line)
}

// KnownHosts returns the lines of a known_hosts file with all host keys, for the
// host's name and its addresses.
func (s *SSHServer) KnownHosts() string {
	h := s.host
	names := []string{h.Name, h.Name + "6", h.Addr.String(), h.Addr6.String()}
	if h.Far.IsValid() {
		names = append(names, h.Far.String(), h.Far6.String())
	}
	var lines strings.Builder
	for _, key := range s.HostKeys {
		lines.WriteString(strings.Join(names, ",") + " " + string(ssh.MarshalAuthorizedKey(key)))
	}
	return lines.String()
}

// KillSessions kills the processes that serve connections, waits until they are
// gone, and returns how many there were.
func (s *SSHServer) KillSessions(t testing.TB) int { return s.killChildren(t) }

// StopSessions stops the processes that serve connections and returns how many
// there are. Their connections stay open and get no answer.
func (s *SSHServer) StopSessions() int {
	children := s.children()
	signalAll(children, stop)
	return len(children)
}

// ContSessions undoes StopSessions.
func (s *SSHServer) ContSessions() { signalAll(s.children(), cont) }

// NewKey creates an ed25519 key for root on h, in ~/.ssh/id_ed25519, and returns the
// public key.
func (h *Host) NewKey(t testing.TB) ssh.PublicKey {
	t.Helper()
	return h.newKey(t, "ed25519", Home+"/.ssh/id_ed25519")
}

// newKey creates a key of a type that ssh-keygen(1) knows, in a file on h, and in
// name.pub the public key, which it returns.
func (h *Host) newKey(t testing.TB, kind, name string) ssh.PublicKey {
	t.Helper()
	private, err := generateKey(kind)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	h.WriteFile(t, name, string(pem.EncodeToMemory(block)))
	h.WriteFile(t, name+".pub", string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return signer.PublicKey()
}

func generateKey(kind string) (crypto.PrivateKey, error) {
	switch kind {
	case "ed25519":
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, errors.New("no such type of key: " + kind)
	}
}

// allKeys are the types of host keys that a server has by default.
var allKeys = [...]string{"ed25519", "rsa", "ecdsa"}

// hostKeys generates a host key of each of the kinds, and returns the public keys
// and the names of the files.
func hostKeys(kinds []string, dir string, generate func(kind, name string) ssh.PublicKey) (keys []ssh.PublicKey, names []string) {
	if kinds == nil {
		kinds = allKeys[:]
	}
	for _, kind := range kinds {
		name := filepath.Join(dir, "ssh_host_"+kind+"_key")
		keys = append(keys, generate(kind, name))
		names = append(names, name)
	}
	return keys, names
}
