package knownhosts

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestVerifyAgreesWithSSH(t *testing.T) {
	t.Parallel()
	const ed, rsa, ec = ssh.KeyAlgoED25519, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256
	ca := newSigner(t, ed)
	forLoopback := func(c *ssh.Certificate) { c.ValidPrincipals = []string{"127.0.0.1", "alias"} }
	hosts := map[string]sshdHost{
		"all":     startSSHD(t, []string{ed, rsa, ec}, nil, nil),
		"rsa":     startSSHD(t, []string{rsa}, nil, nil),
		"cert":    startSSHD(t, []string{ed, rsa}, ca, forLoopback),
		"expired": startSSHD(t, []string{ed}, ca, func(c *ssh.Certificate) { forLoopback(c); c.ValidBefore = 1e9 }),
		"unnamed": startSSHD(t, []string{ed}, ca, func(c *ssh.Certificate) { c.ValidPrincipals = nil }),
		"user":    startSSHD(t, []string{ed}, ca, func(c *ssh.Certificate) { forLoopback(c); c.CertType = ssh.UserCert }),
		"other":   startSSHD(t, []string{ed}, ca, nil),
	}

	// In a line, {H} is [host]:port and {hash} is the same, hashed. {ed}, {rsa} and
	// {ec} are the keys of the host, {bad} is another ed25519 key, and {ca} is the
	// key of the authority.
	tests := []struct{ host, name, content, alias string }{
		{"all", "only ed25519", "{H} {ed}", ""},
		{"all", "only rsa", "{H} {rsa}", ""},
		{"all", "only ecdsa", "{H} {ec}", ""},
		{"all", "hashed", "{hash} {ed}", ""},
		{"all", "hashed rsa", "{hash} {rsa}", ""},
		{"all", "malformed base64", "{H} {ed}\nfoo ssh-ed25519 AAAA!!", ""},
		{"all", "malformed base64 for the host", "{H} ssh-ed25519 AAAA!!\n{H} {ed}", ""},
		{"all", "unknown key type", "{H} ssh-foo AAAAB3NzaC1mb28=\n{H} {ed}", ""},
		{"all", "SSH protocol 1", "{H} 1024 35 123456789\n{H} {ed}", ""},
		{"all", "equals sign", "=\n{H} {ed}", ""},
		{"all", "one word", "foo\n{H}\n{H} {ed}", ""},
		{"all", "unknown marker", "@foo {H} {ed}", ""},
		{"all", "malformed hash", "|1|AAAA|AAAA {ed}\n|2|a|b {ed}\n{H} {ed}", ""},
		{"all", "tabs and line ends", "  {H}\t{ed}\tcomment\r", ""},
		{"all", "tab after marker", "@revoked\t{H} {ed}\n{H} {ed}", ""},
		{"all", "algorithm instead of type", "{H} rsa-sha2-512 {rsablob}", ""},
		{"all", "type does not match key", "{H} ssh-ed25519 {rsablob}", ""},
		{"all", "empty", "", ""},
		{"all", "name without port", "127.0.0.1 {ed}", ""},
		{"all", "name without port, second type", "127.0.0.1 {rsa}", ""},
		{"all", "other key without port", "127.0.0.1 {bad}", ""},
		{"all", "port 22", "[127.0.0.1]:22 {ed}", ""},
		{"all", "asterisk", "* {ed}", ""},
		{"all", "question mark without port", "127.0.0.? {ed}", ""},
		{"all", "pattern with port", "[127.*]:* {ed}", ""},
		{"all", "negated", "*,!{H} {ed}", ""},
		{"all", "negated first", "!{H},{H} {ed}", ""},
		{"all", "negated without port", "*,!127.0.0.1 {ed}", ""},
		{"all", "list", "foo,{H},bar {ed}", ""},
		{"all", "wrong ed25519", "{H} {bad}", ""},
		{"all", "wrong ed25519, right rsa", "{H} {bad}\n{H} {rsa}", ""},
		{"all", "wrong twice", "{H} {bad}\n* {bad}", ""},
		{"all", "wrong and right", "{H} {bad}\n* {ed}", ""},
		{"all", "wrong with port, right without", "{H} {bad}\n127.0.0.1 {ed}", ""},
		{"all", "revoked", "@revoked * {ed}", ""},
		{"all", "revoked and known", "{H} {ed}\n@revoked {H} {ed}", ""},
		{"all", "revoked without port", "@revoked 127.0.0.1 {ed}", ""},
		{"all", "revoked ed25519, right rsa", "@revoked * {ed}\n{H} {rsa}", ""},
		{"all", "revoked ed25519 known, right rsa", "{H} {ed}\n@revoked * {ed}\n{H} {rsa}", ""},
		{"all", "revoked for another host", "@revoked otherhost {ed}\n{H} {ed}", ""},
		{"all", "other key revoked", "@revoked * {bad}\n{H} {ed}", ""},
		{"all", "authority and plain key", "@cert-authority * {ca}\n{H} {ed}", ""},
		{"all", "authority only", "@cert-authority * {ca}", ""},
		{"all", "plain key marked as authority", "@cert-authority * {ed}", ""},
		{"all", "alias", "alias {ed}", "alias"},
		{"all", "alias in other case", "ALIAS {ed}", "aLias"},
		{"all", "alias, only host known", "{H} {ed}\n127.0.0.1 {ed}", "alias"},
		{"all", "alias with port", "[alias]:{port} {ed}", "alias"},
		{"rsa", "known by another type", "{H} {bad}", ""},
		{"rsa", "known by another type without port", "127.0.0.1 {bad}", ""},
		{"rsa", "known", "{H} {rsa}", ""},
		{"cert", "plain key known", "{H} {ed}", ""},
		{"cert", "plain rsa key known", "{H} {rsa}", ""},
		{"cert", "plain key known without port", "127.0.0.1 {ed}", ""},
		{"cert", "plain key wrong", "{H} {bad}", ""},
		{"cert", "nothing known", "", ""},
		{"cert", "authority for every host", "@cert-authority * {ca}", ""},
		{"cert", "authority with port", "@cert-authority {H} {ca}", ""},
		{"cert", "authority without port", "@cert-authority 127.0.0.1 {ca}", ""},
		{"cert", "authority, negated", "@cert-authority *,!{H},!127.0.0.1 {ca}", ""},
		{"cert", "authority for another host", "@cert-authority *.example {ca}", ""},
		{"cert", "wrong authority, right plain key", "@cert-authority * {bad}\n{H} {ed}", ""},
		{"cert", "wrong authority", "@cert-authority * {bad}", ""},
		{"cert", "authority and wrong plain key", "@cert-authority * {ca}\n{H} {bad}", ""},
		{"cert", "authority revoked", "@cert-authority * {ca}\n@revoked * {ca}", ""},
		{"cert", "certified key revoked", "@cert-authority * {ca}\n@revoked * {ed}\n@revoked * {rsa}", ""},
		{"cert", "alias", "@cert-authority alias {ca}", "Alias"},
		{"cert", "alias that is not a principal", "@cert-authority * {ca}", "nobody"},
		{"expired", "authority", "@cert-authority * {ca}", ""},
		{"expired", "authority and plain key", "@cert-authority * {ca}\n{H} {ed}", ""},
		{"expired", "authority and plain key without port", "@cert-authority * {ca}\n127.0.0.1 {ed}", ""},
		{"unnamed", "authority", "@cert-authority * {ca}", ""},
		{"user", "authority", "@cert-authority * {ca}", ""},
		{"other", "authority", "@cert-authority * {ca}", ""},
	}
	bad := keyText(newSigner(t, ed).PublicKey())
	for _, test := range tests {
		t.Run(test.host+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			host := hosts[test.host]
			text := func(keyType string) string {
				if key := host.keys[keyType]; key != nil {
					return keyText(key)
				}
				return "none"
			}
			name := withPort("127.0.0.1", host.port)
			file := writeFile(t, strings.NewReplacer(
				"{H}", name, "{hash}", string(hashName(name, make([]byte, 20))), "{port}", strconv.Itoa(host.port),
				"{ed}", text(ed), "{rsa}", text(rsa), "{ec}", text(ec), "{rsablob}", strings.TrimPrefix(text(rsa), "ssh-rsa "),
				"{bad}", bad, "{ca}", keyText(ca.PublicKey()),
			).Replace(test.content)+"\n")
			var options []string
			if test.alias != "" {
				options = []string{"-o", "HostKeyAlias=" + test.alias}
			}
			output := runSSH(t, host, "yes", file, nil, options...)
			err := handshake(t, host, &Verifier{UserFiles: []string{file}, Policy: Strict}, test.alias)
			assert.Equal(t, outcomeOfSSH(t, output), outcomeOf(t, err), output)
		})
	}
	t.Run("missing file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "missing")
		output := runSSH(t, hosts["all"], "yes", file, nil)
		err := handshake(t, hosts["all"], &Verifier{UserFiles: []string{file}, Policy: Strict}, "")
		assert.Equal(t, outcomeOfSSH(t, output), outcomeOf(t, err), output)
	})
}

