package tunnel

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kevinburke/ssh_config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reading is a configuration and what the built-in reader makes of it: the
// same hops as ssh, or a refusal.
type reading struct {
	name   string
	config string            // DIR stands for the directory of the files
	files  map[string]string // files to include
	host   string            // if empty, foo
	same   string            // the hops, if both read it alike
	line   string            // file:line, if the reader refuses
	fails  bool              // if ssh refuses too
}

const debian = `
# What holds for every user of this machine.
Include DIR/conf.d/*.conf

Host *
#   ForwardAgent no
#   Port 22
    SendEnv LANG LC_*
    HashKnownHosts yes
    GSSAPIAuthentication yes
`

const fedora = `
Include DIR/conf.d/*.conf
Match final all
	ForwardX11Trusted yes
	GSSAPIAuthentication yes
`

var readings = []reading{
	{name: "nothing", config: "", same: "ME@foo:22"},
	{name: "no newline at the end", config: "Host foo\n  User bob", same: "bob@foo:22"},
	{name: "carriage returns", config: "Host foo\r\n  User bob\r\n  Port 7\r\n", same: "bob@foo:7"},
	{name: "first value wins", config: "User a\nUser b\nHost foo\n User c\n", same: "a@foo:22"},
	{name: "several blocks", config: "Host f*\n User a\nHost foo\n User b\n Port 7\nHost *\n HostName h\n", same: "a@h:7"},
	{name: "several patterns", config: "Host bar f*o baz\n User bob\n", same: "bob@foo:22"},
	{name: "negation after", config: "Host * !foo\n User bob\nHost !bar *\n Port 7\n", same: "ME@foo:7"},
	{name: "negation alone", config: "Host !bar\n User bob\n", same: "ME@foo:22"},
	{name: "commas are no separators", config: "Host foo,bar\n User bob\n", same: "ME@foo:22"},
	{name: "patterns are no regular expressions", config: "Host f.o fo+ [f]oo (foo)\n User bob\n", same: "ME@foo:22"},
	{name: "patterns and case", config: "Host FOO\n User a\nHost foo\n User b\n", host: "FOO", same: "a@foo:22"},
	{name: "keywords and case", config: "HOST foo\n uSeR bob\n PORT 7\n", same: "bob@foo:7"},
	{name: "host name in capitals", config: "HostName H.Example.ORG\n", same: "ME@h.example.org:22"},
	{name: "host name with token", config: "HostName %h.example\n", host: "FOO", same: "ME@foo.example:22"},
	{name: "host name with per cent", config: "HostName %%%h\n", same: "ME@%foo:22"},
	{name: "host name with other token", config: "\nHostName %n\n", line: "config:2", fails: true},
	{name: "a form feed before a keyword", config: "\fUser bob\n", line: "config:1", fails: true},
	{name: "a form feed after a value", config: "Host foo\n Port 7\f\n", line: "config:2"},
	{name: "a blank that is none to ssh", config: "Host \u00a0foo\n User bob\n", line: "config:1"},
	{name: "equals signs", config: "Host=foo\n User=bob\n Port = 7\n HostName =h\n", same: "bob@h:7"},
	{name: "two equals signs", config: "User==bob\n", line: "config:1"},
	{name: "tabs before and after keywords", config: "Host foo\n\tUser\tbob\n \t Port \t 7\n", same: "bob@foo:7"},
	{name: "tab between patterns", config: "Host a\tfoo\n User bob\n", line: "config:1"},
	{name: "quoted pattern", config: "Host \"foo\"\n User bob\n", line: "config:1"},
	{name: "question mark", config: "User a\nHost fo?\n Port 7\n", line: "config:2"},
	{name: "comment after patterns", config: "Host foo # mine\n User bob\n", line: "config:1"},
	{name: "comment after value", config: "User bob # mine\n", line: "config:1"},
	{name: "number sign in value", config: "User bob#1\n", line: "config:1"},
	{name: "comment after number", config: "Port 7 # seven\n", line: "config:1"},
	{name: "quoted value", config: "User \"bob\"\n", line: "config:1"},
	{name: "quoted keyword", config: "\"User\" bob\n", line: "config:1"},
	{name: "two words for one", config: "User bob ross\n", line: "config:1", fails: true},
	{name: "no value", config: "Host foo\n User\n", line: "config:2", fails: true},
	{name: "pattern for no host", config: "Host\n User bob\n", line: "config:1", fails: true},
	{name: "misspelt keyword in another block", config: "Host bar\n HostNam h\n", line: "config:2", fails: true},
	{name: "unknown keyword that is ignored", config: "IgnoreUnknown UseKeychain\nUseKeychain yes\nUser bob\n", line: "config:2"},
	{name: "old name", config: "ChallengeResponseAuthentication no\n", line: "config:1"},
	{name: "keywords of no effect", config: "ForwardAgent yes\nCiphers aes256-ctr\nLocalForward 8080 localhost:80\nUser bob\n", same: "bob@foo:22"},

	{name: "identity files add up", config: "IdentityFile ~/a\nHost bar\n IdentityFile ~/b\nHost foo\n IdentityFile %d/c-%h-%r\n IdentityFile ~/a\n",
		same: "ME@foo:22 ~/a ~/c-foo-ME"},
	{name: "identity file none", config: "IdentityFile none\n", same: "ME@foo:22"},
	{name: "identity file of a variable", config: "IdentityFile ${DIFFERENTIAL}/id\n", same: "ME@foo:22 /variable/id"},
	{name: "identity file with a blank", config: "IdentityFile \"~/a b\"\n", line: "config:1"},
	{name: "identities only", config: "IdentitiesOnly yes\nIdentityFile /k\n", same: "ME@foo:22 /k"},
	{name: "identity agent", config: "IdentityAgent ~/%n-%%.sock\n", same: "ME@foo:22"},
	{name: "identity agent of a variable", config: "IdentityAgent $DIFFERENTIAL\n", same: "ME@foo:22"},
	{name: "no identity agent", config: "IdentityAgent none\n", same: "ME@foo:22"},
	{name: "known hosts", config: "UserKnownHostsFile ~/kh-%k /k\nGlobalKnownHostsFile /g ~/g\n", same: "ME@foo:22"},
	{name: "no known hosts", config: "UserKnownHostsFile none\nGlobalKnownHostsFile none\n", same: "ME@foo:22"},
	{name: "none among known hosts", config: "UserKnownHostsFile /k none\n", line: "config:1", fails: true},
	{name: "alias of host key", config: "HostKeyAlias %hFOO\nUserKnownHostsFile ~/%k\n", same: "ME@foo:22"},

	{name: "booleans", config: "IdentitiesOnly true\nPasswordAuthentication FALSE\nKbdInteractiveAuthentication No\nPubkeyAuthentication NO\nHashKnownHosts Yes\n", same: "ME@foo:22"},
	{name: "public keys bound", config: "PubkeyAuthentication host-bound\n", same: "ME@foo:22"},
	{name: "not a boolean", config: "IdentitiesOnly on\n", line: "config:1", fails: true},
	{name: "policies", config: "Host foo\n StrictHostKeyChecking Accept-New\n", same: "ME@foo:22"},
	{name: "policy off", config: "StrictHostKeyChecking off\n", same: "ME@foo:22"},
	{name: "policy true", config: "StrictHostKeyChecking true\n", same: "ME@foo:22"},
	{name: "no such policy", config: "StrictHostKeyChecking maybe\n", line: "config:1", fails: true},
	{name: "seconds", config: "ConnectTimeout 5\nServerAliveInterval 30\nServerAliveCountMax 0\nNumberOfPasswordPrompts 1\n", same: "ME@foo:22"},
	{name: "no time", config: "ConnectTimeout none\nServerAliveInterval none\n", same: "ME@foo:22"},
	{name: "minutes", config: "ServerAliveInterval 2m\n", line: "config:1"},
	{name: "port of a service", config: "Port ssh\n", line: "config:1"},
	{name: "port none", config: "Port none\n", line: "config:1", fails: true},
	{name: "port 0", config: "Port 0\n", line: "config:1", fails: true},
	{name: "batch mode", config: "BatchMode yes\nServerAliveInterval 20\n", same: "ME@foo:22"},
	{name: "addresses", config: "AddressFamily INET6\nBindAddress ::1\n", same: "ME@foo:22"},
	{name: "user with a token", config: "User %u\n", line: "config:1"},
	{name: "algorithms", config: "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512\nPreferredAuthentications password,publickey\n", same: "ME@foo:22"},
	{name: "algorithms added", config: "HostKeyAlgorithms +ssh-rsa\n", line: "config:1"},
	{name: "algorithms removed", config: "HostKeyAlgorithms -ssh-ed*\n", line: "config:1"},
	{name: "algorithms first", config: "HostKeyAlgorithms ^ssh-rsa\n", line: "config:1"},
	{name: "algorithms by pattern", config: "HostKeyAlgorithms *ed25519\n", line: "config:1"},
	{name: "no such algorithm", config: "HostKeyAlgorithms foo\n", line: "config:1", fails: true},

	{name: "match all", config: "Host bar\n User a\nMatch all\n User b\nHost foo\n Port 7\nmatch ALL\n HostName h\n", same: "b@h:7"},
	{name: "match hosts", config: "Match host foo,bar\n User bob\n", line: "config:1"},
	{name: "match host and user", config: "\nMatch host foo user bob\n Port 7\n", line: "config:2"},
	{name: "match exec", config: "Match exec \"true\"\n User bob\n", line: "config:1"},
	{name: "match original host", config: "Match originalhost foo\n User bob\n", line: "config:1"},
	{name: "match final", config: "Match final all\n User bob\n", line: "config:1"},
	{name: "match nothing", config: "Match\n User bob\n", line: "config:1", fails: true},
	{name: "tag", config: "Tag x\n", line: "config:1", fails: true},
	{name: "canonical names", config: "CanonicalizeHostname yes\nCanonicalDomains invalid\n", line: "config:1"},
	{name: "no canonical names", config: "CanonicalizeHostname no\nCanonicalDomains invalid\n", same: "ME@foo:22"},

	{name: "include in a block", config: "Host foo\n Include DIR/a\n Port 7\nHost bar\n Include DIR/b\n",
		files: map[string]string{"a": "User a\nHostName h\n", "b": "IdentityFile /b\n"}, same: "a@h:7"},
	{name: "blocks of an included file end with it", config: "Host foo\n Include DIR/a\n Port 7\n",
		files: map[string]string{"a": "Host bar\n User a\nHost f*\n HostName h\nHost bar\n"}, same: "ME@h:7"},
	{name: "included match all", config: "Host bar\n Include DIR/a\nHost foo\n Include DIR/b\n User c\n",
		files: map[string]string{"a": "Match all\n User a\n", "b": "Match all\n User b\n"}, same: "b@foo:22"},
	{name: "included files in order", config: "Include DIR/b DIR/a DIR/none DIR/conf.d/*.conf\n",
		files: map[string]string{"a": "User a\nPort 7\n", "b": "User b\n", "conf.d/1.conf": "HostName one\n", "conf.d/2.conf": "HostName two\n"},
		same:  "b@one:7"},
	{name: "error in an included file", config: "User bob\nInclude DIR/a\n", files: map[string]string{"a": "\n\nUser \"a\"\n"}, line: "a:3"},
	{name: "hidden files", config: "Include DIR/conf.d/*\n", files: map[string]string{"conf.d/.x": "User hidden\n", "conf.d/y": "Port 7\n"}, line: "config:1"},
	{name: "hidden directories", config: "Include DIR/*/y\n", files: map[string]string{".d/y": "User hidden\n"}, line: "config:1"},
	{name: "classes of characters", config: "Include DIR/[!a]\n", files: map[string]string{"a": "User a\n", "b": "User b\n"}, line: "config:1"},
	{name: "hidden files on purpose", config: "Include DIR/conf.d/.*x\n", files: map[string]string{"conf.d/.x": "User hidden\n"}, same: "hidden@foo:22"},
	{name: "files that include each other", config: "Include DIR/a\n", files: map[string]string{"a": "Include DIR/a\n"}, line: "a: too many", fails: true},
	{name: "Debian's file", config: debian, files: map[string]string{"conf.d/x.conf": "User bob\n", "conf.d/x": "Port 7\n"}, same: "bob@foo:22"},
	{name: "Fedora's file", config: fedora, files: map[string]string{"conf.d/x.conf": "User bob\n"}, line: "config:3"},

	{name: "jump", config: "Host foo\n User a\n ProxyJump b@j:7\nHost j\n HostName j.example\n Port 8\n User c\n", same: "b@j.example:7 a@foo:22"},
	{name: "jump with a token", config: "Host foo\n ProxyJump gw-%h\nHost gw-foo\n Port 8\n", same: "ME@gw-foo:8 ME@foo:22"},
	{name: "several jumps", config: "Host foo\n ProxyJump a,[::1]:7,ssh://u@b:8\n", same: "ME@a:22 ME@[::1]:7 u@b:8 ME@foo:22"},
	{name: "jump none", config: "Host foo\n ProxyJump none\nHost *\n ProxyJump j\n", same: "ME@foo:22"},
	{name: "jump in a circle", config: "Host *\n ProxyJump j\n", line: "does ProxyJump lead in a circle", fails: true},
	{name: "jump list with a blank", config: "Host foo\n ProxyJump a, b\n", line: "config:2", fails: true},
	{name: "jump to what is none", config: "Host foo\n ProxyJump a,\n", line: "destination", fails: true},
	{name: "proxy command after jump", config: "Host foo\n ProxyJump j\n ProxyCommand nc %h %p\n", line: "both ProxyJump and ProxyCommand"},
	{name: "jump after proxy command none", config: "ProxyCommand none\nHost foo\n ProxyJump j\n", line: "both ProxyJump and ProxyCommand"},
	{name: "proxy command of another", config: "Host bar\n ProxyCommand nc %h %p\nHost foo\n ProxyCommand none\n", same: "ME@foo:22"},
	{name: "proxy command", config: "Host foo\n ProxyCommand nc %h %p\n", line: "ProxyCommand is set (nc %h %p)", fails: true},
	{name: "proxy command of a jump host", config: "Host foo\n ProxyJump j\nHost j\n ProxyCommand nc %h %p\n", line: "ProxyCommand is set", fails: true},
	{name: "command for known hosts", config: "KnownHostsCommand /bin/false %H\n", line: "KnownHostsCommand is set", fails: true},
	{name: "revoked host keys", config: "RevokedHostKeys /r\n", line: "RevokedHostKeys is set", fails: true},
}

