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

// A content is what is in a file of the plan.
type content struct {
	name string // in the directory pub, and in the client's home
	data []byte
}

// carryOut does an errand whose upload is stored as name. It reports whether
// the client believes that the file has gone over whole, and what a download
// has brought.
func (c *caller) carryOut(e errand, f content, name string) (whole bool, got []byte, err error) {
	if e.manner == ignores {
		unused, err := c.open(e.opener)
		if err != nil {
			return false, nil, err
		}
		defer unused.close()
	}
	o, err := c.open(e.opener)
	if err != nil {
		return false, nil, err
	}
	defer o.close()
	command := "RETR pub/" + f.name
	if e.upload {
		command = "STOR " + name
	}
	data, err := c.begin(o, command, e.early)
	if data != nil {
		defer data.Close()
	}
	if err != nil {
		return false, nil, err
	}
	if e.rate > 0 || e.manner == pauses {
		// Not even the system reads on: what has not been read is still on its way.
		_ = data.(*net.TCPConn).SetReadBuffer(moverChunk)
	}
	t := &mover{caller: c, errand: e, data: data, size: len(f.data)}
	if e.upload {
		err = t.upload(f.data)
	} else {
		got, err = t.download()
	}
	if errors.Is(err, errStuck) || errors.Is(err, errBrokenOff) && e.manner == hangsUp {
		return false, got, err
	}
	h, final := c.expect(2)
	if err == nil || errors.Is(final, errStuck) {
		err = final
	}
	// Whoever resets an upload has not sent all of it, so a success is a lie.
	if errors.Is(err, errBrokenOff) && e.upload && e.manner == resets && final == nil {
		return true, nil, nil
	}
	if errors.Is(err, errBrokenOff) && final != nil && h.code == 0 {
		err = final
	}
	return err == nil && !t.aborted, got, err
}

// begin sends the command and makes the data connection, in the one order or
// the other.
func (c *caller) begin(o *opener, command string, early bool) (data net.Conn, err error) {
	early = early && o.at != ""
	if early {
		if data, err = o.connect(); err != nil {
			return nil, err
		}
	}
	if err = c.send("%s", command); err != nil {
		return data, err
	}
	if !early && o.at != "" {
		if data, err = o.connect(); err != nil {
			return nil, err
		}
	}
	if _, err = c.expect(1); err != nil {
		return data, err
	}
	if data == nil {
		data, err = o.connect()
	}
	return data, err
}

// A mover moves the data of an errand.
type mover struct {
	*caller
	errand  errand
	data    net.Conn
	size    int // of the file
	moved   int
	shown   bool // the errand's manner
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
			return nil, fmt.Errorf("data after %d of %d bytes: %w", m.moved, m.size, stuckIfLate(err))
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
			return fmt.Errorf("data after %d of %d bytes: %w", m.moved, m.size, stuckIfLate(err))
		}
	}
}

// pace notes that n bytes have moved, and keeps to the errand's rate.
func (m *mover) pace(n int) {
	m.moved += n
	if m.errand.rate > 0 {
		<-time.After(time.Duration(n) * time.Second / time.Duration(m.errand.rate))
	}
}

// turn is how far into the file the errand's manner shows.
func (m *mover) turn() int { return int(m.errand.at * float64(m.size)) }

// behave shows the errand's manner once it is time to, and returns an error if
// that has ended the data connection.
func (m *mover) behave() error {
	if err := m.data.SetDeadline(time.Now().Add(stuckAfter)); err != nil {
		return err
	}
	if m.shown || m.moved < m.turn() {
		return nil
	}
	m.shown = true
	switch m.errand.manner {
	case pauses:
		<-time.After(m.errand.rests)
		return m.data.SetDeadline(time.Now().Add(stuckAfter))
	case leaves:
		return m.send("QUIT")
	case aborts:
		m.aborted = true
		return m.abort()
	case hangsUp:
		_ = m.control.Close()
		if m.errand.resets {
			reset(m.data)
		} else {
			_ = m.data.Close()
		}
		return errBrokenOff
	case resets:
		if m.moved == m.size && m.errand.upload {
			return nil // too late: it was empty
		}
		reset(m.data)
		return errBrokenOff
	}
	return nil
}
