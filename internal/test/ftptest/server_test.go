package ftptest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connect logs a client in to a new server and returns its control connection.
func connect(t *testing.T, s *Server) *textproto.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", Start(t, s, "127.0.0.1"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	c := textproto.NewConn(conn)
	t.Cleanup(func() { _ = c.Close() })
	expect(t, c, 220)
	say(t, c, 331, "USER someone")
	say(t, c, 230, "PASS secret")
	return c
}

func expect(t *testing.T, c *textproto.Conn, code int) string {
	t.Helper()
	_, message, err := c.ReadResponse(code)
	require.NoError(t, err)
	return message
}

func say(t *testing.T, c *textproto.Conn, code int, line string) string {
	t.Helper()
	require.NoError(t, c.PrintfLine("%s", line))
	return expect(t, c, code)
}

// passive opens a data connection with EPSV.
func passive(t *testing.T, c *textproto.Conn) *net.TCPConn {
	t.Helper()
	_, rest, _ := strings.Cut(say(t, c, 229, "EPSV"), "|||")
	port, _, _ := strings.Cut(rest, "|")
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

func names(t *testing.T, root *os.Root) (names []string) {
	t.Helper()
	dir, err := root.Open(".")
	require.NoError(t, err)
	defer dir.Close()
	names, err = dir.Readdirnames(-1)
	require.NoError(t, err)
	return names
}

func TestCurlMovesFilesInEveryMode(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	content := make([]byte, 300_000)
	_, _ = rand.Read(content)
	for _, address := range []string{"127.0.0.1", "::1"} {
		for command, options := range map[string][]string{
			"EPSV": nil,
			"PASV": {"--disable-epsv"},
			"EPRT": {"--ftp-port", "-"},
			"PORT": {"--ftp-port", "-", "--disable-eprt"},
		} {
			if address == "::1" && (command == "PASV" || command == "PORT") {
				continue // for IPv4 only
			}
			t.Run(command+" "+address, func(t *testing.T) {
				if l, err := net.Listen("tcp", net.JoinHostPort(address, "0")); err != nil {
					t.Skip("this host does not have the address")
				} else {
					_ = l.Close()
				}
				var record Record
				server := &Server{User: "u", Password: "p", Received: record.Add}
				dir := "ftp://u:p@" + Start(t, server, address) + "/a%20b/"
				local := filepath.Join(t.TempDir(), "local")
				require.NoError(t, os.WriteFile(local, content, 0o600))

				run := func(extra ...string) []byte {
					args := append([]string{"--silent", "--show-error", "--globoff", "--max-time", "20", "--ftp-create-dirs"}, options...)
					var stderr bytes.Buffer
					cmd := exec.Command(curl, append(args, extra...)...)
					cmd.Stderr = &stderr
					out, err := cmd.Output()
					require.NoError(t, err, stderr.String())
					return out
				}
				run("--upload-file", local, dir+"file")
				assert.True(t, bytes.Equal(content, run(dir+"file")), "the file differs")
				assert.Contains(t, string(run(dir)), "300000")
				assert.Equal(t, 3, strings.Count("\n"+strings.Join(record.Lines(), "\n"), "\n"+command), "%q", record.Lines())
				assert.Contains(t, record.Lines(), "PASS ****")
			})
		}
	}
}

func TestResetUploadLeavesNoFileAndGets426(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	data := passive(t, c)
	say(t, c, 150, "STOR file")
	_, err := io.WriteString(data, "half of it")
	require.NoError(t, err)
	require.NoError(t, data.SetLinger(0))
	require.NoError(t, data.Close())
	expect(t, c, 426)
	say(t, c, 200, "NOOP")
	assert.Empty(t, names(t, server.Root))
}

func TestUploadIsVisibleOnlyWhenComplete(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	data := passive(t, c)
	say(t, c, 150, "STOR file")
	assert.NotContains(t, names(t, server.Root), "file")
	_, _ = io.WriteString(data, "all of it")
	require.NoError(t, data.Close())
	expect(t, c, 226)
	assert.Equal(t, []string{"file"}, names(t, server.Root))
}

func TestEndOfControlConnectionLeavesNoUpload(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	data := passive(t, c)
	say(t, c, 150, "STOR file")
	require.NoError(t, c.Close())
	_, err := io.Copy(io.Discard, data)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(names(t, server.Root)) == 0 }, 5*time.Second, time.Millisecond)
}

func TestAborDuringTransferGets426And226(t *testing.T) {
	for _, abor := range []string{"ABOR", "\xff\xf4\xff\xf2ABOR"} {
		server := &Server{}
		c := connect(t, server)
		passive(t, c)
		say(t, c, 150, "STOR file")
		say(t, c, 426, abor)
		expect(t, c, 226)
		assert.Empty(t, names(t, server.Root))
		say(t, c, 226, "ABOR") // no transfer is in progress
	}
}

func TestCommandsDuringTransferWaitButStatDoesNot(t *testing.T) {
	c := connect(t, &Server{})
	data := passive(t, c)
	say(t, c, 150, "STOR file")
	require.NoError(t, c.PrintfLine("SIZE file"))
	assert.Contains(t, say(t, c, 211, "STAT"), "Transfer of file in progress")
	_, _ = io.WriteString(data, "12345")
	require.NoError(t, data.Close())
	expect(t, c, 226)
	assert.Equal(t, "5", expect(t, c, 213))
}

