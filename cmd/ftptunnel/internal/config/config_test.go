package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const whole = `
# A comment.
[defaults]
max-clients = 100
option = ["ConnectTimeout=5"]

[tunnel.payroll]
gateway = ["alice@gw1", "alice@gw2"]
server  = "ftp.internal"
listen  = "127.0.0.1:2121"
max-clients = 7
drain-timeout = "1m"

[tunnel.many]
gateway = "gw3"
dynamic = "127.0.0.1:2200"
allow-target = ["*.internal", "10.0.0.0/8:21"]
option = []
port = 2222
fxp = true

[tunnel]
short = { gateway = "gw4", listen = ["2300", "2301:other:2100"] }

[log]
format  = "json"
verbose = 1
`

func TestFileHasTunnelsWithTheirDefaults(t *testing.T) {
	f, err := Read(file(t, whole), nil, settings.CommandLine{})
	require.NoError(t, err)
	require.Len(t, f.Tunnels, 3)
	payroll, many, short := f.Tunnels[0].Settings, f.Tunnels[1].Settings, f.Tunnels[2].Settings
	assert.Equal(t, []string{"payroll", "many", "short"}, []string{f.Tunnels[0].Name, f.Tunnels[1].Name, f.Tunnels[2].Name})

	assert.Equal(t, []string{"alice@gw1", "alice@gw2"}, payroll.Gateways)
	assert.Equal(t, []settings.Forward{{Listen: "127.0.0.1:2121", Server: "ftp.internal:21"}}, payroll.Forwards)
	assert.Equal(t, 7, payroll.FTP.MaxClients)
	assert.Equal(t, time.Minute, payroll.FTP.DrainTimeout)
	assert.Equal(t, []string{"ConnectTimeout=5"}, payroll.SSH.Settings)

	assert.Equal(t, []settings.Forward{{Listen: "127.0.0.1:2200"}}, many.Forwards)
	assert.Equal(t, 100, many.FTP.MaxClients)
	assert.Len(t, many.FTP.Targets, 2)
	assert.Empty(t, many.SSH.Settings, "an empty list replaces that of the defaults")
	assert.Equal(t, 2222, many.SSH.Port)
	assert.True(t, many.FTP.ForeignPorts)

	assert.Equal(t, []settings.Forward{{Listen: "localhost:2300", Server: "localhost:21"}, {Listen: "localhost:2301", Server: "other:2100"}}, short.Forwards)
	assert.Equal(t, settings.Log{JSON: true, Level: slog.LevelDebug}, f.Log)
}

func TestFileMayBeginWithByteOrderMarkAndHaveCRLF(t *testing.T) {
	f, err := Read(file(t, "\ufeff[tunnel.a]\r\ngateway = 'gw'\r\n"), nil, settings.CommandLine{})
	require.NoError(t, err)
	assert.Equal(t, []string{"gw"}, f.Tunnels[0].Settings.Gateways)
}

func TestNamesChooseTunnels(t *testing.T) {
	path := file(t, whole)
	f, err := Read(path, []string{"short", "payroll"}, settings.CommandLine{})
	require.NoError(t, err)
	require.Len(t, f.Tunnels, 2)
	assert.Equal(t, "payroll", f.Tunnels[0].Name, "in the order of the file")
	_, err = Read(path, []string{"payrol"}, settings.CommandLine{})
	assert.EqualError(t, err, path+": there is no tunnel payrol")
	var wrong *settings.Error
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "payroll, perhaps", wrong.Hint)
}

func TestTypedLogFlagsReplaceKeys(t *testing.T) {
	typed := func(name, value string) settings.CommandLine {
		return settings.CommandLine{Flags: []settings.Flag{{Name: name, Value: value}}}
	}
	for value, want := range map[string]slog.Level{"verbose = 2": settings.LevelLine, "quiet = true": slog.LevelWarn, "": slog.LevelInfo} {
		path := file(t, "[tunnel.a]\ngateway = 'gw'\n[log]\n"+value)
		f, err := Read(path, nil, settings.CommandLine{})
		require.NoError(t, err)
		assert.Equal(t, want, f.Log.Level)
		f, err = Read(path, nil, typed("verbose", "1"))
		require.NoError(t, err)
		assert.Equal(t, slog.LevelDebug, f.Log.Level, value)
		f, err = Read(path, nil, typed("log-format", "json"))
		require.NoError(t, err)
		assert.Equal(t, settings.Log{JSON: true, Level: want}, f.Log, value)
	}
}

