package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
)

const fileSize = 1 << 20 // bytes

// modes are the four commands that open a data connection, each with the text
// that explains it.
var modes = []struct{ command, kind, what string }{
	{"EPSV", "passive", `A file travels on a connection of its own. In passive mode the server opens
a port for it and sends the number, and the client connects. Only the
gateway can reach that port, so the tunnel opens a port on this machine and
sends the client that number instead.`},
	{"PASV", "passive", `The older command for passive mode. The reply has six numbers: four for the
address and two for the port, which is the fifth times 256 plus the sixth.`},
	{"EPRT", "active", `In active mode the client opens a port and sends its address, and the server
connects. The server cannot reach that port, so the tunnel opens one on the
gateway and sends the server that address instead.`},
	{"PORT", "active", `The older command for active mode, again with six numbers.`},
}

// moveFiles uploads and downloads a file in every mode and compares the copies.
func moveFiles(ctx context.Context, show *conversation, far *servers, address string) error {
	content := make([]byte, fileSize)
	if _, err := rand.Read(content); err != nil {
		return err
	}
	show.step("The client logs in", `The client connects to the tunnel's port, and the tunnel connects to the
server. The left column has what the client sends and receives, the right
column what the server sends and receives.`)
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
		show.step(fmt.Sprintf("Upload and download in %s mode: %s", mode.kind, mode.command), mode.what)
		if err := upAndDown(c, far, mode.command, content); err != nil {
			return fmt.Errorf("%s: %w", mode.command, err)
		}
		show.result(content)
	}
	show.step("The client quits", "The server closes its connection, and the tunnel closes that of the client.")
	if err := c.quit(); err != nil {
		return err
	}
	show.summary()
	return nil
}

// upAndDown uploads content and downloads it again, both in the given mode. It
// returns an error if the file on the server or the downloaded one differs.
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
		return fmt.Errorf("the file on the server (%d bytes) differs from the uploaded one (%d bytes)", len(stored), len(content))
	case sha256.Sum256(retrieved.Bytes()) != want:
		return fmt.Errorf("the downloaded file (%d bytes) differs from the uploaded one (%d bytes)", retrieved.Len(), len(content))
	}
	return nil
}

// waitForClients prints how to connect. The sessions of clients are printed until
// ctx is done.
func waitForClients(ctx context.Context, show *conversation, far *servers, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("ftp://%s:%s@%s/", far.user, far.password, address)
	show.step("Your turn", "Connect any FTP client to the tunnel's port. What it sends appears here.")
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
		"to stop", "Ctrl-C, which deletes the uploaded files",
		"", "",
	)
	show.legend()
	<-ctx.Done()
	return nil
}
