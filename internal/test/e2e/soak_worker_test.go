//go:build linux

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// work does jobs, one after the other.
func (k *soak) work(worker int, jobs []job) {
	var c *client
	var sound time.Time // no fault that was over by then has broken c
	hangUp := func() {
		if c != nil {
			c.close()
			c = nil
		}
	}
	defer hangUp()
	for n, j := range jobs {
		a := attempt{job: j, name: fmt.Sprintf("upload-%d-%d", worker, n), since: time.Now(), began: time.Now()}
		switch {
		case j.curl:
			k.curl(&a)
			k.finish(a)
		case j.manner == deflates:
			k.deflate(&a)
			k.finish(a)
		case j.manner == gathers:
			k.gather(a)
		default:
			if j.relogin {
				hangUp()
			}
			if c == nil {
				if c = k.login(); c == nil {
					return
				}
				sound = c.since
			}
			a.since, a.began = sound, time.Now()
			k.perform(&a, c)
			k.finish(a)
			if a.whole {
				sound = a.began
			}
			if !k.usable(c, a) {
				hangUp()
			}
		}
		if k.record.ended() {
			return
		}
	}
}

// enter connects to the program and logs in to vsftpd.
func (k *soak) enter() (*client, error) { return k.enterAt(address, k.ftp) }

// enterAt connects to the program at an address and logs in to its server.
func (k *soak) enterAt(address string, ftp *lab.FTPServer) (*client, error) {
	c, err := connect(k.Client, address)
	if err != nil {
		return nil, err
	}
	c.patience = stuckAfter
	if err := c.login(ftp.User, cmp.Or(ftp.Password, "x")); err != nil {
		c.close()
		return nil, fmt.Errorf("login: %w", err)
	}
	return c, nil
}

// login logs in, again and again if it fails. It returns nil if the soak ends
// meanwhile.
func (k *soak) login() *client {
	for began := time.Now(); ; {
		at := time.Now()
		c, err := k.enter()
		if err == nil {
			return c
		}
		if time.Since(began) > 2*stuckAfter {
			err = fmt.Errorf("%w: %w", errStuck, err)
		}
		k.record.add(attempt{login: true, since: at, began: at, err: err})
		select {
		case <-k.record.over:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// usable reports whether a session can be used for another transfer.
func (k *soak) usable(c *client, a attempt) bool {
	switch {
	case a.job.manner == resets && errors.Is(a.err, errAborted), a.job.manner == aborts:
		err := c.settle()
		if errors.Is(err, errStuck) {
			k.record.add(attempt{login: true, since: a.since, began: time.Now(), err: fmt.Errorf("after %v: %w", a.job, err)})
		}
		return err == nil
	}
	return a.whole && a.job.manner != leaves && a.job.manner != departs
}

// settle waits until no reply is outstanding: the number of replies to an aborted
// transfer varies, and no other of them has the code 200.
func (c *client) settle() error {
	if err := c.send("NOOP"); err != nil {
		return err
	}
	_, err := c.expectUntil(200)
	return err
}

// finish records a. An upload that failed stays for comparison with the log.
func (k *soak) finish(a attempt) {
	if a.whole && a.job.upload {
		_ = os.Remove(k.serverOf(a.job).Path(a.name))
	}
	k.record.add(a)
}

// serverOf returns the FTP server of a job.
func (k *soak) serverOf(j job) *lab.FTPServer {
	if j.manner == deflates {
		return k.deflater
	}
	return k.ftp
}

// command returns the command that does the job of a.
func (k *soak) command(a attempt) string {
	dir := k.serverOf(a.job).Dir
	if a.job.upload {
		return "STOR " + path.Join(dir, a.name)
	}
	return "RETR " + path.Join(dir, k.files[a.job.file].name)
}

// perform has c do the job of a, and compares what the client believes with the
// files.
func (k *soak) perform(a *attempt, c *client) {
	var got []byte
	switch content := k.files[a.job.file].data; a.job.manner {
	case pipelines:
		a.whole, got, a.err = k.pipeline(*a, c)
	case hurries:
		a.whole, a.err = c.hurry(a.job, k.command(*a), content)
	case departs:
		a.whole, a.err = k.depart(*a, c)
	default:
		a.whole, got, a.err = c.perform(a.job, k.command(*a), content)
	}
	k.verify(*a, got)
}

// verify checks that a file which the client of a believes whole is whole. Got is
// what a download has brought.
func (k *soak) verify(a attempt, got []byte) {
	switch {
	case a.whole && a.job.upload:
		k.compareUpload(a)
	case a.whole:
		k.compare(a, got)
	}
}

func (k *soak) compareUpload(a attempt) {
	got, err := os.ReadFile(k.serverOf(a.job).Path(a.name))
	if err != nil {
		k.record.wrong("%v: the client believes it whole, but %v", a.job, err)
		return
	}
	k.compare(a, got)
}

func (k *soak) compare(a attempt, got []byte) {
	if want := k.files[a.job.file].data; !bytes.Equal(got, want) {
		k.record.wrong("%v: the client believes it whole, but it is %d bytes of %d, session since %v", a.job, len(got), len(want), a.since.Format("15:04:05.000"))
	}
}

// curl does the job of a with curl.
func (k *soak) curl(a *attempt) {
	f := k.files[a.job.file]
	task := clients.Task{Verb: clients.Get, Remote: f.name, Local: a.name}
	if a.job.upload {
		task = clients.Task{Verb: clients.Put, Local: f.name, Remote: a.name}
	}
	i := curl.In(a.job.opener).Invoke(targetAt(address, k.ftp), task)
	if a.job.rate > 0 {
		i.Args = append(i.Args, "--limit-rate", fmt.Sprint(a.job.rate))
	}
	limit := 2 * stuckAfter
	if a.job.manner == dies {
		limit = a.job.pause / 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := i.Command(ctx, k.Client, lab.Home).CombinedOutput()
	switch {
	case err != nil && ctx.Err() != nil && a.job.manner != dies:
		a.err = errStuck
		return
	case err != nil:
		a.err = fmt.Errorf("curl: %w: %s", err, bytes.TrimSpace(out))
		return
	}
	a.whole = true
	if a.job.upload {
		k.compareUpload(*a)
		return
	}
	back := k.Client.Path(lab.Home + "/" + a.name)
	got, err := os.ReadFile(back)
	if err != nil && len(f.data) > 0 {
		a.err = err
	}
	k.compare(*a, got)
	_ = os.Remove(back)
}
