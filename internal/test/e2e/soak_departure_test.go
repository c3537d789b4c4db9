//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"time"
)

// hurry uploads content and ends it before it looks at the 150, and reports
// whether it was confirmed. A passive client may do so before it sends the command.
func (c *client) hurry(j job, command string, content []byte) (whole bool, err error) {
	port, err := c.open(j.opener)
	if err != nil {
		return false, err
	}
	defer port.close()
	write := func() error {
		data, err := port.connectUnread()
		if err != nil {
			return err
		}
		_, err = data.Write(content)
		return errors.Join(err, data.Close())
	}
	if j.early && port.at != "" {
		err = errors.Join(write(), c.send("%s", command))
	} else if err = c.send("%s", command); err == nil {
		err = write()
	}
	if err != nil {
		return false, err
	}
	if _, err = c.expect(1); err == nil {
		_, err = c.expect(2)
	}
	return err == nil, err
}

// depart uploads the file of a to its end and closes or resets the control
// connection without looking at the reply. It reports whether the server has the
// file whole.
func (k *soak) depart(a attempt, c *client) (whole bool, err error) {
	j, content := a.job, k.files[a.job.file].data
	port, err := c.open(j.opener)
	if err != nil {
		return false, err
	}
	defer port.close()
	data, err := c.begin(port, k.command(a), j.early)
	if data != nil {
		defer data.Close()
	}
	if err != nil {
		return false, err
	}
	if j.at < 0.5 {
		_ = c.conn.SetReadDeadline(time.Now()) // what follows stays unread, so that a close resets
	}
	if err := (&mover{client: c, job: j, data: data, size: j.size}).upload(content); err != nil {
		return false, err
	}
	if j.pause > time.Second {
		<-time.After(j.pause / 20)
	}
	if j.resets {
		reset(c.conn)
	} else {
		_ = c.conn.Close()
	}
	return k.departed(a)
}

// settling is how long the server may take to write what it has received.
const settling = 5 * time.Second

// departed waits until the server has the file of a whole, or the log has the end
// of the transfer. It is wrong if that is a success and the file is not whole.
func (k *soak) departed(a attempt) (whole bool, err error) {
	began := time.Now()
	var failed time.Time // when the log was found to have a failure
	for ; !k.record.ended(); <-time.After(100 * time.Millisecond) {
		lines := k.journal.about(a.name) // before the file: a success comes after it
		if k.uploaded(a) {
			return true, nil
		}
		switch {
		case len(lines) > 0 && lines[0].has(attrResult, "ok"):
			k.record.wrong("%v: the file is not whole, but the log has %v", a.job, lines[0])
			return false, errors.New("not whole")
		case len(lines) > 0 && failed.IsZero():
			failed = time.Now()
		case len(lines) > 0 && time.Since(failed) > settling:
			return false, fmt.Errorf("not whole: %s", lines[0][attrError])
		case time.Since(began) > stuckAfter:
			return false, fmt.Errorf("%w: the log has no end of the upload", errStuck)
		}
	}
	return false, errors.New("the soak has ended")
}
