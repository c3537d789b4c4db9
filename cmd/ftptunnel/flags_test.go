package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/cmd/ftptunnel/internal/settings"
	"example.org/ftptunnel/ftpfwd"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// parsed parses a command line without running anything.
func parsed(t *testing.T, args ...string) (*program, error) {
	t.Helper()
	p := &program{in: settings.Defaults()}
	root := p.command()
	require.NoError(t, root.ParseFlags(args))
	return p, p.parse(root, root.Flags().Args(), settings.DefaultListen)
}

func TestArgumentsNameGatewayAndServer(t *testing.T) {
	for line, want := range map[string]string{ // each port and its server
		"gw":                              "localhost:2121 localhost:21",
		"gw ftp.internal":                 "localhost:2121 ftp.internal:21",
		"gw ftp.internal:2100":            "localhost:2121 ftp.internal:2100",
		"gw 10.0.0.5":                     "localhost:2121 10.0.0.5:21",
		"gw fd00::5":                      "localhost:2121 [fd00::5]:21",
		"gw [fd00::5]:2100":               "localhost:2121 [fd00::5]:2100",
		"-L 2100:ftp.internal:21 gw":      "localhost:2100 ftp.internal:21",
		"gw -L 0:localhost:21":            "localhost:0 localhost:21",
		"-L 10.0.0.1:2100:f:21 gw":        "10.0.0.1:2100 f:21",
		"-L *:2100:f:21 gw":               ":2100 f:21",
		"-L localhost:2100:f:21 gw":       "localhost:2100 f:21",
		"-L [::1]:2100:[fd00::5]:21 gw":   "[::1]:2100 [fd00::5]:21",
		"-L 1100:a:21 -L 1101:b:2100 gw":  "localhost:1100 a:21, localhost:1101 b:2100",
		"-N -L 2121:ftp.internal:21 gw":   "localhost:2121 ftp.internal:21", // as with ssh
		"-L 2100 gw":                      "localhost:2100 localhost:21",
		"-L *:2100 gw ftp.internal":       ":2100 ftp.internal:21",
		"-L [::1]:0 -L 1:b:2 gw a":        "[::1]:0 a:21, localhost:1 b:2",
		"-L 1 -D 2 gw a":                  "localhost:1 a:21, localhost:2 ",
		"-D 2121 gw":                      "localhost:2121 ",
		"-nNT -L 2121:ftp.internal:21 gw": "localhost:2121 ftp.internal:21",
		"-gN -L 2121:ftp.internal:21 gw":  ":2121 ftp.internal:21",
		"-g -L localhost:1:a:21 -D 2 gw":  "localhost:1 a:21, :2 ",
		"-g gw":                           ":2121 localhost:21",
		"-D *:2121 -L 1100:a:21 gw":       "localhost:1100 a:21, :2121 ",
		"-D [::1]:0 gw":                   "[::1]:0 ",
	} {
		p, err := parsed(t, strings.Fields(line)...)
		require.NoError(t, err, line)
		assert.Equal(t, []string{"gw"}, p.settings.Gateways, line)
		var forwards []string
		for _, f := range p.settings.Forwards {
			forwards = append(forwards, f.Listen+" "+f.Server)
		}
		assert.Equal(t, want, strings.Join(forwards, ", "), line)
	}
}

func TestFlagsHaveTheirSSHMeaning(t *testing.T) {
	p, err := parsed(t, "-i", "a", "-ib", "-p2222", "-l", "bob", "-F", "cfg", "-J", "j1,j2", "-o", "A=b", "-oC=d", "-6", "-vv", "gw")
	require.NoError(t, err)
	assert.Equal(t, sshconfig.Options{
		IdentityFiles: []string{"a", "b"}, Port: 2222, User: "bob", ConfigFile: "cfg", Jump: "j1,j2",
		Settings: []string{"A=b", "C=d"}, AddressFamily: "inet6",
	}, p.settings.SSH)
	assert.Equal(t, settings.LevelLine, p.settings.Log.Level)
}

