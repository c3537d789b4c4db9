//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.org/ftptunnel/internal/test/clients"
	"example.org/ftptunnel/internal/test/lab"
)

// work does the jobs of a worker.
func (k *soak) work(worker int) {
	var c *client
	hangUp := func() {
		if c != nil {
			c.close()
			c = nil
		}
	}
	defer hangUp()
	for n, j := range k.plan.jobs[worker] {
		name := fmt.Sprintf("upload-%d-%d", worker, n)
		a := attempt{job: j, since: time.Now(), began: time.Now()}
		if j.curl {
			k.curl(&a, name)
		} else {
			if j.relogin {
				hangUp()
			}
			if c == nil {
				if c = k.login(); c == nil {
					return
				}
			}
			a.since, a.began = c.since, time.Now()
			k.perform(&a, c, "pub/"+name)
		}
		_ = os.Remove(k.ftp.Path(name))
		k.record.add(a)
		if c != nil && !k.usable(c, a) {
			hangUp()
		}
		if k.record.ended() {
			return
		}
	}
}

// enter connects to the program and logs in.
func (k *soak) enter() (*client, error) {
	c, err := connect(k.Client, address)
	if err != nil {
		return nil, err
	}
	c.patience = stuckAfter
	if err := c.login("ftp", "x"); err != nil {
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
	case a.job.curl:
		return true
	case a.job.manner == resets && errors.Is(a.err, errAborted), a.job.manner == aborts:
		err := c.settle()
		if errors.Is(err, errStuck) {
			k.record.add(attempt{login: true, since: a.since, began: time.Now(), err: fmt.Errorf("after %v: %w", a.job, err)})
		}
		return err == nil
	}
	return a.whole && a.job.manner != leaves && a.job.manner != trusts
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

// perform has c do the job of a, and compares what the client believes with the
// files.
func (k *soak) perform(a *attempt, c *client, name string) {
	f := k.files[a.job.file]
	var got []byte
	a.whole, got, a.err = c.perform(a.job, f, name)
	if !a.whole {
		return
	}
	switch {
	case a.job.manner == trusts:
		k.arrived(a, name)
	case a.job.upload:
		k.compareUpload(*a, name)
	default:
		k.compare(*a, got)
	}
}

func (k *soak) compareUpload(a attempt, name string) {
	got, err := os.ReadFile(k.ftp.Root + "/" + name)
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
func (k *soak) curl(a *attempt, name string) {
	f := k.files[a.job.file]
	task := clients.Task{Verb: clients.Get, Remote: f.name, Local: name}
	if a.job.upload {
		task = clients.Task{Verb: clients.Put, Local: f.name, Remote: name}
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
		k.compareUpload(*a, "pub/"+name)
		return
	}
	back := k.Client.Path(lab.Home + "/" + name)
	got, err := os.ReadFile(back)
	if err != nil && len(f.data) > 0 {
		a.err = err
	}
	k.compare(*a, got)
	_ = os.Remove(back)
}
