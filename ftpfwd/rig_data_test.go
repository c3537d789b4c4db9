package ftpfwd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clientDials opens a connection from the client's network to a listener of the
// forwarder.
func (r *rig) clientDials(address string) net.Conn {
	r.t.Helper()
	c, err := r.near.DialContext(r.t.Context(), "tcp", address)
	require.NoError(r.t, err)
	return c
}

// serverDials opens a connection from the server's network to a listener of the
// forwarder.
func (r *rig) serverDials(address string) net.Conn {
	r.t.Helper()
	c, err := r.far.DialContext(r.t.Context(), "tcp", address)
	require.NoError(r.t, err)
	return c
}

// clientListener opens a listener of the client's, and returns it with the
// argument of a PORT that names it.
func (r *rig) clientListener() (l net.Listener, hostPort string) {
	l = r.clientListensAt("127.0.0.1:0")
	return l, formatHostPort(addrOf(l.Addr()))
}

func (r *rig) clientListensAt(address string) net.Listener {
	l, err := r.near.Listen(r.t.Context(), "tcp", address)
	require.NoError(r.t, err)
	r.listeners = append(r.listeners, l)
	return l
}

// serverListener opens a listener of the server's, and returns it with its port.
func (r *rig) serverListener() (l net.Listener, port uint16) {
	l = r.serverListensAt("127.0.0.1:0")
	return l, addrOf(l.Addr()).Port()
}

func (r *rig) serverListensAt(address string) net.Listener {
	l, err := r.far.Listen(r.t.Context(), "tcp", address)
	require.NoError(r.t, err)
	r.listeners = append(r.listeners, l)
	return l
}

func (r *rig) accept(l net.Listener) net.Conn {
	c, err := l.Accept()
	require.NoError(r.t, err)
	return c
}

// reply227 is a reply to PASV that names a port of the server's.
func reply227(port uint16) string {
	return fmt.Sprintf("227 Entering Passive Mode (127,0,0,1,%d,%d).", port>>8, port&0xff)
}

// reply229 is a reply to EPSV that names a port of the server's.
func reply229(port uint16) string {
	return fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", port)
}

// addressIn returns the address that a PORT, EPRT, 227 or 229 names.
func (r *rig) addressIn(line string) string {
	r.t.Helper()
	if a, err := parseExtended(strings.TrimPrefix(line, "EPRT ")); err == nil {
		return a.String()
	}
	a, ok := findAnnouncement(227, line)
	require.True(r.t, ok, line)
	return fmt.Sprintf("127.0.0.1:%d", a.addr.Port())
}

// epsv sends EPSV and the reply of a server that listens on port, and returns the
// address that the client dials.
func (r *rig) epsv(port uint16) string {
	r.t.Helper()
	r.client.send("EPSV")
	r.server.expect("EPSV")
	r.server.send(reply229(port))
	received := r.client.receive()
	require.NotContains(r.t, received, fmt.Sprintf("|%d|", port), "the port was not rewritten")
	return r.addressIn(received)
}

// passive sends EPSV and returns both ends of a data connection.
func (r *rig) passive() (client, server net.Conn) {
	r.t.Helper()
	l, port := r.serverListener()
	defer l.Close()
	client = r.clientDials(r.epsv(port))
	return client, r.accept(l)
}

// active sends PORT, and returns the client's data listener and the address that
// the server dials.
func (r *rig) active() (l net.Listener, address string) {
	r.t.Helper()
	l, hostPort := r.clientListener()
	r.client.send("PORT " + hostPort)
	received := r.server.receive()
	require.NotEqual(r.t, "PORT "+hostPort, received, "the address was not rewritten")
	at, err := parseHostPort(strings.TrimPrefix(received, "PORT "))
	require.NoError(r.t, err)
	r.server.send("200 PORT ok")
	r.client.expect("200 PORT ok")
	return l, at.String()
}

// finishDownload moves data from the server to the client, ends it well, and
// sends the 226.
func (r *rig) finishDownload(server, client net.Conn) {
	r.t.Helper()
	r.moveData(server, client)
	r.finish()
}

// finishUpload moves data from the client to the server, ends it well, and sends
// the 226.
func (r *rig) finishUpload(client, server net.Conn) {
	r.t.Helper()
	r.moveData(client, server)
	r.finish()
}

func (r *rig) finish() {
	r.t.Helper()
	r.server.send("226 done")
	r.client.expect("226 done")
}

// moveData writes data to one end, closes it, and reads the data and its end at
// the other.
func (r *rig) moveData(from, to net.Conn) {
	r.t.Helper()
	writeData(r.t, from, "data")
	require.NoError(r.t, from.Close())
	assert.Equal(r.t, "data", readData(r.t, to))
	require.NoError(r.t, to.Close())
}

// upload uploads a file, up to the server's 226, which the client has not read.
func (r *rig) upload() {
	r.t.Helper()
	client, server := r.passive()
	r.startTransfer("STOR up")
	r.moveData(client, server)
	r.server.send("226 done")
}

func writeData(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// readData reads up to the end of the data.
func readData(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(b)
}

// sendData writes text to one end and reads it at the other.
func sendData(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	writeData(t, from, text)
	b := make([]byte, len(text))
	_, err := io.ReadFull(to, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

func halfClose(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
}

// requireReset checks that the next read of c fails with a reset.
func requireReset(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// acceptPassive receives a PASV or EPSV at the server, accepts it, and returns the
// listener that the reply names.
func (r *rig) acceptPassive(command string) net.Listener {
	r.t.Helper()
	r.server.expect(command)
	l, port := r.serverListener()
	if strings.HasPrefix(command, "PASV") {
		r.server.send(reply227(port))
	} else {
		r.server.send(reply229(port))
	}
	return l
}

// acceptActive receives a PORT or EPRT at the server, accepts it, and returns the
// address that it names.
func (r *rig) acceptActive(verb string) string {
	r.t.Helper()
	received := r.server.receive()
	require.Equal(r.t, verb, parseCommand([]byte(received)).verb)
	r.server.send("200 " + verb + " ok")
	return r.addressIn(received)
}

// announced receives a 227 or 229 at the client, in the usual form, and returns
// the address that it names.
func (r *rig) announced(code string) string {
	r.t.Helper()
	received := r.client.receive()
	require.Regexp(r.t, map[string]string{"227": `^227 .*\(127,0,0,1,\d+,\d+\)\.?$`, "229": `^229 .*\(\|\|\|\d+\|\)$`}[code], received)
	return r.addressIn(received)
}
