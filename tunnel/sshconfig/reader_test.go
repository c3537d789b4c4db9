package sshconfig

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/ftptunnel/tunnel"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A configCase is a configuration file that both ssh and the built-in reader
// read. FOLDER in its text is a folder with the files of include.
type configCase struct {
	name     string
	text     string
	opts     Options
	rejected bool // by the built-in reader
}

var include = map[string]string{
	"one.conf":    "Host a\n  User one\nHost *\n  Port 2201\n",
	"two.conf":    "User two\nIdentityFile /id/two\n",
	"match.conf":  "User x\n\nMatch user x\n  Port 7\n",
	".hidden.cfg": "User hidden\n",
	"nested.inc":  "Include FOLDER/two.conf\nUser nested\n",
	"crlf.inc":    "User crlf\r\n# comment\r\nPort 9\r\n",
	"short.inc":   "Port 11", // no newline
	"endless.inc": "Include FOLDER/endless.inc\n",
}

var configCases = []configCase{
	// What the built-in reader supports.
	{name: "empty", text: ""},
	{name: "comments and blank lines", text: "# one\n\n   # two\n\t\nUser x # three\n"},
	{name: "no end of line", text: "User x\nPort 23"},
	{name: "CRLF", text: "User x\r\n\r\n# c\r\nHost a\r\n  Port 23\r\n"},
	{name: "equals signs", text: "User=x\nPort = 23\nHostName= y\nHost=a\n  HostKeyAlias =k\n"},
	{name: "tabs and trailing blanks", text: "\tUser\tx \t\nHost a \n\t Port\t 23\t# c\n"},
	{name: "capitals", text: "HOST a\n  uSER x\n  hostname Y.Example\n"},
	{name: "host patterns", text: "Host b c\n User no\nHost *a\n User star\nHost a\n Port 2\n"},
	{name: "host patterns with dots", text: "Host x.a *.x\n User no\nHost a* +a (a) [a]\n User yes\n"},
	{name: "negated pattern", text: "Host !a *\n User no\nHost * !b\n User yes\n"},
	{name: "only negated patterns", text: "Host !b\n User no\n"},
	{name: "host with a comma", text: "Host a,b\n User no\n"},
	{name: "first value counts", text: "Host a\n Port 1\nHost *\n Port 2\n User x\nHost a\n User y\n"},
	{name: "values before sections", text: "Port 5\nHost a\n Port 6\n"},
	{name: "sections that do not apply", text: "Host b\n Port 1\n User b\n ProxyJump j\n IdentityFile /x\n"},
	{name: "Match all", text: "Host b\n Port 1\nMatch all\n User x\n"},
	{name: "Match ALL", text: "match ALL\n User x\n"},
	{name: "identity files add up", text: "IdentityFile /1\nHost a\n IdentityFile /2\n IdentityFile /1\nHost *\n IdentityFile ~/%r\n"},
	{name: "identity file none", text: "IdentityFile none\nIdentityFile /1\n"},
	{name: "booleans", text: "IdentitiesOnly TRUE\nHashKnownHosts Yes\nPasswordAuthentication false\nKbdInteractiveAuthentication NO\nPubkeyAuthentication unbound\n"},
	{name: "seconds", text: "ConnectTimeout 10\nServerAliveInterval 15\nServerAliveCountMax 2\nNumberOfPasswordPrompts 0\n"},
	{name: "no timeout", text: "ConnectTimeout none\n"},
	{name: "no timeout, then one", text: "Host a\n ConnectTimeout none\nHost *\n ConnectTimeout 3\n"},
	{name: "batch mode", text: "BatchMode yes\nServerAliveInterval 9\n"},
	{name: "strict", text: "StrictHostKeyChecking accept-new\n"},
	{name: "strict off", text: "StrictHostKeyChecking off\n"},
	{name: "strict true", text: "StrictHostKeyChecking true\n"},
	{name: "known hosts files", text: "UserKnownHostsFile /u/%k  ~/%h-%p\t/v/%C\nGlobalKnownHostsFile /g/1 /g/2\n"},
	{name: "no known hosts files", text: "UserKnownHostsFile none\nGlobalKnownHostsFile /dev/null\n"},
	{name: "host name with tokens", text: "HostName %h.Example\n"},
	{name: "host name with percent", text: "HostName %%h\n"},
	{name: "alias of host key", text: "HostKeyAlias k\nUserKnownHostsFile /%k\n"},
	{name: "agent", text: "IdentityAgent ~/%h-%u.sock\n"},
	{name: "agent of a variable", text: "IdentityAgent $SSH_AUTH_SOCK\n"},
	{name: "host key algorithms", text: "HostKeyAlgorithms rsa-sha2-512,ssh-ed25519\n"},
	{name: "old host key algorithm", text: "HostKeyAlgorithms ssh-rsa,ssh-ed25519\n"},
	{name: "ciphers and MACs", text: "Ciphers aes256-ctr,aes128-cbc\nMACs hmac-sha2-512\n"},
	{name: "key exchanges", text: "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256\n"},
	{name: "signatures", text: "PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519\nCASignatureAlgorithms ssh-ed25519\nRequiredRSASize 2048\n"},
	{name: "known hosts command", text: "KnownHostsCommand /bin/k %H  %I\t%C %% ${SSH_AUTH_SOCK} %n\n"},
	{name: "revoked host keys", text: "RevokedHostKeys ~/revoked\n"},
	{name: "none of these", text: "KnownHostsCommand none\nRevokedHostKeys none\nBindInterface lo\n"},
	{name: "authentications", text: "PreferredAuthentications publickey,password\n"},
	{name: "addresses", text: "AddressFamily inet6\nBindAddress 192.0.2.1\n"},
	{name: "jump hosts", text: "Host z\n ProxyJump none\nHost a\n ProxyJump b,u@c:3\nHost c\n User d\nHost b\n ProxyJump none\nHost *\n ProxyJump z\nHost z\n User z\n", opts: Options{Jump: "c"}},
	{name: "jump hosts as configured", text: "Host a\n ProxyJump b,u@c:3\nHost c\n User d\nHost b\n Port 4\n ProxyJump z\nHost z\n User z\n"},
	{name: "ProxyCommand of other hosts", text: "Host b\n ProxyCommand sh -c \"nc '%h' #\"\nHost a\n ProxyJump c\nHost c\n User x\n"},
	{name: "ProxyCommand", text: "ProxyCommand  nc -X 5 -x \"p:1\" '%h' %p %%\nUser u\n"},
	{name: "ProxyCommand of the command line", text: "ProxyCommand b\n", opts: Options{Settings: []string{"ProxyCommand=a %h"}}},
	{name: "certificates", text: "CertificateFile ~/%h.pub\nCertificateFile /c\nCertificateFile /c\nIdentityFile /i\n"},
	{name: "ProxyCommand none", text: "ProxyCommand none\n"},
	{name: "CanonicalizeHostname no", text: "CanonicalizeHostname no\nUser x\n"},
	{name: "ignored keywords", text: "SendEnv LANG LC_*\nForwardAgent yes\nLocalForward 8080 \"x:80\"\nSetEnv A=\"b # c\"\nControlPath ~/%C\nUser x\n"},
	{name: "command line", text: "User f\nPort 2\nIdentityFile /f\n", opts: Options{
		User: "l", Port: 3, AddressFamily: "inet",
		Settings: []string{"Port=4", "HostName=o", "IdentityFile /o", "StrictHostKeyChecking = no"},
	}},
	{name: "Debian's own file", text: "\nInclude FOLDER/*.none\n\nHost *\n#   Port 22\n#   IdentityFile ~/.ssh/id_dsa\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n"},
	{name: "included files", text: "Include FOLDER/one.conf\nUser main\nIdentityFile /id/main\n"},
	{name: "included in a section", text: "Host b\n Include FOLDER/two.conf\nHost a\n Include FOLDER/one.conf\n Port 2\nUser x\n"},
	{name: "included files in order", text: "Include FOLDER/[t]wo.conf\n", rejected: true},
	{name: "several included files", text: "Include FOLDER/two.conf FOLDER/one.conf FOLDER/missing\n"},
	{name: "included pattern", text: "Include FOLDER/?n?.conf FOLDER/t*.conf\nIdentityFile /main\n"},
	{name: "included twice", text: "Include FOLDER/nested.inc\nInclude FOLDER/two.conf\nPort 2\n"},
	{name: "included odd line ends", text: "Include FOLDER/crlf.inc\n"},
	{name: "included without end of line", text: "Include FOLDER/short.inc\nUser x\n"},

	{name: "paths of Windows", text: `IdentityFile C:\Users\x\.ssh\key` + "\n" + `CertificateFile "C:\Users\First Last\key-cert.pub"` + "\n" + `UserKnownHostsFile C:\k1 C:\k2` + "\n" + `GlobalKnownHostsFile "C:\g"` + "\n"},
	{name: "backslashes in paths", text: `IdentityFile /d\e` + "\n" + `IdentityFile /d\e # f` + "\n" + `IdentityAgent /run\a` + "\n" + `RevokedHostKeys /r\s` + "\n"},
	{name: "values in quotes", text: `IdentityFile "/a b"` + "\n" + `IdentityFile = "/a 'b'"  # c` + "\n" + `IdentityFile "a\ b"` + "\n" + `IdentityAgent "/run/a b"` + "\n" + `RevokedHostKeys "/r"` + "\n"},
	{name: "other host's commands with a hash", text: "Host b\n KnownHostsCommand /k # %h\n ProxyCommand \"x\"\nHost a\n ProxyCommand \"x\" y\n"},
	{name: "Windows user", text: `User WORK\me` + "\n"},
	{name: "included in apostrophes and quotes", text: "Include 'FOLDER/one.conf' \"FOLDER/two.conf\"\n"},
	{name: "patterns with several stars", text: "Host *b*\n User no\nHost **\n User yes\nHost a*a\n Port 2\n"},
	{name: "included in a section that does not apply", text: "Host b\n Include FOLDER/one.conf\n Port 2\nHost a\n User x\n"},
	{name: "after an Include in a section", text: "Host !a *\n Include FOLDER/one.conf\n User no\nHost b\n Include FOLDER/one.conf\n Include FOLDER/two.conf\n Port 2\nMatch all\n Include FOLDER/none\n User x\n"},
	{name: "included by a file in a section", text: "Host a\n Include FOLDER/nested.inc\n IdentityFile /x\nHost b\n Include FOLDER/nested.inc\n"},
	{name: "known hosts command with quotes", text: "KnownHostsCommand /bin/k \"%H\"\n"},
	{name: "included with two blanks", text: "Include FOLDER/one.conf  FOLDER/two.conf\n"},
	{name: "included with blank at the end", text: "Include FOLDER/one.conf \nUser x\n"},
	{name: "included with tab", text: "Include FOLDER/two.conf\tFOLDER/one.conf\n"},
	{name: "included in quotes", text: "Include \"FOLDER/one.conf\"\n"},
	{name: "value in quotes", text: "User \"x y\"\n"},

	// What it rejects.
	{name: "Fedora's own file", text: "Host *\n User x\n\nMatch final all\n  GSSAPIAuthentication yes\n  ForwardX11Trusted yes\n", rejected: true},
	{name: "Match host", text: "Match host a,b\n Port 2\n", rejected: true},
	{name: "Match host and user", text: "Match host a user nobody\n Port 2\n", rejected: true},
	{name: "Match exec", text: "Match host a exec false\n Port 2\n", rejected: true},
	{name: "Match originalhost", text: "Match originalhost a\n Port 2\n", rejected: true},
	{name: "host with ?", text: "Host a?\n Port 2\n", rejected: true},
	{name: "host in quotes", text: "Host \"a\"\n Port 2\n", rejected: true},
	{name: "hosts with tab", text: "Host b\ta\n Port 2\n", rejected: true},
	{name: "hash in a value", text: "User bob#1\n", rejected: true},
	{name: "hash in a host", text: "Host a#b a\nUser x\n", rejected: true},
	{name: "value in quotes with hash", text: "IdentityFile \"/a # b\"\n", rejected: true},
	{name: "backslash", text: "User a\\\\b\n", rejected: true},
	{name: "apostrophes", text: "User 'a'\n", rejected: true},
	{name: "minutes", text: "ConnectTimeout 1m\n", rejected: true},
	{name: "minutes of another host", text: "Host b\n ServerAliveInterval 2m\n", rejected: true},
	{name: "addition to a list", text: "HostKeyAlgorithms +ssh-rsa\n", rejected: true},
	{name: "removal from a list", text: "HostKeyAlgorithms -ssh-ed25519\n", rejected: true},
	{name: "front of a list", text: "HostKeyAlgorithms ^rsa-sha2-512\n", rejected: true},
	{name: "addition to ciphers", text: "Ciphers +aes128-cbc\n", rejected: true},
	{name: "front of key exchanges", text: "KexAlgorithms ^ecdh-sha2-nistp256\n", rejected: true},
	{name: "removal of MACs", text: "MACs -hmac-sha1*\n", rejected: true},
	{name: "old name of signatures", text: "PubkeyAcceptedKeyTypes ssh-rsa\n", rejected: true},
	{name: "key exchange that is not implemented", text: "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256\n", rejected: true},
	{name: "revoked host keys with a token", text: "RevokedHostKeys /r-%h\n", rejected: true},
	{name: "pattern in a list", text: "HostKeyAlgorithms ssh-*\n", rejected: true},
	{name: "service as port", text: "Port ssh\n", rejected: true},
	{name: "ProxyCommand with a hash", text: "ProxyCommand sh -c \"nc #\"\n", rejected: true},
	{name: "ProxyCommand with two equals signs", text: "ProxyCommand == nc %h\n", rejected: true},
	{name: "ProxyCommand in quotes", text: "ProxyCommand \"/a b\" \"%h\"\n", rejected: true},
	{name: "ProxyCommand that another host's line looks like", text: "Host a\n ProxyCommand nc # x\nHost b\n ProxyCommand nc\n", rejected: true},
	{name: "known hosts command with a hash", text: "KnownHostsCommand /bin/k %H # %h\n", rejected: true},
	{name: "escaped backslash in a path", text: `UserKnownHostsFile "C:\\k2"` + "\n", rejected: true},
	{name: "escaped blank in a path", text: `IdentityFile /a\ b` + "\n", rejected: true},
	{name: "escaped blank before a hash", text: `IdentityFile /a\ #b` + "\n", rejected: true},
	{name: "escaped quote in a path", text: `IdentityFile "/a\"b"` + "\n", rejected: true},
	{name: "path in apostrophes", text: `IdentityFile '/a\'b"c'` + "\n", rejected: true},
	{name: "path with quotes inside", text: `IdentityFile /a" b "'c d'e # f` + "\n", rejected: true},
	{name: "path of two quoted parts", text: `IdentityFile "/a"b"c"` + "\n", rejected: true},
	{name: "list of quoted paths", text: `UserKnownHostsFile "/a" "/b"` + "\n", rejected: true},
	{name: "another blank at the end", text: "HostName x\u00a0\n", rejected: true},
	{name: "both ways through a proxy", text: "ProxyJump b\nHost a\n ProxyCommand nc\n", rejected: true},
	{name: "ProxyCommand none and ProxyJump", text: "ProxyCommand none\nProxyJump b\n", rejected: true},
	{name: "canonical names", text: "CanonicalizeHostname yes\nCanonicalDomains example.invalid\nCanonicalizeFallbackLocal yes\n", rejected: true},
	{name: "unknown keyword that may be ignored", text: "IgnoreUnknown UseKeychain\nUseKeychain yes\n", rejected: true},
	{name: "old keyword", text: "ChallengeResponseAuthentication no\n", rejected: true},
	{name: "quoted keyword", text: "\"User\" x\n", rejected: true},
	{name: "control character", text: "User a\fb\n", rejected: true},
	{name: "not UTF-8", text: "User \xe9\n", rejected: true},
	{name: "included Match", text: "Include FOLDER/match.conf\n", rejected: true},
	{name: "included pattern and hidden file", text: "Include FOLDER/*.cfg\n", rejected: true},
	{name: "included with comment", text: "Include FOLDER/one.conf # c\n", rejected: true},
	{name: "no path", text: "IdentityFile \"\"\n", rejected: true},
	{name: "two paths", text: "IdentityFile /a /b\n", rejected: true},
	{name: "path with an open quote", text: "IdentityFile \"/a b\n", rejected: true},
	{name: "blanks in a list of paths", text: "UserKnownHostsFile \"/a b\" /c\n", rejected: true},
	{name: "included folder pattern", text: "Include FOLDER*/one.conf\n", rejected: true},
}