func TestFilesAreReadAsSSHDoesOrRefused(t *testing.T) {
	program := needSSH(t)
	t.Setenv("DIFFERENTIAL", "/variable")
	usual, err := Resolve(t.Context(), "foo", Options{SSH: program, ConfigFile: "none"})
	require.NoError(t, err)
	for _, r := range readings {
		t.Run(r.name, func(t *testing.T) {
			file := r.write(t)
			host := r.host
			if host == "" {
				host = "foo"
			}
			want, asked := Resolve(t.Context(), host, Options{SSH: program, ConfigFile: file})
			got, read := Resolve(t.Context(), host, Options{SSH: "none", ConfigFile: file})
			if r.line != "" {
				var refusal *ConfigError
				require.ErrorAs(t, read, &refusal)
				assert.Contains(t, refusal.Text, r.line)
				assert.Equal(t, r.fails, asked != nil, "by ssh: %v", asked)
				return
			}
			require.NoError(t, asked)
			require.NoError(t, read)
			assert.Equal(t, r.same, summary(t, got))
			assert.Equal(t, comparable(want, usual[0]), comparable(got, usual[0]))
		})
	}
}

func TestWithoutFilesTheDefaultsAreOpenSSHs(t *testing.T) {
	program := needSSH(t)
	want, err := Resolve(t.Context(), "foo", Options{SSH: program, ConfigFile: "none"})
	require.NoError(t, err)
	got, err := Resolve(t.Context(), "foo", Options{SSH: "none", ConfigFile: "none"})
	require.NoError(t, err)
	assert.Equal(t, comparable(want, want[0]), comparable(got, want[0]))
	assert.False(t, got[0].IdentityFilesSet)
	assert.NotEmpty(t, got[0].IdentityFiles)
}

