//go:build linux

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/module"
)

// leftovers describes what should be gone: data listeners here and on the
// gateway, descriptors, processes of the FTP server.
func (k *soak) leftovers(descriptors int) string {
	var left []string
	for _, port := range k.dataPorts() {
		left = append(left, "listener here on port "+port)
	}
	if forwards := k.forwards(); !k.keepsForwards() || len(forwards) > mostKept {
		for _, l := range forwards {
			left = append(left, "listener on the gateway on "+l)
		}
	}
	if n := k.program.Descriptors(k.t); n > descriptors {
		left = append(left, fmt.Sprintf("%d descriptors instead of %d", n, descriptors))
	}
	if n := k.ftp.Workers(); n > 0 {
		left = append(left, fmt.Sprintf("%d processes of vsftpd", n))
	}
	if n := k.deflater.Workers(); n > 0 {
		left = append(left, fmt.Sprintf("%d processes of ProFTPD", n))
	}
	return strings.Join(left, ", ")
}

// mostKept is on how many addresses a Dropbear listens that keeps forwards: on two
// for each of 20.
const mostKept = 2 * 20

var programsPort = regexp.MustCompile(`127\.0\.0\.1:(\d+) .*"ftptunnel"`)

// dataPorts returns the ports at which the program listens for data connections.
func (k *soak) dataPorts() (ports []string) {
	for _, m := range programsPort.FindAllStringSubmatch(k.Client.Run(k.t, "ss", "-Htlnp"), -1) {
		if m[1] != "2121" && m[1] != deflaterPort {
			ports = append(ports, m[1])
		}
	}
	return ports
}

// checkForwards checks that no forward outlives the program.
func (k *soak) checkForwards() {
	gone := func() bool { return len(k.forwards()) == 0 }
	if !assert.Eventually(k.t, gone, 20*time.Second, 100*time.Millisecond) {
		k.record.wrong("the gateway still listens on %v", k.forwards())
	}
}

// checkLeftovers waits for the end of what clients have left: the program keeps
// idle connections for a minute at most.
func (k *soak) checkLeftovers(descriptors int) {
	began := time.Now()
	var left string
	gone := assert.Eventually(k.t, func() bool {
		left = k.leftovers(descriptors)
		return left == ""
	}, stuckAfter, 100*time.Millisecond)
	if !gone {
		k.record.wrong("left behind: %s", left)
		links, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", k.program.Pid))
		for _, l := range links {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", k.program.Pid, l.Name()))
			k.t.Logf("descriptor %s: %s", l.Name(), to)
		}
		k.t.Logf("sockets:\n%s", k.Client.Run(k.t, "ss", "-Htanp"))
	}
	k.t.Logf("all was closed %v after the last client", time.Since(began).Round(time.Millisecond))
}

// dump kills the program and returns the stacks of its goroutines.
func (k *soak) dump() []string {
	require.NoError(k.t, k.program.Signal(syscall.SIGQUIT))
	<-k.program.Done()
	_, dump, found := strings.Cut(k.program.Stderr.String(), "SIGQUIT: quit")
	require.True(k.t, found, "no stacks")
	var stacks []string
	for _, s := range strings.Split(dump, "\n\n") {
		if strings.HasPrefix(strings.TrimSpace(s), "goroutine ") {
			stacks = append(stacks, strings.TrimSpace(s))
		}
	}
	return stacks
}

// ours matches a function of the program or of the packages for SSH.
var ours = regexp.MustCompile(`(?m)^(` + regexp.QuoteMeta(module.Path) + `/\S+|main\.\S+|golang\.org/x/crypto/ssh\.\S+)\(`)

// duty returns the outermost function of a goroutine that is ours.
func duty(stack string) string {
	found := ours.FindAllStringSubmatch(stack, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// checkGoroutines compares the stacks with those of a program that has served
// its first clients.
func (k *soak) checkGoroutines(before, after []string) {
	count := func(stacks []string) map[string]int {
		n := map[string]int{}
		for _, s := range stacks {
			n[duty(s)]++
		}
		return n
	}
	was, is := count(before), count(after)
	for _, name := range sorted(is) {
		// A keepalive may be waiting for its answer.
		if name == "" || is[name] <= was[name] || strings.HasPrefix(name, module.Path+"/tunnel.(*link).watch.") {
			continue
		}
		i := slices.IndexFunc(after, func(s string) bool { return duty(s) == name })
		k.record.wrong("%d goroutines of %s instead of %d, such as\n%s", is[name], name, was[name], after[i])
	}
	k.t.Logf("goroutines: %d, of a fresh program: %d", len(after), len(before))
}