func TestVerifyAgreesWithSSHOnRevokedFilesAndCommand(t *testing.T) {
	t.Parallel()
	const ed, rsa = ssh.KeyAlgoED25519, ssh.KeyAlgoRSA
	ca := newSigner(t, ed)
	forLoopback := func(c *ssh.Certificate) { c.ValidPrincipals, c.Serial = []string{"127.0.0.1"}, 5 }
	plain, certified := startSSHD(t, []string{ed, rsa}, nil, nil), startSSHD(t, []string{ed}, ca, forLoopback)
	bad := keyText(newSigner(t, ed).PublicKey())
	for _, test := range []struct {
		name           string
		host           sshdHost
		files, command string // lines, with {H}, {ed}, {rsa}, {ca} and {bad} as above; {B} is the host without port
		revoked        string // path of the RevokedHostKeys file; empty for none
	}{
		{"by command", plain, "", "{H} {ed}", ""},
		{"rsa by command", plain, "", "{H} {rsa}\n{B} {rsa}", ""},
		{"by command without port", plain, "", "{B} {ed}", ""},
		{"by command for another host", plain, "", "other {ed}", ""},
		{"changed by command", plain, "", "{H} {bad}", ""},
		{"changed by file, known by command", plain, "{H} {bad}", "{H} {ed}", ""},
		{"known by file, changed by command", plain, "{H} {ed}", "{H} {bad}", ""},
		{"command revokes", plain, "{H} {ed}", "@revoked {H} {ed}", ""},
		{"authority by command", certified, "", "@cert-authority {H} {ca}\n@cert-authority {B} {ca}", ""},
		{"file does not revoke", plain, "{H} {ed}", "", writeFile(t, bad)},
		{"file revokes", plain, "{H} {ed}", "", writeFile(t, keyText(plain.keys[ed]))},
		{"list revokes", plain, "{H} {ed}", "", makeKRL(t, nil, keyText(plain.keys[ed]))},
		{"list revokes another", plain, "{H} {ed}", "", makeKRL(t, nil, bad)},
		{"list revokes authority", certified, "@cert-authority * {ca}", "", makeKRL(t, nil, keyText(ca.PublicKey()))},
		{"file revokes authority", certified, "@cert-authority * {ca}", "", writeFile(t, keyText(ca.PublicKey()))},
		{"list revokes serial", certified, "@cert-authority * {ca}", "", makeKRL(t, ca.PublicKey(), "serial: 5")},
		{"list revokes other serial", certified, "@cert-authority * {ca}", "", makeKRL(t, ca.PublicKey(), "serial: 6")},
		{"missing revoked file", plain, "{H} {ed}", "", "/nonexistent/revoked"},
		{"malformed revoked file", plain, "{H} {ed}", "", writeFile(t, "nonsense")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rsaText := "none"
			if test.host.keys[rsa] != nil {
				rsaText = keyText(test.host.keys[rsa])
			}
			lines := strings.NewReplacer("{H}", withPort("127.0.0.1", test.host.port), "{B}", "127.0.0.1", "{ed}", keyText(test.host.keys[ed]),
				"{rsa}", rsaText, "{ca}", keyText(ca.PublicKey()), "{bad}", bad)
			file, printed := writeFile(t, lines.Replace(test.files)+"\n"), writeFile(t, lines.Replace(test.command)+"\n")
			v := &Verifier{UserFiles: []string{file}, Policy: Strict, Command: func(string, string, ssh.PublicKey) ([]byte, error) {
				return os.ReadFile(printed)
			}}
			options := []string{"-o", "KnownHostsCommand=/bin/cat " + printed}
			if test.revoked != "" {
				v.RevokedFiles = []string{test.revoked}
				options = append(options, "-o", "RevokedHostKeys="+test.revoked)
			}
			output := runSSH(t, test.host, "yes", file, nil, options...)
			err := handshake(t, test.host, v, "")
			switch {
			case strings.Contains(output, "Error checking host key"):
				assert.ErrorContains(t, err, "revoked keys file", output)
			case strings.Contains(output, "revoked by file"):
				var refused *HostKeyError
				require.ErrorAs(t, err, &refused, output)
				assert.Contains(t, output, refused.Warning()+"\n")
			default:
				assert.Equal(t, outcomeOfSSH(t, output), outcomeOf(t, err), output)
			}
		})
	}
}