// Each is refused, with the line, the key and what to do.
func TestWrongFileIsRefused(t *testing.T) {
	const gw = "[tunnel.a]\ngateway = 'gw'\n"
	for text, want := range map[string]string{ // line: error | hint
		"":                                                    ": there is no tunnel in the file | [tunnel.NAME] and",
		gw + "max-client = 1\n":                               ":3: tunnel.a.max-client: there is no such key | max-clients, perhaps",
		gw + "gatewya = 'x'\n":                                ":3: tunnel.a.gatewya: there is no such key | gateway, perhaps",
		gw + "frobnicate = 1\n":                               ":3: tunnel.a.frobnicate: there is no such key | keys are the names of the flags",
		gw + "log-format = 'json'\n":                          ":3: tunnel.a.log-format: there is no such key | format, below [log]",
		gw + "verbose = 1\n":                                  ":3: tunnel.a.verbose: there is no such key | verbose, below [log]",
		gw + "max-clients = '7'\n":                            `:3: tunnel.a.max-clients: takes a number | such as max-clients = 10`,
		gw + "max-clients = 1.5\n":                            `:3: tunnel.a.max-clients: takes a number | `,
		gw + "max-clients = 0\n":                              `:3: tunnel.a.max-clients: --max-clients must be positive | `,
		gw + "drain-timeout = 30\n":                           `:3: tunnel.a.drain-timeout: takes a time with its unit, in quotation marks | such as drain-timeout = "30s"`,
		gw + "drain-timeout = '30'\n":                         `:3: tunnel.a.drain-timeout: takes a time with its unit, in quotation marks, not "30" | `,
		gw + "fxp = 'yes'\n":                                  `:3: tunnel.a.fxp: takes true or false | such as fxp = true`,
		gw + "server = ['a', 'b']\n":                          `:3: tunnel.a.server: takes text in quotation marks | `,
		gw + "listen = [2121]\n":                              `:3: tunnel.a.listen: takes text in quotation marks, or a list of such texts | such as listen = ["..."]`,
		gw + "listen = 2121\n":                                `:3: tunnel.a.listen: takes text in quotation marks, or`,
		gw + "server = \"a\\nb\"\n":                           `:3: tunnel.a.server: not the address of an FTP server: "a\nb" | `,
		gw + "server = 'a:b'\n":                               `:3: tunnel.a.server: not the address of an FTP server: "a:b" | `,
		gw + "ipv4 = true\nipv6 = true\n":                     `:4: tunnel.a.ipv6: -4 and -6 contradict each other | `,
		gw + "listen = '1:b:21'\nserver='c'":                  `:4: tunnel.a.server: both -L and c name the FTP server | leave out one of them`,
		gw + "allow-target = 'x'\n":                           `:3: tunnel.a.allow-target: --allow-target needs -D`,
		gw + "gateway = 'x'\n":                                `:3: key gateway is already defined | `,
		gw + "listen = \n":                                    ":3: unexpected character",
		gw + "[log]\nformat = 'xml'\n":                        `:4: log.format: unknown log format "xml" | --log-format=text`,
		gw + "[log]\nverbose = 1\nquiet=true":                 `:5: log.quiet: -q and -v contradict each other | `,
		gw + "[log]\nverbose = -1\n":                          `:4: log.verbose: -v counts from 0 | `,
		gw + "[log]\nlevel = 'info'\n":                        `:4: log.level: there is no such key | `,
		gw + "[logs]\n":                                       `:3: logs: there is no such table or key | [log], perhaps`,
		gw + "[[tunnel.b]]\ngateway = 'x'\n":                  `:3: tunnel.b: this is a list of tables, in two brackets | one bracket: [tunnel.b]`,
		gw + "[tunnel.a.x]\n":                                 `:3: tunnel.a.x: there is no such table | keys of a tunnel are below [tunnel.NAME]`,
		gw + "x.y = 1\n":                                      `:3: tunnel.a.x.y: there is no such table | `,
		"gateway = 'gw'\n":                                    `:1: gateway: there is no such table or key | it belongs to [tunnel.NAME], or to [defaults]`,
		"tunnel = 'gw'\n":                                     `:1: tunnel: this is a table, not a key | [tunnel.NAME] on a line of its own`,
		"[tunnel]\na = 'gw'\n":                                `:2: tunnel.a: this is a table, not a key | [tunnel.NAME] on a line of its own`,
		"log = 1\n" + gw:                                      `:1: log: this is a table, not a key | [log] on a line of its own`,
		"[tunnel.a]\nserver = 'ftp'\n":                        `:1: tunnel.a: no gateway is given | gateway = `,
		"[tunnel.a]\ngateway = ['b,c']\n":                     `:2: tunnel.a.gateway: takes text`,
		"[tunnel.a]\ngateway = ['b', 'b']\n":                  `:2: tunnel.a.gateway: b is given twice`,
		"[tunnel.'a/b']\ngateway = 'gw'\n":                    `:1: not a name for a tunnel: "a/b" | `,
		"[defaults]\nmax-client = 1\n" + gw:                   `:2: defaults.max-client: there is no such key | max-clients, perhaps`,
		"[defaults]\nmax-clients = 0\n" + gw:                  `:2: defaults.max-clients: --max-clients must be positive | `,
		gw + "[tunnel.b]\ngateway = 'gw'\n":                   `:3: tunnel.b: localhost:2121 is the port of tunnel.a too | listen = `,
		gw + "[tunnel.b]\ngateway = 'gw'\ndynamic = '*:2121'": `:5: tunnel.b.dynamic: :2121 is the port of tunnel.a too | `,
		gw + "listen = ['1:a:21', '1:b:21']":                  `:3: tunnel.a.listen: localhost:1 is given twice | `,
	} {
		path := file(t, text)
		_, err := Read(path, nil, settings.CommandLine{})
		var wrong *settings.Error
		if !assert.ErrorAs(t, err, &wrong, text) {
			continue
		}
		says, hint, _ := strings.Cut(want, " | ")
		assert.True(t, strings.HasPrefix(err.Error(), path+says), "%s\n%s\n%s", text, err, says)
		assert.True(t, strings.HasPrefix(wrong.Hint, hint), "%s: %s", text, wrong.Hint)
		assert.NotEmpty(t, wrong.Hint, text)
	}
}