// Each is refused before anything is done, with status 2, one error line and a
// hint.
func TestInvalidCommandLinesExitWith2AndHint(t *testing.T) {
	for line, says := range map[string]string{
		"":               "no gateway given",
		"gw a b":         "too many arguments",
		"-4 -6 gw":       "contradict",
		"-q -v gw":       "-q and -v contradict each other",
		"gw1,gw1 ftp":    `gw1 is given twice in "gw1,gw1"`,
		"a,b@c,,d gw":    "empty gateway name",
		"a,b@c,d,b@c gw": `b@c is given twice`,
		"--active-address=10.1.2.3 --server-mode=passive gw": "--active-address is for active mode",
		"--pasv-address=reply --server-mode=active gw":       "--pasv-address is for passive mode",
		"-L +2121:a:21 gw":                "cannot parse -L",
		"gw ftp:+21":                      "not the address of an FTP server",
		"--log-format=xml gw":             `unknown log format "xml"`,
		"-p 70000 gw":                     "no such port: 70000",
		"-p x gw":                         `--port takes a number, not "x"`,
		"-L 2121:a:21 gw b":               "both -L and b name the FTP server",
		"-L 70000 gw":                     "cannot parse -L 70000",
		"-L 2121 -D x gw b":               "cannot parse -D x",
		"-L 2121:a gw":                    "cannot parse -L 2121:a",
		"-L x:a:21 gw":                    "cannot parse -L x:a:21",
		"-L 1:2:3:4:5 gw":                 "cannot parse -L",
		"-L 2121:a:0 gw":                  "cannot parse -L",
		"-L [::1:2121:a:21 gw":            "cannot parse -L",
		"gw ftp://host/":                  "not the address of an FTP server",
		"gw host:x":                       "not the address of an FTP server",
		"gw user@host":                    "not the address of an FTP server",
		"-D 2121 gw ftp.internal":         "with -D each login names its FTP server",
		"-D x gw":                         "cannot parse -D x",
		"-D 1:2:3 gw":                     "cannot parse -D 1:2:3",
		"--allow-target=a gw":             "--allow-target needs -D",
		"-D 1 --allow-target=a/b gw":      "--allow-target: ",
		"--server-mode=both gw":           `unknown server mode "both"`,
		"--active-address=gw gw":          "not an IP address: --active-address=gw",
		"--active-address=0.0.0.0 gw":     "not an IP address",
		"--pasv-address=server gw":        "cannot parse --pasv-address=server",
		"--server-mode=active gw ftp":     "active mode needs an address",
		"--frobnicate gw":                 "unknown flag",
		"-fNT gw":                         "-f: ftptunnel does not go to the background by itself",
		"-CN gw":                          "-C: the SSH connection is not compressed",
		"-X gw":                           "unknown shorthand flag",
		"run gw":                          "no command to run",
		"run gw --":                       "no command to run",
		"run -- true":                     "no gateway given",
		"run -L 1:a:21 -L 2:b:21 gw -- x": "a command is run with one FTP server",
		"--drain-timeout=5 gw":            `--drain-timeout takes a time with its unit, not "5"`,
		"--max-clients=1e3 gw":            `--max-clients takes a number, not "1e3"`,
		"-p 99999999999999999999 gw":      "--port takes a smaller number",
		"--fxp=maybe gw":                  `--fxp takes no value, not "maybe"`,
		"-p":                              "flag needs an argument",
		"-i /nonexistent gw":              "identity file: /nonexistent does not exist",
		"-i . gw":                         "identity file: .: is a directory",
		"-i flags_test.go gw":             "identity file: flags_test.go has no key",
		"-F /nonexistent gw":              "configuration file: /nonexistent does not exist",
		"-o Foo=bar gw":                   "oo",
		"-F none -J j:x gw":               "",
		"gw:22 ftp":                       `destination "gw:22": a name with a port`,
		"@gw":                             `destination "@gw": no user name before the @`,
		"completion tcsh":                 `no completion for "tcsh"`,
		"--allow-user=no-such-user gw":    "there is no user no-such-user",
	} {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), strings.Fields(line), &stdout, &stderr)
		assert.Equal(t, 2, status, line)
		assert.Empty(t, stdout.String(), line)
		lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
		require.Len(t, lines, 2, "%s: %s", line, stderr.String())
		assert.True(t, strings.HasPrefix(lines[0], "error: ") && strings.Contains(lines[0], says), lines[0])
		assert.True(t, strings.HasPrefix(lines[1], "hint: "), lines[1])
	}
}

