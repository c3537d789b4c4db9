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

// dropbearForwards is how many remote forwards Dropbear grants, of two sockets
// each. It keeps them until the SSH connection ends.
const dropbearForwards = 20

// leftovers describes what should be gone: data listeners here and on the
// gateway, descriptors, processes of the FTP server.
func (k *soak) leftovers(descriptors int) string {
	var left []string
	for _, m := range programsPort.FindAllStringSubmatch(k.Client.Run(k.t, "ss", "-Htlnp"), -1) {
		if m[1] != "2121" {
			left = append(left, "listener here on port "+m[1])
		}
	}
	var forwards []string
	for _, l := range k.Gateway.Listeners(k.t) {
		if !strings.HasSuffix(l, ":22") && !strings.HasSuffix(l, ":21") {
			forwards = append(forwards, l)
		}
	}
	if len(forwards) > 0 && !(k.keepsForwards() && len(forwards) <= 2*dropbearForwards) {
		left = append(left, fmt.Sprintf("listeners on the gateway: %v", forwards))
	}
	if n := k.program.Descriptors(k.t); n > descriptors {
		left = append(left, fmt.Sprintf("%d descriptors instead of %d", n, descriptors))
	}
	if n := k.ftp.Workers(); n > 0 {
		left = append(left, fmt.Sprintf("%d processes of vsftpd", n))
	}
	return strings.Join(left, ", ")
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