// prepare writes the files of c and returns the options to read them with.
func (c configCase) prepare(t *testing.T) Options {
	folder := t.TempDir()
	for name, text := range include {
		text = strings.ReplaceAll(text, "FOLDER", folder)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	opts := c.opts
	opts.ConfigFile = writeConfig(t, strings.ReplaceAll(c.text, "FOLDER", folder))
	return opts
}

// current removes from hops what depends on the version of OpenSSH: default
// identity files that only old ones have, and default algorithms.
func current(t *testing.T, hops []tunnel.Hop) []tunnel.Hop {
	t.Helper()
	defaults, err := Resolve(t.Context(), "a", Options{ConfigFile: "none"})
	require.NoError(t, err)
	for i, h := range hops {
		for _, l := range []struct {
			list     *[]string
			defaults []string
		}{
			{&hops[i].Ciphers, defaults[0].Ciphers},
			{&hops[i].KexAlgorithms, defaults[0].KexAlgorithms},
			{&hops[i].MACs, defaults[0].MACs},
			{&hops[i].PubkeyAcceptedAlgorithms, defaults[0].PubkeyAcceptedAlgorithms},
		} {
			if slices.Equal(*l.list, l.defaults) {
				*l.list = nil
			}
		}
		if !h.IdentityFilesSet {
			hops[i].IdentityFiles = slices.DeleteFunc(h.IdentityFiles, func(name string) bool {
				return !regexp.MustCompile(`id_(rsa|ecdsa|ecdsa_sk|ed25519|ed25519_sk)$`).MatchString(name)
			})
		}
	}
	return hops
}

var placed = regexp.MustCompile(`^(/.+|-o):[0-9]+: .+`)

func TestBuiltInReaderAgreesWithSSHOrRejects(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "/run/agent")
	for _, c := range configCases {
		t.Run(c.name, func(t *testing.T) {
			opts := c.prepare(t)
			opts.SSH = "none"
			got, err := Resolve(t.Context(), "a", opts)
			if c.rejected {
				var config *Error
				require.ErrorAs(t, err, &config)
				assert.Regexp(t, placed, config.Text)
				return
			}
			require.NoError(t, err)
			if !hasSSH() {
				t.Skip("no ssh to compare with")
			}
			opts.SSH = ""
			want, err := Resolve(t.Context(), "a", opts)
			require.NoError(t, err)
			assert.Equal(t, current(t, want), current(t, got))
		})
	}
}