func TestTheCommandLineIsReadAsSSHDoesOrRefused(t *testing.T) {
	program := needSSH(t)
	file := reading{config: "User config\nPort 9\nIdentityFile /config\n"}.write(t)
	usual, err := Resolve(t.Context(), "foo", Options{SSH: program, ConfigFile: "none"})
	require.NoError(t, err)
	for _, o := range []Options{
		{User: "letter", Settings: []string{"User=setting", "Port 7"}},
		{Port: 8, AddressFamily: "inet", IdentityFiles: []string{file}, Settings: []string{"Port=7", "AddressFamily=inet6", "IdentityFile=/o"}},
		{Jump: "a@j:7", Settings: []string{" StrictHostKeyChecking = no "}},
		{Jump: "none", Settings: []string{"UserKnownHostsFile none"}},
		{Jump: "none,j"},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			o.ConfigFile, o.SSH = file, program
			want, err := Resolve(t.Context(), "foo", o)
			require.NoError(t, err)
			o.SSH = "none"
			got, err := Resolve(t.Context(), "foo", o)
			require.NoError(t, err)
			assert.Equal(t, comparable(want, usual[0]), comparable(got, usual[0]))
		})
	}
	for _, setting := range []string{"", "User", "User=\"a\"", "User=a b", "Match=all", "Host=foo", "Include=/x", "ServerAliveInterval=1m", "Nonsense=1", "User=a\nPort=7"} {
		_, err := Resolve(t.Context(), "foo", Options{SSH: "none", ConfigFile: "none", Settings: []string{setting}})
		assert.ErrorContains(t, err, "-o "+setting)
	}
}

