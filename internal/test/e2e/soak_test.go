//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A soak is the program under many transfers and faults.
type soak struct {
	*site
	plan     *plan
	files    []content
	ftp      *lab.FTPServer // vsftpd
	deflater *lab.FTPServer // ProFTPD with MODE Z
	relay    *lab.Relay
	record   *record
	journal  *journal

	program *program
	relayed bool // the program uses the relay
}

// drainTimeout is how long transfers may continue when the program is stopped.
const drainTimeout = 2 * time.Second

// relayPort is where the relay listens, on the client's host.
const relayPort = "2222"

// soakGateways are the SSH servers of a soak. Both give up a client that has not
// answered for six seconds.
var soakGateways = []struct {
	name  string
	start func(t testing.TB, h *lab.Host) *lab.SSHServer
}{
	{"OpenSSH", func(t testing.TB, h *lab.Host) *lab.SSHServer {
		return lab.SSHD(t, h, lab.SSHDConfig{Extra: []string{"ClientAliveInterval 2", "ClientAliveCountMax 3", "MaxStartups 100"}})
	}},
	{"Dropbear", func(t testing.TB, h *lab.Host) *lab.SSHServer {
		return lab.Dropbear(t, h, lab.DropbearConfig{Extra: []string{"-K", "2"}})
	}},
}

func newSoak(s *site, p *plan) *soak {
	t := s.t
	k := &soak{site: s, plan: p, record: newRecord(), journal: &journal{lines: map[string][]logLine{}}, relayed: true}
	// vsftpd is slow, so that faults meet transfers; its timeouts are shorter than
	// stuckAfter, so that its processes are gone at the end.
	k.ftp = lab.VSFTPD(t, s.Gateway, lab.VSFTPDConfig{Port20: true, Extra: []string{
		"max_per_ip=0", "anon_max_rate=5000000", "accept_timeout=20", "connect_timeout=20", "data_connection_timeout=60",
	}})
	k.deflater = lab.ProFTPD(t, s.Gateway, lab.FTPConfig{Port: 2021, Extra: append([]string{
		"TransferRate RETR,STOR 5000", "TimeoutStalled 60", "TimeoutNoTransfer 60",
	}, lab.ModeZ...)})
	k.relay = lab.NewRelay(t, s.Client, "127.0.0.1:"+relayPort, s.Gateway.Addr.String()+":22")
	r := rand.New(rand.NewPCG(p.seed, 3))
	for i, size := range p.files {
		f := content{fmt.Sprintf("file%d", i), make([]byte, size)}
		for j := range f.data {
			f.data[j] = byte(r.Uint32())
		}
		k.ftp.WriteFile(t, f.name, string(f.data))
		k.deflater.WriteFile(t, f.name, string(f.data))
		s.Client.WriteFile(t, lab.Home+"/"+f.name, string(f.data))
		k.files = append(k.files, f)
	}
	return k
}

// launch starts the program, and waits until it listens.
func (k *soak) launch() {
	k.t.Helper()
	args := []string{"-v", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=3", "--drain-timeout=" + drainTimeout.String(),
		"-L", "2121:localhost:21", "-L", deflaterPort + ":localhost:" + deflaterPort}
	if k.relayed {
		args = append(args, "-o", "HostName=127.0.0.1", "-p", relayPort, "-o", "HostKeyAlias=gateway")
	}
	cmd := k.Client.Command(context.Background(), binary(k.t), append(args, "gateway")...)
	cmd.Env = append(cmd.Env, "GOTRACEBACK=all")
	k.program = &program{k.Client.Start(k.t, cmd), k.t}
	k.program.Stdout.Await(k.t, "ftp://127.0.0.1:"+deflaterPort)
	k.journal.follow(k.program)
}

func TestSoakMovesFilesWholeUnderFaultsAndLeavesNothingBehind(t *testing.T) {
	lab.Require(t, "curl", "bash", "setpriv", "timeout")
	count, seed := chosen(t)
	for _, g := range soakGateways {
		t.Run(g.name, func(t *testing.T) {
			l := lab.New(t)
			newSoak(newSite(t, l, g.start(t, l.Gateway)), newPlan(count, seed)).test()
		})
	}
}

func (k *soak) test() {
	k.launch()
	k.inEachMode()
	fresh := k.dump()
	k.launch()
	k.inEachMode()
	descriptors := k.program.Descriptors(k.t)
	k.withoutFaults()

	k.run()
	if len(k.record.wrongs) == 0 {
		k.inEachMode()
		k.checkLeftovers(descriptors)
		k.checkLog()
		k.compareLog()
		k.checkGoroutines(fresh, k.dump())
		k.checkForwards()
	}
	for _, wrong := range append(k.record.wrongs, k.record.unexcused()...) {
		k.t.Errorf("SOAK_SEED=%d: %s", k.plan.seed, wrong)
	}
}

// run injects faults while the workers do their jobs.
func (k *soak) run() {
	var workers sync.WaitGroup
	for i, jobs := range k.plan.jobs {
		workers.Go(func() { k.work(i, jobs) })
	}
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	began := time.Now()
	defer func() {
		k.record.end() // the test may have failed in a fault
		<-done
		k.t.Logf("SOAK_SEED=%d, %v\n%s", k.plan.seed, time.Since(began).Round(time.Second), k.record.table())
	}()
	k.inject(done)
	if k.record.ended() {
		k.t.Log(strings.Join(k.dump(), "\n\n"))
	} else {
		<-done
	}
}

// withoutFaults does a job of each unusual manner while there is no fault that
// excuses a failure.
func (k *soak) withoutFaults() {
	var workers sync.WaitGroup
	for i, opener := range openers {
		workers.Go(func() { k.work(len(k.plan.jobs)+i, k.plan.unusual(opener)) })
	}
	workers.Wait()
}

// inEachMode moves a file in each mode and direction, while there is no fault.
func (k *soak) inEachMode() {
	k.t.Helper()
	for _, opener := range openers {
		c, err := k.enter()
		require.NoError(k.t, err)
		for _, upload := range []bool{true, false} {
			a := attempt{job: job{opener: opener, upload: upload, file: 3, manner: plain}, name: "mode"}
			k.perform(&a, c)
			require.NoError(k.t, a.err, "%v", a.job)
			if opener == "EPSV" {
				a.job.manner = deflates
				k.deflate(&a)
				require.NoError(k.t, a.err, "%v", a.job)
			}
		}
		assert.NoError(k.t, c.quit())
	}
	eventually(k.t, "the end of all sessions", func() bool { return k.program.sessions() == 0 })
}