func TestPortsOverlap(t *testing.T) {
	for pair, want := range map[string]bool{
		"127.0.0.1:1 127.0.0.1:1": true,
		"127.0.0.1:1 127.0.0.1:2": false,
		"127.0.0.1:0 127.0.0.1:0": false,
		"127.0.0.1:1 127.0.0.2:1": false,
		"127.0.0.1:1 0.0.0.0:1":   true,
		"127.0.0.1:1 [::]:1":      false,
		"[::1]:1 [::]:1":          true,
		"[::1]:1 :1":              true,
		"10.0.0.1:01 :1":          true,
		"localhost:1 localhost:1": true,
		"localhost:1 127.0.0.1:1": true,
		"localhost:1 [::1]:1":     true,
		"localhost:1 [::]:1":      true,
		"localhost:1 127.0.0.2:1": false,
		"localhost:1 10.0.0.1:1":  false,
	} {
		a, b, _ := strings.Cut(pair, " ")
		assert.Equal(t, want, overlap(a, b), pair)
		assert.Equal(t, want, overlap(b, a), pair)
	}
}

func TestFileThatOthersMayWriteIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are access control lists")
	}
	path := file(t, whole)
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o440: false, 0o620: true, 0o602: true, 0o666: true} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := Read(path, nil, settings.CommandLine{})
		if refused {
			assert.EqualError(t, err, path+": other users may write to the file", mode)
		} else {
			assert.NoError(t, err, mode)
		}
	}
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(path, 65534, 0))
		require.NoError(t, os.Chmod(path, 0o600))
		_, err := Read(path, nil, settings.CommandLine{})
		assert.EqualError(t, err, path+": the file belongs to another user")
	}
}

func TestMissingFileIsReported(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(filepath.Join(dir, "none.toml"), nil, settings.CommandLine{})
	assert.EqualError(t, err, filepath.Join(dir, "none.toml")+": the configuration file does not exist")
	_, err = Read(dir, nil, settings.CommandLine{})
	assert.EqualError(t, err, dir+": this is a directory")
}

func TestUsersFileIsFoundBeforeThatOfTheMachine(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no XDG_CONFIG_HOME")
	}
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if _, err := os.Stat(system); os.IsNotExist(err) {
		_, err := Find()
		assert.EqualError(t, err, "there is no configuration file "+dir+"/ftptunnel/config.toml, nor /etc/ftptunnel/config.toml")
	}
	mine := filepath.Join(dir, "ftptunnel", "config.toml")
	require.NoError(t, os.MkdirAll(filepath.Dir(mine), 0o700))
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	path, err := Find()
	require.NoError(t, err)
	assert.Equal(t, mine, path)

	t.Setenv("XDG_CONFIG_HOME", "relative") // which is to be ignored
	t.Setenv("HOME", dir)
	require.NoError(t, os.Rename(filepath.Join(dir, "ftptunnel"), filepath.Join(dir, "x")))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".config"), 0o700))
	require.NoError(t, os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, ".config", "ftptunnel")))
	path, err = Find()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, ".config", "ftptunnel", "config.toml"), path)
}

func FuzzRead(f *testing.F) {
	f.Add(whole)
	f.Add("[tunnel.a]\ngateway = 'gw'\n")
	f.Add("[[tunnel.a]]\n[tunnel]\nx.y.z = {a = [1, {b = 2}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := &reader{path: "f"}
		file, err := r.read([]byte(text))
		if err == nil {
			assert.NotEmpty(t, file.Tunnels)
			return
		}
		assert.NotEmpty(t, err.Error())
	})
}
