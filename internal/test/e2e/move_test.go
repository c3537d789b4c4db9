//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// Clients in their modes.
var (
	curl = clients.Curl()
	lftp = clients.Lftp()

	passiveModes = []clients.Variant{curl.In("EPSV"), curl.In("PASV"), lftp.In("PASV")}
	activeModes  = []clients.Variant{curl.In("EPRT"), curl.In("PORT"), lftp.In("active")}
	everyMode    = slices.Concat(passiveModes, activeModes)
	curlModes    = clients.Variants([]*clients.Client{curl})
)

// targetAt returns the directory of a server's user, by way of the program's
// listener at an address.
func targetAt(address string, ftp *lab.FTPServer) clients.Target {
	t := clients.Target{Address: netip.MustParseAddrPort(address), Dir: ftp.Dir}
	if ftp.Password != "" {
		t.User, t.Password = ftp.User, ftp.Password
	}
	return t
}

// urlOf returns the URL of a file of a server's user, by way of the program.
func urlOf(ftp *lab.FTPServer, name string) string { return targetAt(address, ftp).URL(name) }

// do has a client do a task in the client's home directory.
func (s *site) do(v clients.Variant, t clients.Target, task clients.Task) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	r := s.wait(v.Invoke(t, task).Command(ctx, s.Client, lab.Home))
	require.Zero(s.t, r.status, "%s: %+v: %s", v.Title(), task, r.stderr)
}

// move has a client upload a new file of so many bytes and download it again,
// and compares the files.
func (s *site) move(v clients.Variant, ftp *lab.FTPServer, size int64) {
	s.t.Helper()
	s.moveAt(address, v, ftp, size)
}

// moveAt is move by way of the program's listener at an address.
func (s *site) moveAt(address string, v clients.Variant, ftp *lab.FTPServer, size int64) {
	s.t.Helper()
	_, hash := s.file("original", size)
	target := targetAt(address, ftp)
	s.do(v, target, clients.Task{Verb: clients.Put, Local: "original", Remote: "copy"})
	assert.Equal(s.t, hash, hashOf(s.t, ftp.Path("copy")), "%s: upload", v.Title())
	s.do(v, target, clients.Task{Verb: clients.Get, Remote: "copy", Local: "back"})
	back := s.Client.Path(lab.Home + "/back")
	assert.Equal(s.t, hash, hashOf(s.t, back), "%s: download", v.Title())
	require.NoError(s.t, os.Remove(ftp.Path("copy")))
	require.NoError(s.t, os.Remove(back))
}

// moveAll moves a file in each of the modes, through a program started with
// args.
func (s *site) moveAll(ftp *lab.FTPServer, modes []clients.Variant, args ...string) *program {
	s.t.Helper()
	p := s.start(args...)
	for _, v := range modes {
		s.move(v, ftp, 1_000_000)
	}
	return p
}

// slowly starts a curl that takes half a minute, and waits until it has moved
// something.
func (s *site) slowly(ftp *lab.FTPServer, upload bool) *program {
	s.t.Helper()
	return s.atOneMegabyte(ftp, upload, 30_000_000)
}

// atOneMegabyte starts a curl that moves so many bytes, a megabyte each second,
// and waits until it has moved something.
func (s *site) atOneMegabyte(ftp *lab.FTPServer, upload bool, size int64) *program {
	s.t.Helper()
	task := clients.Task{Verb: clients.Get, Remote: "big", Local: "got"}
	watched := s.Client.Path(lab.Home + "/got")
	if upload {
		s.file("big", size)
		task = clients.Task{Verb: clients.Put, Local: "big", Remote: "sent"}
		watched = ftp.Path("sent")
	} else {
		ftp.WriteFile(s.t, "big", string(random(int(size))))
	}
	i := curl.In("EPSV").Invoke(targetAt(address, ftp), task)
	i.Args = append(i.Args, "--limit-rate", "1M")
	p := &program{s.Client.Start(s.t, i.Command(context.Background(), s.Client, lab.Home)), s.t}
	eventually(s.t, "the transfer has begun", func() bool {
		moved, _ := sizeOf(watched)
		return moved > 500_000
	})
	return p
}

