//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// stuckAfter is how long a client of a soak waits for anything. The program's own
// limits add up to a minute and a half: 30 seconds to connect and a minute for
// idle data connections.
const stuckAfter = 95 * time.Second

// errAborted reports that the client itself has ended a data connection.
var errAborted = errors.New("aborted by the client")

// A content is what is in a file of the plan.
type content struct {
	name string // in the servers' directories, and in the client's home directory
	data []byte
}

// perform does a job. The command moves the file, and upload is what an upload
// sends. It reports whether the client believes that the file was moved whole, and
// returns what a download has brought.
func (c *client) perform(j job, command string, upload []byte) (whole bool, got []byte, err error) {
	if j.manner == ignores {
		unused, err := c.open(j.opener)
		if err != nil {
			return false, nil, err
		}
		defer unused.close()
	}
	port, err := c.open(j.opener)
	if err != nil {
		return false, nil, err
	}
	defer port.close()
	return c.performAt(port, j, command, upload)
}

// performAt is perform with a data port that is open already.
func (c *client) performAt(port *dataPort, j job, command string, upload []byte) (whole bool, got []byte, err error) {
	data, err := c.begin(port, command, j.early)
	if data != nil {
		defer data.Close()
	}
	if err != nil {
		return false, nil, err
	}
	if j.rate > 0 || j.manner == pauses {
		// The kernel must not read ahead: unread data stays on its way.
		_ = data.SetReadBuffer(moverChunk)
	}
	m := &mover{client: c, job: j, data: data, size: j.size}
	if j.upload {
		err = m.upload(upload)
	} else {
		got, err = m.download()
	}
	if errors.Is(err, errStuck) || errors.Is(err, errAborted) && j.manner == hangsUp {
		return false, got, err
	}
	r, final := c.next()
	if final == nil && r.code/100 != 2 {
		final = fmt.Errorf("reply %v", r)
	}
	if err == nil || errors.Is(final, errStuck) {
		err = final
	}
	// A client that resets an upload has not sent all of it, so a success is
	// wrong.
	if errors.Is(err, errAborted) && j.upload && j.manner == resets && final == nil {
		return true, nil, nil
	}
	if errors.Is(err, errAborted) && r.code == 0 && final != nil {
		err = final
	}
	return err == nil && !m.aborted, got, err
}

// A mover moves the data of a job.
type mover struct {
	*client
	job     job
	data    *net.TCPConn
	size    int // of the file
	moved   int
	shown   bool // the job's manner
	aborted bool
}

const moverChunk = 32 << 10

func (m *mover) download() ([]byte, error) {
	var got bytes.Buffer
	buf := make([]byte, moverChunk)
	for {
		if err := m.behave(); err != nil {
			return nil, err
		}
		n, err := m.data.Read(buf)
		got.Write(buf[:n])
		m.pace(n)
		switch {
		case errors.Is(err, io.EOF):
			return got.Bytes(), m.data.Close()
		case err != nil:
			return nil, m.failed(err)
		}
	}
}

func (m *mover) upload(data []byte) error {
	for {
		if err := m.behave(); err != nil {
			return err
		}
		if m.moved == len(data) {
			return m.data.Close()
		}
		end := min(m.moved+moverChunk, len(data))
		if !m.shown {
			end = min(end, m.turn()) // so that something is left
		}
		n, err := m.data.Write(data[m.moved:end])
		m.pace(n)
		if err != nil {
			return m.failed(err)
		}
	}
}

// failed adds to an error of the data connection how far it got, and that it is
// stuck after a timeout.
func (m *mover) failed(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		err = fmt.Errorf("%w: %w", errStuck, err)
	}
	return fmt.Errorf("data after %d of %d bytes: %w", m.moved, m.size, err)
}

// pace counts n bytes and waits as the job's rate demands.
func (m *mover) pace(n int) {
	m.moved += n
	if m.job.rate > 0 {
		<-time.After(time.Duration(n) * time.Second / time.Duration(m.job.rate))
	}
}

// turn returns after how many bytes the job's manner shows.
func (m *mover) turn() int { return int(m.job.at * float64(m.size)) }

// behave shows the job's manner when it is time to, and returns an error if that
// has ended the data connection.
func (m *mover) behave() error {
	if err := m.data.SetDeadline(time.Now().Add(stuckAfter)); err != nil {
		return err
	}
	if m.shown || m.moved < m.turn() {
		return nil
	}
	m.shown = true
	switch m.job.manner {
	case pauses:
		<-time.After(m.job.pause)
		return m.data.SetDeadline(time.Now().Add(stuckAfter))
	case leaves:
		return m.send("QUIT")
	case aborts:
		m.aborted = true
		return m.abort()
	case hangsUp:
		_ = m.conn.Close()
		if m.job.resets {
			reset(m.data)
		} else {
			_ = m.data.Close()
		}
		return errAborted
	case resets:
		if m.moved == m.size && m.job.upload {
			return nil // too late: the file was empty
		}
		reset(m.data)
		return errAborted
	}
	return nil
}
