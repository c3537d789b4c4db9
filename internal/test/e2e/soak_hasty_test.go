//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// Clients of a soak that do not wait for replies.

// openBehindRefusal is open, but the command is sent together with a transfer that
// the server refuses, and with a NOOP.
func (c *client) openBehindRefusal(opener string) (*dataPort, error) {
	refused, err := c.open("EPSV")
	if err != nil {
		return nil, err
	}
	defer refused.close()
	p, command, err := c.prepare(opener)
	if err != nil {
		return nil, err
	}
	if err = c.send("RETR pub/absent\r\n%s\r\nNOOP", command); err == nil {
		_, err = c.expect(550)
	}
	if err == nil {
		err = p.opened(opener)
	}
	if err == nil {
		_, err = c.expect(200)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("%s behind a transfer that is refused: %w", opener, err)
	}
	return p, nil
}

// hurry uploads data: it connects, sends all and closes before it reads the 150. The
// command is sent before that or behind it.
func (c *client) hurry(p *dataPort, command string, data []byte, early bool) error {
	if !early {
		if err := c.send("%s", command); err != nil {
			return err
		}
	}
	conn, err := p.connect()
	if err != nil {
		return err
	}
	_, err = conn.Write(data)
	_ = conn.Close()
	if early && err == nil {
		err = c.send("%s", command)
	}
	if err == nil {
		_, err = c.expect(1)
	}
	if err == nil {
		_, err = c.expect(2)
	}
	return err
}

// arrived waits until the file of a client that has left is whole. It is, unless a
// fault came in between.
func (k *soak) arrived(a *attempt, name string) {
	want := k.files[a.job.file].data
	for began := time.Now(); ; <-time.After(20 * time.Millisecond) {
		got, err := os.ReadFile(k.ftp.Root + "/" + name)
		if err == nil && bytes.Equal(got, want) {
			return
		}
		if time.Since(began) > 30*time.Second {
			a.whole, a.err = false, fmt.Errorf("the client has left, and of %d bytes %d are there: %v", len(want), len(got), err)
			return
		}
	}
}

// checkSuccesses checks that every transfer which the program calls a success has
// moved the whole file.
func (k *soak) checkSuccesses() {
	for _, l := range k.program.logged(transferred, attrResult, "ok") {
		file, ok := k.fileOf(l[attrFile])
		if ok && l.number(attrBytes) != int64(len(file.data)) {
			k.record.wrong("a success of %s bytes, not %d, is logged: %v", l[attrBytes], len(file.data), l)
		}
	}
}

// fileOf returns what is in a file of the server's; ok is false for one that may be
// a part although nobody can tell.
func (k *soak) fileOf(name string) (c content, ok bool) {
	var worker, n, file int
	if _, err := fmt.Sscanf(name, "pub/upload-%d-%d", &worker, &n); err == nil {
		j := k.plan.jobs[worker][n]
		return k.files[j.file], !j.manner.mayEndUnseen()
	}
	if _, err := fmt.Sscanf(name, "upload-%d-%d", &worker, &n); err == nil {
		j := k.plan.jobs[worker][n]
		return k.files[j.file], !j.manner.mayEndUnseen()
	}
	if _, err := fmt.Sscanf(name, "pub/file%d", &file); err == nil {
		return k.files[file], true
	}
	return content{}, false
}
