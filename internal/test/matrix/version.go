package matrix

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/ftptunnel/internal/test/clients"
)

// gatewayVersions are shell commands that print the versions of SSH servers.
var gatewayVersions = map[Carrier]string{
	OpenSSH:  "sshd -V 2>&1 | grep -i openssh || ssh -V 2>&1",
	Dropbear: "dropbear -V 2>&1",
}

// versions returns the versions of all programs that take part.
func versions(t testing.TB, servers []*Server, all []*clients.Client) []Versions {
	gateways := Versions{Kind: "SSH servers"}
	for _, c := range carriers {
		gateways.Names = append(gateways.Names, [2]string{string(c), version(t, gatewayVersions[c])})
	}
	ofClients := Versions{Kind: "clients"}
	for _, c := range all {
		ofClients.Names = append(ofClients.Names, [2]string{c.Name, version(t, c.Version)})
	}
	ofServers := Versions{Kind: "servers"}
	for _, s := range servers {
		ofServers.Names = append(ofServers.Names, [2]string{s.Name, s.Version(t)})
	}
	return []Versions{gateways, ofClients, ofServers}
}

var versionNumber = regexp.MustCompile(`\d[\w.+~:-]*`)

// version returns the first version number in a command's output.
func version(t testing.TB, command string) string {
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	found := versionNumber.FindString(string(out))
	assert.NotEmpty(t, found, "%s: %v: %s", command, err, out)
	return found
}