func TestForeignAndPrivilegedPortsAreRefused(t *testing.T) {
	c := connect(t, &Server{})
	for line, code := range map[string]int{
		"PORT 192,0,2,1,200,1":     500,
		"PORT 127,0,0,1,0,80":      500,
		"PORT 127,0,0,1,200":       501,
		"PORT 127,0,0,1,200,256":   501,
		"EPRT |1|192.0.2.1|51201|": 500,
		"EPRT |1|127.0.0.1|80|":    500,
		"EPRT |2|127.0.0.1|51201|": 501,
		"EPRT":                     501,
		"EPSV 2":                   522,
	} {
		say(t, c, code, line)
		say(t, c, 425, "LIST")
	}
}

func TestDataConnectionFromOtherAddressIsRejected(t *testing.T) {
	c := connect(t, &Server{})
	_, rest, _ := strings.Cut(say(t, c, 229, "EPSV"), "|||")
	port, _, _ := strings.Cut(rest, "|")
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	stranger, err := elsewhere.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Skip("this host has no second loopback address")
	}
	defer stranger.Close()
	require.NoError(t, stranger.SetDeadline(time.Now().Add(5*time.Second)))
	require.NoError(t, c.PrintfLine("STOR file"))
	_, err = stranger.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	own, err := net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	expect(t, c, 150)
	require.NoError(t, own.Close())
	expect(t, c, 226)
}

func TestOnlyEPSVIsAllowedAfterEPSVALL(t *testing.T) {
	c := connect(t, &Server{})
	say(t, c, 200, "EPSV ALL")
	say(t, c, 503, "PASV")
	say(t, c, 503, "PORT 127,0,0,1,200,1")
	say(t, c, 229, "EPSV 1")
}

func TestRESTAndAPPEContinueFiles(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	require.NoError(t, server.Root.WriteFile("file", []byte("0123456789"), 0o600))
	read := func() string {
		b, err := server.Root.ReadFile("file")
		require.NoError(t, err)
		return string(b)
	}

	data := passive(t, c)
	say(t, c, 350, "REST 7")
	say(t, c, 150, "RETR file")
	b, err := io.ReadAll(data)
	require.NoError(t, err)
	assert.Equal(t, "789", string(b))
	expect(t, c, 226)

	for i, step := range []struct{ command, want string }{{"APPE file", "0123456789+"}, {"STOR file", "0123+"}} {
		data := passive(t, c)
		if i == 1 {
			say(t, c, 350, "REST 4")
		}
		say(t, c, 150, step.command)
		_, _ = io.WriteString(data, "+")
		require.NoError(t, data.Close())
		expect(t, c, 226)
		assert.Equal(t, step.want, read())
	}
}

func TestFileAndDirectoryCommands(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	require.NoError(t, server.Root.WriteFile("file", []byte("12345"), 0o600))
	say(t, c, 257, "MKD d")
	say(t, c, 350, "RNFR file")
	say(t, c, 250, "RNTO d/moved")
	say(t, c, 503, "RNTO d/again")
	say(t, c, 250, "CWD d")
	assert.Contains(t, say(t, c, 257, "PWD"), `"/d"`)
	assert.Equal(t, "5", say(t, c, 213, "SIZE moved"))
	assert.Len(t, say(t, c, 213, "MDTM moved"), len("20060102150405"))
	say(t, c, 250, "DELE moved")
	say(t, c, 550, "SIZE moved")
	say(t, c, 250, "CDUP")
	say(t, c, 250, "CDUP") // the parent of the root is the root
	say(t, c, 250, "RMD d")
	say(t, c, 550, "RETR ../../etc/passwd")
	say(t, c, 550, "CWD d")
	assert.Empty(t, names(t, server.Root))
}

func TestLISTNLSTAndMLSDListFiles(t *testing.T) {
	server := &Server{}
	c := connect(t, server)
	require.NoError(t, server.Root.WriteFile("f", []byte("12345"), 0o600))
	require.NoError(t, server.Root.Mkdir("d", 0o700))
	for command, want := range map[string]string{
		"NLST":     `^d\r\nf\r\n$`,
		"LIST -la": `^drwx.* d\r\n-rw.* 5 .* f\r\n$`,
		"MLSD":     `^type=dir;modify=\d{14}; d\r\ntype=file;size=5;modify=\d{14}; f\r\n$`,
	} {
		data := passive(t, c)
		say(t, c, 150, command)
		b, err := io.ReadAll(data)
		require.NoError(t, err)
		assert.Regexp(t, want, string(b))
		expect(t, c, 226)
	}
}

func TestCommandsRequireLogin(t *testing.T) {
	conn, err := net.Dial("tcp", Start(t, &Server{User: "u", Password: "p"}, "127.0.0.1"))
	require.NoError(t, err)
	c := textproto.NewConn(conn)
	defer c.Close()
	expect(t, c, 220)
	say(t, c, 530, "PASV")
	say(t, c, 331, "USER u")
	say(t, c, 530, "PASS wrong")
	say(t, c, 530, "RETR file")
	say(t, c, 331, "USER u")
	say(t, c, 230, "PASS p")
	say(t, c, 500, "AUTH TLS")
	say(t, c, 221, "QUIT")
	_, err = c.ReadLine()
	require.ErrorIs(t, err, io.EOF)
}

func TestRefusedActiveConnectionGets425(t *testing.T) {
	c := connect(t, &Server{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	say(t, c, 200, fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port))
	say(t, c, 425, "LIST")
}
