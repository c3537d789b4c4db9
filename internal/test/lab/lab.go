// Package lab gives tests hosts of their own: network namespaces joined by virtual
// cables, with firewalls between them, through which FTP does not pass.
//
//	Client ── Gateway ── Inner
//
// The client reaches port 22 of the gateway and nothing else, and nothing reaches
// the client. Only the gateway reaches Inner, and no host forwards packets.
// [NewWithJump] adds a host between client and gateway. A program on a host sees
// that host's own home directory, /etc/hosts, /etc/shadow, /etc/ssh, /run and
// /var/log; it reads and changes none of the machine's. The machine's users exist
// on every host, and one more, [User].
//
// The lab needs Linux and root; see [Require]. It serves tests only.
package lab

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Lab is a row of hosts, each connected to its neighbours.
type Lab struct {
	Client  *Host
	Jump    *Host // nil without a jump host
	Gateway *Host
	Inner   *Host
}

// Require skips the test unless LAB is set in the environment, there can be a
// lab on this machine, and the programs are installed. With LAB=required, only
// an unset LAB skips: whatever else is missing fails the test. If LAB_SKIPPED
// names a file, Require appends the reason for skipping to it.
func Require(t testing.TB, programs ...string) {
	t.Helper()
	requireLAB(t)
	if runtime.GOOS != "linux" {
		unavailable(t, "it needs Linux")
	}
	RequireRoot(t)
	Program(t, append([]string{"ip", "ss", "nft", "mount", "sh"}, programs...)...)
	if out, err := exec.Command("ip", "netns", "list").CombinedOutput(); err != nil {
		unavailable(t, "ip netns: "+strings.TrimSpace(string(out)))
	}
}

// RequireRoot skips the test unless LAB is set in the environment and the test
// runs as root. With LAB=required, another user fails the test.
func RequireRoot(t testing.TB) {
	t.Helper()
	requireLAB(t)
	if os.Geteuid() != 0 {
		unavailable(t, "it needs root")
	}
}

func requireLAB(t testing.TB) {
	t.Helper()
	if os.Getenv("LAB") == "" {
		skip(t, "LAB is not set")
	}
}

// Program returns the paths of programs, and skips the test if one is not
// installed; with LAB=required it fails the test. It looks in sbin too, which
// is not in every PATH.
func Program(t testing.TB, programs ...string) (paths []string) {
	t.Helper()
	for _, program := range programs {
		path, err := exec.LookPath(program)
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(dir, program))
			}
		}
		if err != nil {
			unavailable(t, program+" is not installed")
		}
		paths = append(paths, path)
	}
	return paths
}

// Installed reports whether programs exist, and files, which have a slash in their
// names. If not, the caller leaves out what needs them: the reason is recorded like
// that of a skipped test, and with LAB=required it fails the test.
func Installed(t testing.TB, names ...string) bool {
	t.Helper()
	for _, name := range names {
		var err error
		if strings.Contains(name, "/") {
			_, err = os.Stat(name)
		} else {
			_, err = exec.LookPath(name)
		}
		if err == nil {
			continue
		}
		reason := name + " is not installed"
		if os.Getenv("LAB") == "required" {
			t.Error("LAB=required, but " + reason)
		}
		record(t, reason)
		t.Log("left out: " + reason)
		return false
	}
	return true
}

// unavailable skips the test, or fails it with LAB=required, for lack of
// something.
func unavailable(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("LAB") == "required" {
		t.Fatal("LAB=required, but " + reason)
	}
	skip(t, reason)
}

func skip(t testing.TB, reason string) {
	t.Helper()
	record(t, reason)
	t.Skip(reason)
}

// record appends a reason for skipping to the file that LAB_SKIPPED names.
func record(t testing.TB, reason string) {
	t.Helper()
	if name := os.Getenv("LAB_SKIPPED"); name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = fmt.Fprintln(f, reason)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
}

// New builds Client 10.77.0.1, fd77::1; Gateway 10.77.0.2, fd77::2 and 10.78.0.1,
// fd78::1; Inner 10.78.0.2, fd78::2. When the test ends, what still runs on them is
// killed and the hosts are removed. It skips the test as [Require] does.
func New(t testing.TB) *Lab {
	t.Helper()
	hosts := build(t, 77, "client", "gateway", "inner")
	return &Lab{Client: hosts[0], Gateway: hosts[1], Inner: hosts[2]}
}