func TestFilesThatWereNamedMustBeThere(t *testing.T) {
	for _, ssh := range programs(t) {
		_, err := Resolve(t.Context(), "foo", Options{SSH: ssh, ConfigFile: filepath.Join(t.TempDir(), "missing")})
		var refusal *ConfigError
		require.ErrorAs(t, err, &refusal)
		assert.Contains(t, refusal.Text, "missing")
	}
}

// What ssh knows today must not be refused as misspelt.
func TestEveryKeywordOfSSHIsKnown(t *testing.T) {
	out, err := exec.Command(needSSH(t), "-G", "-F", "none", "foo").Output()
	require.NoError(t, err)
	known := strings.Fields(unused)
	for keyword := range parseSettings(string(out)) {
		if forms[keyword] == nil {
			assert.Contains(t, known, keyword)
		}
	}
	assert.Equal(t, slices.Compact(slices.Sorted(slices.Values(known))), known, "in order, each once")
}

func TestFilesThatAreRead(t *testing.T) {
	home := t.TempDir()
	assert.Empty(t, configFiles("none", home))
	assert.Equal(t, []configFile{{name: "x", required: true}}, configFiles("x", home))
	usual := configFiles("", home)
	require.Len(t, usual, 2)
	assert.Equal(t, configFile{name: filepath.Join(home, ".ssh", "config")}, usual[0])
	assert.True(t, usual[1].system)

	s := make(settings)
	require.NoError(t, s.addFile(usual[0], "foo", home), "it need not be there")
	assert.Empty(t, s)
}

