package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
)

const fileSize = 1 << 20

// The four ways to open a data connection, and what is to be seen in each.
var modes = []struct{ command, kind, what string }{
	{"EPSV", "passive", `A file does not travel on this connection, but on one of its own. Passive:
the server opens a port for it and names it, and the client connects. But
only the gateway can reach that port. So the tunnel reads the number, opens
a port on this side, and names that one instead.`},
	{"PASV", "passive", `The older way to ask for the same. The reply is six numbers: four are the
address, and the port is the fifth times 256 plus the sixth.`},
	{"EPRT", "active", `Active is the other way round: the client opens a port and names it, and the
server connects. But the server cannot reach that port. So the tunnel has
the gateway open one beside the server, and names that one instead.`},
	{"PORT", "active", `The older way to say the same, again with six numbers.`},
}

// moveFiles moves a file up and down in every mode, and compares.
func moveFiles(ctx context.Context, show *conversation, far *servers, address string) error {
	content := make([]byte, fileSize)
	if _, err := rand.Read(content); err != nil {
		return err
	}
	show.step("The client logs in", `The client connects to the tunnel's port, and the tunnel to the server.
On the left is what the client says and hears, on the right what the server
does.`)
	show.legend()
	c, err := dialFTP(ctx, address)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.logIn(far.user, far.password); err != nil {
		return err
	}
	for _, mode := range modes {
		show.step(fmt.Sprintf("A file goes up and comes down: %s, %s", mode.kind, mode.command), mode.what)
		if err := upAndDown(c, far, mode.command, content); err != nil {
			return fmt.Errorf("%s: %w", mode.command, err)
		}
		show.result(content)
	}
	show.step("The client leaves", "The server hangs up, and the tunnel passes that on too.")
	if err := c.quit(); err != nil {
		return err
	}
	show.summary()
	return nil
}

// upAndDown stores content on the server and retrieves it again, both in mode,
// and compares what is there and what comes back with what was sent.
func upAndDown(c *client, far *servers, mode string, content []byte) error {
	name := mode + ".bin"
	if err := c.store(mode, name, bytes.NewReader(content)); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	stored, err := far.files.ReadFile(name)
	if err != nil {
		return err
	}
	var retrieved bytes.Buffer
	if err := c.retrieve(mode, name, &retrieved); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	want := sha256.Sum256(content)
	switch {
	case sha256.Sum256(stored) != want:
		return fmt.Errorf("the file on the server, of %d bytes, is not the one of %d bytes that was sent", len(stored), len(content))
	case sha256.Sum256(retrieved.Bytes()) != want:
		return fmt.Errorf("what came back, %d bytes, is not what was sent, %d bytes", retrieved.Len(), len(content))
	}
	return nil
}

// waitForClients says how to come in, and shows what is said until ctx is done.
func waitForClients(ctx context.Context, show *conversation, far *servers, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("ftp://%s:%s@%s/", far.user, far.password, address)
	show.step("Your turn", "Point any FTP client at the tunnel's port, and see here what it says.")
	show.facts(
		"URL", url,
		"user", far.user,
		"password", far.password,
		"", "",
		"passive", "curl "+url+"hello.txt",
		"active", "curl --ftp-port - "+url+"hello.txt",
		"upload", "curl -T FILE "+url,
		"lftp", fmt.Sprintf("lftp -u %s,%s -p %s %s", far.user, far.password, port, host),
		"", "",
		"to stop", "Ctrl-C; what was uploaded is deleted then",
		"", "",
	)
	show.legend()
	<-ctx.Done()
	return nil
}