func TestDataFlagsSetForwarderOptions(t *testing.T) {
	p, err := parsed(t, "--server-mode=client", "--active-address=10.1.2.3", "--pasv-address=10.1.0.0/16, fd00::/8", "--fxp",
		"--data-timeout=1m", "-D", "2121", "--allow-target=*.internal", "--allow-target=10.0.0.0/8:21", "gw")
	require.NoError(t, err)
	f := p.settings.FTP
	assert.Equal(t, ftpfwd.Exact, f.ServerMode)
	assert.Equal(t, "10.1.2.3", f.ActiveAddress.String())
	assert.Equal(t, "[10.1.0.0/16 fd00::/8]", fmt.Sprint(f.ReplyNetworks))
	assert.True(t, f.ForeignPorts)
	assert.Equal(t, time.Minute, f.DataTimeout)
	assert.Len(t, f.Targets, 2)
}

func TestServerModeFlagAcceptsEveryMode(t *testing.T) {
	for _, mode := range []string{"auto", "passive", "active", "client"} {
		p, err := parsed(t, "--server-mode="+mode, "gw")
		require.NoError(t, err, mode)
		assert.EqualValues(t, mode, p.settings.FTP.ServerMode)
	}
}

func TestHelpShowsUsageAndFlags(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		var stdout, stderr bytes.Buffer
		assert.Zero(t, run(context.Background(), args, &stdout, &stderr))
		assert.Contains(t, stdout.String(), "[user@]gateway [ftp-host[:port]]")
		assert.Contains(t, stdout.String(), "-L, --listen [bind:]port[:ftp-host:ftp-port]")
		assert.Empty(t, stderr.String())
	}
}

func TestCompletionLeavesFilesToTheCommandOfRun(t *testing.T) {
	for line, directive := range map[string]string{
		"run gw -- lftp -f ": ":0", // names of files
		"gw ":                ":4", // none: an FTP server
	} {
		var stdout, stderr bytes.Buffer
		words := strings.Split(line, " ")
		assert.Zero(t, run(context.Background(), append([]string{"__complete"}, words...), &stdout, &stderr))
		assert.Equal(t, directive, strings.TrimSpace(stdout.String()), line)
	}
}

func TestHintsOfCommandLineRepeatIt(t *testing.T) {
	for line, hint := range map[string]string{
		"-p 2222 gw localhost 21":        "give the port with a colon: ftptunnel --port=2222 gw localhost:21",
		"run -q gw localhost 21 -- curl": "give the port with a colon: ftptunnel run --quiet gw localhost:21 -- curl",
		"-p 2222 gw ftp lftp":            "to run a command with a tunnel: ftptunnel run --port=2222 gw ftp -- lftp",
		"run -p 2222 gw":                 "ftptunnel run --port=2222 gw -- command args",
		"-i k -L 2121:a:21 gw b":         "leave out one of them: ftptunnel --identity=k --listen=2121:a:21 gw",
		"-i k -D 2121 gw b":              "leave it out: ftptunnel --identity=k --dynamic=2121 gw",
		"check -i k -D 2121 gw":          "ftptunnel check --identity=k gw ftp-host",
		"check -i k gw1,gw2 ftp":         "ftptunnel check --identity=k gw1 ftp",
		"-l bob gw:2200 ftp":             "give the port with -p: ftptunnel --login=bob --port=2200 gw ftp",
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, 2, run(context.Background(), strings.Fields(line), &stdout, &stderr), line)
		assert.Contains(t, stderr.String(), "hint: "+hint+"\n", line)
	}
}

// People try the words of other programs.
func TestHelpAndVersionAreNoHosts(t *testing.T) {
	for line, want := range map[string]string{
		"help": "ftptunnel [flags] [user@]gateway", "help run": "ftptunnel run [flags]", "help check": "ftptunnel check [flags]",
		"version": "ftptunnel version ",
	} {
		var stdout, stderr bytes.Buffer
		assert.Zero(t, run(context.Background(), strings.Fields(line), &stdout, &stderr), line)
		assert.Contains(t, stdout.String(), want)
		assert.Empty(t, stderr.String())
	}
}