// NewWithJump is [New] with Jump between Client and Gateway: Client 10.76.0.1,
// fd76::1; Jump 10.76.0.2, fd76::2 and 10.77.0.1, fd77::1; the others as with New.
// The client reaches port 22 of the jump host, and only the jump host reaches port
// 22 of the gateway.
func NewWithJump(t testing.TB) *Lab {
	t.Helper()
	hosts := build(t, 76, "client", "jump", "gateway", "inner")
	return &Lab{Client: hosts[0], Jump: hosts[1], Gateway: hosts[2], Inner: hosts[3]}
}

// build returns a row of hosts. Subnet is the number in the addresses between the
// first two; it increases by one with each pair.
func build(t testing.TB, subnet int, names ...string) []*Host {
	t.Helper()
	Require(t)
	dir := t.TempDir()
	for _, path := range private {
		if strings.HasPrefix(dir, "/"+path+"/") {
			unavailable(t, "its hosts cannot see temporary files in /"+path)
		}
	}
	sweep(t)

	prefix := fmt.Sprintf("%s%d-%08x-", namespacePrefix, os.Getpid(), rand.Uint32())
	hosts := make([]*Host, len(names))
	for i, name := range names {
		hosts[i] = &Host{Name: name, namespace: prefix + name, dir: filepath.Join(dir, name)}
		if i > 0 {
			hosts[i].Addr, hosts[i].Addr6 = addresses(subnet+i-1, 2)
		}
		if i < len(names)-1 {
			hosts[i].Far, hosts[i].Far6 = addresses(subnet+i, 1)
		}
	}
	hosts[0].Addr, hosts[0].Addr6 = hosts[0].Far, hosts[0].Far6

	t.Cleanup(func() {
		for _, h := range hosts {
			h.remove(t)
		}
	})
	for i, h := range hosts {
		h.furnish(t, hosts[:i], hosts[i:])
		ip(t, "", "netns add "+h.namespace)
	}
	for i, h := range hosts {
		h.connect(t, at(hosts, i-1), at(hosts, i+1))
	}
	return hosts
}

func addresses(subnet, host int) (v4, v6 netip.Addr) {
	return netip.MustParseAddr(fmt.Sprintf("10.%d.0.%d", subnet, host)),
		netip.MustParseAddr(fmt.Sprintf("fd%d::%d", subnet, host))
}

// at returns the host at index i, nil if there is none.
func at(hosts []*Host, i int) *Host {
	if i < 0 || i >= len(hosts) {
		return nil
	}
	return hosts[i]
}

// connect creates the cable from h to next, if there is one, and the firewall of
// h. Each end of a cable has the name of the host at the other end. The cable from
// previous exists already.
func (h *Host) connect(t testing.TB, previous, next *Host) {
	t.Helper()
	lines := []string{"link set lo up"}
	if next != nil {
		// If both ends had the same index, the kernel could mistake one for a
		// device of its own, and would report the carrier to IPv6 only after a
		// second.
		lines = append(lines, fmt.Sprintf("link add %s index 100 type veth peer name %s netns %s", next.Name, h.Name, next.namespace))
		lines = append(lines, up(next.Name, h.Far, h.Far6)...)
	}
	if previous != nil {
		lines = append(lines, up(previous.Name, h.Addr, h.Addr6)...)
	}
	ip(t, h.namespace, lines...)
	if err := h.nft(ruleset(previous, next)); err != nil {
		unavailable(t, err.Error())
	}
}

func up(device string, v4, v6 netip.Addr) []string {
	return []string{
		fmt.Sprintf("addr add %s/24 dev %s", v4, device),
		fmt.Sprintf("addr add %s/64 dev %s nodad", v6, device),
		fmt.Sprintf("link set %s up", device),
	}
}

// ip runs lines in ip(8), in the named network namespace unless it is empty. If
// they fail, there can be no lab on this machine.
func ip(t testing.TB, namespace string, lines ...string) {
	t.Helper()
	args := []string{"-batch", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("ip %s: %s", strings.Join(lines, "; "), out))
	}
}
