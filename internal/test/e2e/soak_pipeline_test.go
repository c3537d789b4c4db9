//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"strings"
)

// Transfers that fail.
const (
	missing   = "download of a file that does not exist"
	forbidden = "upload into a directory that refuses"
	deaf      = "active transfer to a port at which nobody listens"
)

var refusals = []string{missing, forbidden, deaf}

// Files of transfers that fail, and how the names of others end; vsftpd's root
// directory refuses uploads.
const (
	missingFile   = "missing"
	forbiddenFile = "forbidden"
	deafFile      = "-deaf"
)

// pipeline sends a transfer command that fails, an opener and NOOP in one packet.
// Each is to get its own reply. Then it moves the file of a with that opener.
func (k *soak) pipeline(a attempt, c *client) (whole bool, got []byte, err error) {
	var refused string
	opener := a.job.opener
	switch a.job.refused {
	case missing:
		refused = "RETR pub/" + missingFile
	case forbidden:
		refused = "STOR " + forbiddenFile
	case deaf:
		other := a
		other.name += deafFile
		refused = k.command(other)
		opener = cmp.Or(map[string]string{"EPSV": "EPRT", "PASV": "PORT"}[opener], opener)
	}
	first, err := c.open(opener)
	if err != nil {
		return false, nil, err
	}
	defer first.close()
	if a.job.refused == deaf {
		first.close()
	}
	if a.job.early && first.at != "" {
		data, err := first.connect()
		if err != nil {
			return false, nil, err
		}
		defer data.Close()
		if a.job.refused == forbidden {
			_, _ = data.Write(make([]byte, 1000)) // it may be reset already
		}
	}
	next, line, code, err := c.prepare(a.job.next)
	if err != nil {
		return false, nil, err
	}
	defer next.close()
	if err := c.send("%s\r\n%s\r\nNOOP", refused, line); err != nil {
		return false, nil, err
	}
	if err := k.expectRefusal(a.job, c); err != nil {
		return false, nil, err
	}
	text, err := k.expectOwn(a.job, c, a.job.next, code, "")
	if err != nil {
		return false, nil, err
	}
	if next.listener == nil {
		if next.at, err = c.announced(text); err != nil {
			return false, nil, err
		}
	}
	if _, err := k.expectOwn(a.job, c, "NOOP", 200, "NOOP"); err != nil {
		return false, nil, err
	}
	return c.performAt(next, a.job, k.command(a), k.files[a.job.file].data)
}

// expectRefusal waits for the reply to a transfer that fails.
func (k *soak) expectRefusal(j job, c *client) error {
	for {
		r, err := c.next()
		switch {
		case err != nil:
			return err
		case r.code/100 == 1:
		case r.code == 421:
			return fmt.Errorf("reply %v", r)
		case r.code < 400:
			k.record.wrong("%v, %s: the reply to it is %v", j, j.refused, r)
			return fmt.Errorf("reply %v", r)
		default:
			return nil
		}
	}
}

// expectOwn waits for the reply to a pipelined command, which has a code and
// contains a text, and returns its text. A refusal is an error, and another success
// is wrong: it belongs to another command.
func (k *soak) expectOwn(j job, c *client, command string, code int, text string) (string, error) {
	r, err := c.next()
	switch {
	case err != nil:
		return "", err
	case r.code >= 400:
		return "", fmt.Errorf("%s behind %s: reply %v", command, j.refused, r)
	case r.code != code || !strings.Contains(r.text, text):
		k.record.wrong("%v, %s: the reply to the %s behind it is %v", j, j.refused, command, r)
		return "", fmt.Errorf("reply %v", r)
	}
	return r.text, nil
}