func TestRelativeNamesInTheSystemsFileAreRefused(t *testing.T) {
	f := configFile{system: true}
	assert.NotEmpty(t, f.relative("conf.d/x"))
	assert.NotEmpty(t, f.relative("~/x"))
	assert.Empty(t, f.relative("/etc/ssh/conf.d/*.conf"))
	f.system = false
	assert.Empty(t, f.relative("conf.d/x ~/x"))
	assert.NotEmpty(t, f.relative("~bob/x"))
	assert.NotEmpty(t, f.relative("%d/x"))
	assert.NotEmpty(t, f.relative("${HOME}/x"))
}

func TestSplitKeyword(t *testing.T) {
	for line, want := range map[string][2]string{
		"User bob": {"user", "bob"}, "User=bob": {"user", "bob"}, "USER \t=\t bob ross": {"user", "bob ross"}, "User==bob": {"user", "=bob"},
		"User": {"user", ""}, "User=": {"user", ""}, "=bob": {"", "bob"}, "": {"", ""}, "Host a = b": {"host", "a = b"},
	} {
		keyword, value := splitKeyword(line)
		assert.Equal(t, want, [2]string{keyword, value}, line)
	}
}

// A line that passes inspection is read by the reader as it was inspected.
func FuzzSplitKeyword(f *testing.F) {
	for _, r := range readings {
		for line := range strings.Lines(r.config) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		content := strings.Trim(line, blanks)
		if strings.Contains(content, "\n") || content == "" || strings.HasPrefix(content, "#") {
			return
		}
		keyword, value := splitKeyword(content)
		if misread(keyword, value) != "" || slices.Contains([]string{"host", "match", "include"}, keyword) {
			return
		}
		config, err := ssh_config.DecodeBytes([]byte(line))
		require.NoError(t, err)
		values, err := config.GetAll("foo", keyword)
		require.NoError(t, err)
		assert.Len(t, config.Hosts, 1)
		assert.Len(t, values, 1)
		if forms[keyword] != nil {
			assert.Equal(t, []string{value}, values)
		}
	})
}

