//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// gather does several transfers, which all end together; an upload among them may
// be reset then. All clients of a soak share one SSH connection.
func (k *soak) gather(a attempt) {
	var members, ready sync.WaitGroup
	ready.Add(a.job.members)
	together := make(chan struct{})
	for i := range a.job.members {
		m := a
		m.name = fmt.Sprintf("%s-%d", a.name, i)
		m.job.upload = a.job.upload == (i%2 == 0)
		m.job.opener = openers[(slices.Index(openers, a.job.opener)+i)%len(openers)]
		if i == 0 && m.job.resets && m.job.upload && m.job.size > 0 {
			m.job.manner = resets
		}
		members.Go(func() { k.member(m, sync.OnceFunc(ready.Done), together) })
	}
	ready.Wait()
	close(together)
	members.Wait()
}

// member does one of several transfers. It calls ready when it can end, or has
// failed, and ends when together is closed.
func (k *soak) member(a attempt, ready func(), together <-chan struct{}) {
	defer ready()
	a.since = time.Now()
	c, err := k.enter()
	if err != nil {
		k.record.add(attempt{job: a.job, login: true, since: a.since, began: a.since, err: err})
		return
	}
	defer c.close()
	wait := func() {
		ready()
		<-together
	}
	a.began = time.Now()
	var got []byte
	a.whole, got, a.err = c.performTogether(a.job, k.command(a), k.files[a.job.file].data, wait)
	k.verify(a, got)
	k.finish(a)
}

// performTogether is perform, which calls wait before a download begins, and before
// the last part of an upload.
func (c *client) performTogether(j job, command string, upload []byte, wait func()) (whole bool, got []byte, err error) {
	port, err := c.open(j.opener)
	if err != nil {
		return false, nil, err
	}
	defer port.close()
	if !j.upload {
		wait()
		return c.performAt(port, j, command, nil)
	}
	data, err := c.begin(port, command, j.early)
	if data != nil {
		defer data.Close()
	}
	if err != nil {
		return false, nil, err
	}
	most := len(upload) / 4 * 3
	_, err = data.Write(upload[:most])
	wait()
	if err != nil {
		return false, nil, err
	}
	if j.manner == resets {
		reset(data)
	} else {
		_ = data.SetDeadline(time.Now().Add(c.patience))
		_, err = data.Write(upload[most:])
		err = errors.Join(err, data.Close())
	}
	_, final := c.expect(2)
	return err == nil && final == nil, nil, errors.Join(err, final)
}