func TestBuiltInReaderAgreesWithSSHOnFilesOfThisMachine(t *testing.T) {
	if !hasSSH() {
		t.Skip("no ssh to compare with")
	}
	want, err := Resolve(t.Context(), "host.example", Options{})
	if err != nil {
		t.Skip("cannot read the configuration of this machine: ", err)
	}
	got, err := Resolve(t.Context(), "host.example", Options{SSH: "none"})
	if err != nil {
		assert.Regexp(t, placed, err.Error())
		return
	}
	assert.Equal(t, current(t, want), current(t, got))
}

func TestBuiltInReaderRejectsWhatSSHRejects(t *testing.T) {
	folder := t.TempDir()
	endless := filepath.Join(folder, "endless.inc")
	require.NoError(t, os.WriteFile(endless, []byte("Include "+endless+"\n"), 0o600))
	for _, text := range []string{
		"Uzer x\n", "User\n", "User x y\n", "Port 0\n", "Port 70000\n", "Port 22x\n", "IdentitiesOnly maybe\n", "ConnectTimeout -1\n",
		"HostKeyAlgorithms foo\n", "HostName %n\n", "IdentityAgent ${NOT_SET_ANYWHERE}\n", "= x\n", "Host\n", "Match\n",
		"ProxyJump ::1\n", "ProxyJump -x\n", "UserKnownHostsFile /%z\n", "Include " + endless + "\n", "\xef\xbb\xbfUser a\n",
	} {
		for name, ssh := range readers() {
			_, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, text), SSH: ssh})
			assert.ErrorAs(t, err, new(*Error), "%s: %s", name, text)
		}
	}
}

func TestBuiltInReaderRejectsSectionsInSettings(t *testing.T) {
	for _, settings := range [][]string{{"Host=a", "Port=1"}, {"Match all"}, {"Include /x"}, {"User=a\nPort=2"}, {"User=\"a"}, {"User"}} {
		_, err := Resolve(t.Context(), "a", Options{ConfigFile: "none", SSH: "none", Settings: settings})
		assert.ErrorAs(t, err, new(*Error), settings)
	}
}
