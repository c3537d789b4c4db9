//go:build linux

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// The kernel ends the data of a killed client like the end of a file. Servers
// confirm that, with a tunnel and without one; but the program knows that no
// client received the confirmation.
func TestTransferOfKilledClientHasFailed(t *testing.T) {
	lab.Require(t, "curl")
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		putBig(s.t, ftp)
		for _, upload := range []bool{false, true} {
			p := s.startLogging("gateway")
			task := clients.Task{Verb: clients.Get, Remote: "big", Local: "got"}
			watched := s.Client.Path(lab.Home + "/got")
			if upload {
				s.file("original", 20_000_000)
				task = clients.Task{Verb: clients.Put, Local: "original", Remote: "sent"}
				watched = ftp.Path("sent")
			}
			i := curl.In("EPSV").Invoke(targetAt(address, ftp), task)
			i.Args = append(i.Args, "--limit-rate", "1M")
			running := s.Client.Start(s.t, i.Command(context.Background(), s.Client, lab.Home))
			eventually(s.t, "the transfer has begun", func() bool {
				size, _ := sizeOf(watched)
				return size > 100_000
			})
			running.Kill()
			p.awaitLog(sessionEnded)
			if lines := p.logged(transferred); upload && len(lines) == 1 && lines[0].number(attrReply) == 226 {
				// The server was faster than the kernel, which ends the data
				// first: this is a client that leaves without reading its 226.
				s.t.Log("confirmed before the control connection had ended")
				p.Kill()
				continue
			}
			line := p.failedOnce(upload, "client")
			assert.Greater(s.t, line.number(attrBytes), int64(100_000))
			p.Kill()
		}
		size, found := sizeOf(ftp.Path("sent"))
		s.t.Logf("at the server: %v, %d bytes", found, size)
	})
}

// Some servers then abort, some continue; the client receives no reply.
func TestUploadHasFailedIfClientClosesControlConnection(t *testing.T) {
	withEachServer(t, func(s *site, ftp *lab.FTPServer) {
		p := s.startLogging("gateway")
		h := s.begin(ftp, true)
		h.close()
		<-time.After(100 * time.Millisecond) // for the server to see it
		h.leave()
		p.failedOnce(true, "client")
	})
}

func TestFullDiskAtClientIsFailure(t *testing.T) {
	lab.Require(t, "curl", "lftp")
	s := throughSSHD(t)
	ftp := lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Local: true})
	putBig(t, ftp)
	for _, i := range []clients.Invocation{
		curl.In("EPSV").Invoke(targetAt(address, ftp), clients.Task{Verb: clients.Get, Remote: "big", Local: "/dev/full"}),
		clients.LftpScript("set xfer:clobber yes", "set xfer:disk-full-fatal yes", "open "+urlOf(ftp, ""), "get big -o /dev/full"),
	} {
		p := s.startLogging("gateway")
		r := s.run("timeout", append([]string{"20"}, i.Args...)...)
		assert.NotZero(t, r.status)
		t.Log(i.Args[0], r.status, r.stderr)
		p.failedOnce(false, "client")
		p.Kill()
	}
}

func TestKilledClientLeavesNothingBehind(t *testing.T) {
	lab.Require(t, "curl")
	s := throughSSHD(t)
	ftp := s.vsftpd(s.Gateway)
	p := s.start("gateway")
	s.curl(here + "/pub/")
	descriptors := p.Descriptors(t)
	s.slowly(ftp, true).Kill()
	s.slowly(ftp, false).Kill()
	s.nothingLeft(p, descriptors)
}

func TestResetUploadIsNotConfirmed(t *testing.T) {
	throughEach(t, func(s *site) {
		s.vsftpd(s.Gateway)
		p := s.start("gateway")
		c := s.login()
		data, err := c.transfer("EPSV", "STOR pub/half")
		require.NoError(s.t, err)
		_, err = data.Write(make([]byte, 100_000))
		require.NoError(s.t, err)
		reset(data)
		require.NoError(s.t, c.send("NOOP"))
		text, err := c.expect(426)
		require.NoError(s.t, err)
		assert.Contains(s.t, text, "the file on the server is not complete")
		_, err = c.expect(200)
		require.NoError(s.t, err)
		p.awaitTransfer(attrResult, "failed", attrCommand, "STOR", attrFile, "pub/half", attrLeg, "client")

		got, err := c.download("PORT", "pub/half") // the session is still usable
		require.NoError(s.t, err)
		assert.NotEmpty(s.t, got)
	})
}
