//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/lab"
)

// A fault is something that goes wrong, or a client that misbehaves.
type fault struct {
	name     string
	often    int  // how often it is in a deck
	rare     bool // it is left out of two decks of three, so that leaks can grow
	last     bool // of two that are injected together, it is the later one
	harmless bool // no transfer may fail because of it

	// inject begins the fault, and returns what undoes it; nil if nothing has to.
	inject func(k *soak, r *rand.Rand) (undo func())
}

var faults []fault

func init() {
	faults = []fault{
		{name: "the SSH server's session is killed", often: 2, inject: killSession},
		{name: "the SSH server's session is halted", often: 1, inject: haltSession},
		{name: "the SSH server is killed and started again", often: 1, inject: restartSSH},
		{name: "the gateway is cut off", often: 1, inject: cutOff},
		{name: "the gateway refuses connections", often: 1, inject: refuse},
		{name: "the SSH connection is cut after some bytes", often: 2, inject: cutRelay},
		{name: "one of the FTP servers' processes is killed", often: 2, inject: killWorker},
		{name: "vsftpd is killed and started again", often: 1, inject: restartServer},
		{name: "ftptunnel is stopped and started again", often: 1, rare: true, last: true, inject: restartProgram},
		{name: "connections are opened and closed", often: 1, harmless: true, inject: comeAndGo},
		{name: "a client never logs in", often: 1, harmless: true, inject: neverLogIn},
		{name: "a client has more ports opened on the gateway than Dropbear grants", often: 1, harmless: true, inject: takeForwards},
		{name: "a stranger connects to all ports", often: 1, harmless: true, inject: comeAsStranger},
	}
}

func killSession(k *soak, _ *rand.Rand) func() {
	k.ssh.KillSessions(k.t)
	return nil
}

func haltSession(k *soak, r *rand.Rand) func() {
	k.ssh.StopSessions()
	if r.IntN(2) == 0 {
		return k.ssh.ContSessions
	}
	return func() { k.ssh.KillSessions(k.t) }
}

func restartSSH(k *soak, _ *rand.Rand) func() {
	k.ssh.Kill()
	k.ssh.KillSessions(k.t)
	return func() { k.ssh.Restart(k.t) }
}

func cutOff(k *soak, _ *rand.Rand) func() {
	return k.site.cutOff()
}

func refuse(k *soak, _ *rand.Rand) func() {
	k.Gateway.Refuse(k.t, "tcp dport 22")
	return func() { k.Gateway.Run(k.t, "nft", "delete", "table", "inet", "refusal") }
}

func cutRelay(k *soak, r *rand.Rand) func() {
	if !k.relayed {
		return killSession(k, r)
	}
	k.relay.CutAfter(lab.Direction(r.IntN(2)), r.Int64N(3<<20), lab.Cut(r.IntN(2)))
	return func() { k.relay.Spare() }
}

func killWorker(k *soak, r *rand.Rand) func() {
	if r.IntN(4) > 0 || !k.deflater.KillWorker(r.IntN) {
		k.ftp.KillWorker(r.IntN)
	}
	return nil
}

func restartServer(k *soak, _ *rand.Rand) func() {
	k.ftp.Kill()
	k.ftp.KillChildren(k.t)
	return func() { k.ftp.Restart(k.t) }
}

func restartProgram(k *soak, _ *rand.Rand) func() {
	require.NoError(k.t, k.program.Signal(syscall.SIGTERM))
	return func() {
		k.stopped()
		k.relayed = !k.relayed
		k.launch()
	}
}

// stopped waits for the end of the program after a signal.
func (k *soak) stopped() {
	select {
	case <-k.program.Done():
		assert.NoError(k.t, k.program.Wait(), "the program ends with status 0 after a signal")
	case <-time.After(drainTimeout + 15*time.Second):
		k.record.wrong("ftptunnel has not ended after SIGTERM")
		k.dump()
	}
	k.checkLog()
}

func comeAndGo(k *soak, r *rand.Rand) func() {
	for range 10 {
		c, err := k.Client.DialContext(k.t.Context(), "tcp", address)
		if err != nil {
			continue // the program is not running
		}
		if r.IntN(2) == 0 {
			reset(c)
		} else {
			_ = c.Close()
		}
	}
	return nil
}

func neverLogIn(k *soak, _ *rand.Rand) func() {
	c, err := k.Client.DialContext(k.t.Context(), "tcp", address)
	if err != nil {
		return nil
	}
	return func() { _ = c.Close() }
}

// takeForwards sends PORT again and again. Dropbear does not close those ports, so
// that active clients get passive connections to the server until they have rested.
func takeForwards(k *soak, _ *rand.Rand) func() {
	c, err := connect(k.Client, address)
	if err != nil {
		return nil
	}
	defer c.close()
	c.patience = 2 * time.Second // another fault may have begun
	err = c.login(k.ftp.User, "x")
	for began := time.Now(); err == nil && time.Since(began) < 3*time.Second; {
		_, err = c.command(200, "PORT 127,0,0,1,4,1")
	}
	return nil
}

// comeAsStranger has another user connect to the program's data ports, and get
// nothing.
func comeAsStranger(k *soak, _ *rand.Rand) func() {
	const script = `for port in "$@"; do timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/'$port' && cat <&3' 2>/dev/null; done; true`
	got := k.Client.Run(k.t, "setpriv", append([]string{"--reuid=" + lab.User, "--regid=" + lab.User, "--clear-groups", "bash", "-c", script, "stranger"}, k.dataPorts()...)...)
	if got != "" {
		k.record.wrong("a stranger got %d bytes from data ports", len(got))
	}
	return nil
}

// inject injects faults, one or two at once, until done is closed.
func (k *soak) inject(done <-chan struct{}) {
	d := k.plan.faults
	for i := d.injection(); k.pause(done, i.after); i = d.injection() {
		windows, undos := k.begin(i)
		if len(undos) > 0 {
			k.pause(done, i.lasting)
		}
		for _, undo := range undos {
			undo()
		}
		if !k.recovered() {
			return
		}
		k.record.close(windows)
	}
}

// begin begins i's faults, and returns what undoes them, in this order: the
// program cannot start while the gateway is down, so its restart comes last.
func (k *soak) begin(i injection) (windows []*window, undos []func()) {
	if i.faults[0].last {
		slices.Reverse(i.faults)
	}
	for _, f := range i.faults {
		windows = append(windows, k.record.open(f))
		if undo := f.inject(k, i.dice); undo != nil {
			undos = append(undos, undo)
		}
	}
	return windows, undos
}

// pause waits for d, and reports whether neither done nor the soak has ended.
func (k *soak) pause(done <-chan struct{}, d time.Duration) bool {
	select {
	case <-done:
		return false
	case <-k.record.over:
		return false
	case <-time.After(d):
		return true
	}
}

// recovered waits until a client is served.
func (k *soak) recovered() bool {
	var err error
	for began := time.Now(); time.Since(began) < stuckAfter; <-time.After(50 * time.Millisecond) {
		var c *client
		if c, err = k.enter(); err == nil {
			_, err = c.command(200, "NOOP")
			c.close()
		}
		if err == nil {
			return true
		}
		if k.record.ended() {
			return false
		}
	}
	k.record.add(attempt{login: true, since: time.Now(), err: fmt.Errorf("%w: no client is served after the fault: %w", errStuck, err)})
	return false
}

// checkLog checks that the program has not crashed.
func (k *soak) checkLog() {
	log := k.program.Stderr.String()
	for _, text := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(log, text) {
			k.record.wrong("the program's log has %q", text)
		}
	}
}