// write writes the configuration and returns the name of its file.
func (r reading) write(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range r.files {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
	}
	name := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(r.config, "DIR", dir)), 0o600))
	return name
}

// needSSH returns the ssh program, and skips the test where there is none.
func needSSH(t *testing.T) string {
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no ssh to compare with")
	}
	if exec.Command(program, "-G", "-F", "none", "foo").Run() != nil {
		t.Skip("an ssh that has no -G")
	}
	return program
}

// programs returns the ways to read a configuration that there are here.
func programs(t *testing.T) []string {
	if program, err := exec.LookPath("ssh"); err == nil {
		return []string{"none", program}
	}
	t.Log("no ssh to ask")
	return []string{"none"}
}

// comparable returns hops without what differs between versions of ssh: key
// files of types that are gone, and the list of algorithms when it is the usual.
func comparable(hops []Hop, usual Hop) []Hop {
	hops = slices.Clone(hops)
	for i := range hops {
		hops[i].IdentityFiles = slices.DeleteFunc(slices.Clone(hops[i].IdentityFiles), func(f string) bool {
			return slices.Contains([]string{"id_xmss", "id_dsa", "id_mldsa44_ed25519"}, filepath.Base(f))
		})
		if len(hops[i].IdentityFiles) == 0 {
			hops[i].IdentityFiles = nil
		}
		if slices.Equal(hops[i].HostKeyAlgorithms, usual.HostKeyAlgorithms) || len(hops[i].HostKeyAlgorithms) == 0 {
			hops[i].HostKeyAlgorithms = nil
		}
	}
	return hops
}

// summary says where hops lead, and with which configured keys.
func summary(t *testing.T, hops []Hop) string {
	me, err := user.Current()
	require.NoError(t, err)
	var words []string
	for _, h := range hops {
		words = append(words, h.User+"@"+h.Addr())
		if h.IdentityFilesSet {
			words = append(words, h.IdentityFiles...)
		}
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], me.HomeDir, "~")
		words[i] = strings.ReplaceAll(words[i], me.Username, "ME")
	}
	return strings.Join(words, " ")
}