// duringTransfers runs test in the middle of a curl's download and of its upload,
// on a site with each SSH server.
func duringTransfers(t *testing.T, test func(s *site, ftp *lab.FTPServer, p, transfer *program)) {
	lab.Require(t, "curl")
	for _, upload := range []bool{false, true} {
		throughEach(t, func(s *site) {
			ftp := s.vsftpd(s.Gateway)
			p := s.start("gateway")
			test(s, ftp, p, s.slowly(ftp, upload))
		})
	}
}

// sizeOf returns the size of a file, and whether it exists.
func sizeOf(path string) (int64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}

func TestFilesMoveInEveryMode(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Gateway)
		s.start("gateway")
		for _, v := range everyMode {
			s.move(v, ftp, 100_000_000)
		}
	})
}

func TestFilesMoveToServerBehindGateway(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := s.vsftpd(s.Inner)
		s.start("gateway", "inner")
		for _, v := range passiveModes {
			s.move(v, ftp, 100_000_000)
		}
	})
}

// The server's modes are forced, whatever the client's mode is.
func TestEveryClientModeWorksWithEveryServerMode(t *testing.T) {
	lab.Require(t, "curl")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		for _, serverMode := range []string{"passive", "active"} {
			p := s.start("--server-mode", serverMode, "gateway")
			for _, v := range curlModes {
				s.move(v, ftp, 1_000_000)
			}
			p.noTransferFailed()
			require.NoError(s.t, p.Signal(os.Interrupt))
			_ = p.Wait()
		}
	})
}

func TestFilesMoveOverIPv6Loopback(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{IPv6: true, Port20: true})
		p := s.startAt("[::1]:2121\n", binary(s.t), "-L", "[::1]:2121:[::1]:21", "gateway")
		s.moveAt("[::1]:2121", curl.In("EPSV"), ftp, 1_000_000)
		s.moveAt("[::1]:2121", curl.In("EPRT"), ftp, 1_000_000)
		p.awaitTransfer(attrMode, "EPSV")
		p.awaitTransfer(attrMode, "EPRT")
	})
}

// An FTP server on IPv6 answers PASV with an address that IPv4 cannot hold.
func TestPassiveModeWorksToIPv6ServerFromIPv4Client(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	throughEach(t, func(s *site) {
		ftp := lab.VSFTPD(s.t, s.Gateway, lab.VSFTPDConfig{IPv6: true})
		s.moveAll(ftp, passiveModes, "gateway", "[::1]:21")
	})
}

func TestNothingMovesWithoutTunnel(t *testing.T) {
	lab.Require(t, "curl")
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		r := s.run("curl", "-sS", "--connect-timeout", "2", "ftp://gateway/pub/")
		assert.NotZero(s.t, r.status)
	})
}

// A client with a small file may have closed its data connection before the
// program can find the owner of it.
func TestEverySmallFileOfFastClientIsStored(t *testing.T) {
	lab.Require(t, "lftp")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		const files = 100
		dir := lab.Home + "/small"
		require.NoError(s.t, os.Mkdir(s.Client.Path(dir), 0o755))
		for i := range files {
			s.Client.WriteFile(s.t, fmt.Sprintf("%s/f%d", dir, i), fmt.Sprint("this is ", i))
		}
		p := s.start("gateway")
		s.lftp("set ftp:sync-mode off", "open "+urlOf(ftp, ""), "lcd "+dir, "mput f*")
		for i := range files {
			got, err := os.ReadFile(ftp.Path(fmt.Sprint("f", i)))
			require.NoError(s.t, err)
			assert.Equal(s.t, fmt.Sprint("this is ", i), string(got))
		}
		assert.NotContains(s.t, p.Stderr.String(), rejection)
	})
}

// lftp runs lines in lftp, requires that they succeed, and returns the output.
func (s *site) lftp(lines ...string) string {
	s.t.Helper()
	i := clients.LftpScript(lines...)
	return s.succeeds(i.Args[0], i.Args[1:]...)
}

func TestIPv4ClientsWorkWithServerOnIPv6Only(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	onlyIPv6 := lab.VSFTPDConfig{IPv6: true, Extra: []string{"listen_address6=::1"}}
	throughEach(t, func(s *site) {
		p := s.moveAll(lab.VSFTPD(s.t, s.Gateway, onlyIPv6), everyMode, "gateway")
		p.awaitTransfer(attrServerMode, "EPRT")
		p.noTransferFailed()
	})
	s := throughSSHD(t, onlyLocal)
	s.moveAll(lab.VSFTPD(t, s.Gateway, onlyIPv6), everyMode, "gateway")
}
