//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.org/ftptunnel/internal/test/lab"
)

// work does a worker's errands.
func (k *soak) work(worker int) {
	var c *caller
	hangUp := func() {
		if c != nil {
			c.close()
			c = nil
		}
	}
	defer hangUp()
	for n, e := range k.plan.errands[worker] {
		name := fmt.Sprintf("upload-%d-%d", worker, n)
		o := venture{errand: e, entered: time.Now(), began: time.Now()}
		switch {
		case e.curl:
			k.curl(&o, name)
		default:
			if e.enters {
				hangUp()
			}
			if c == nil {
				if c = k.enter(); c == nil {
					return
				}
			}
			o.entered, o.began = c.entered, time.Now()
			k.verify(&o, c, "pub/"+name)
		}
		_ = os.Remove(k.ftp.Path(name))
		k.record.add(o)
		if c != nil && !k.goesOn(c, o) {
			hangUp()
		}
		if k.record.ended() {
			return
		}
	}
}

// enter logs in, again and again if need be; it returns nil if that is of no
// use.
func (k *soak) enter() *caller {
	for began := time.Now(); ; {
		at := time.Now()
		c, err := enter(k.Client)
		if err == nil {
			return c
		}
		if time.Since(began) > 2*stuckAfter {
			err = fmt.Errorf("%w: %w", errStuck, err)
		}
		k.record.add(venture{login: true, entered: at, began: at, err: err})
		select {
		case <-k.record.over:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// goesOn reports whether a session can be used for another transfer.
func (k *soak) goesOn(c *caller, o venture) bool {
	switch {
	case o.errand.curl:
		return true
	case o.errand.manner == resets && errors.Is(o.err, errBrokenOff), o.errand.manner == aborts:
		err := c.settle()
		if errors.Is(err, errStuck) {
			k.record.add(venture{login: true, entered: o.entered, began: time.Now(), err: fmt.Errorf("after %v: %w", o.errand, err)})
		}
		return err == nil
	}
	return o.whole && o.errand.manner != leaves
}

// verify has c do o's errand and compares what the client believes with what is
// there.
func (k *soak) verify(o *venture, c *caller, name string) {
	f := k.files[o.errand.file]
	var got []byte
	o.whole, got, o.err = c.carryOut(o.errand, f, name)
	if !o.whole {
		return
	}
	if o.errand.upload {
		k.compareUpload(*o, name)
	} else {
		k.compare(*o, got)
	}
}

func (k *soak) compareUpload(o venture, name string) {
	got, err := os.ReadFile(k.ftp.Root + "/" + name)
	if err != nil {
		k.record.wrong("%v: taken for whole, but %v", o.errand, err)
		return
	}
	k.compare(o, got)
}

func (k *soak) compare(o venture, got []byte) {
	if want := k.files[o.errand.file].data; !bytes.Equal(got, want) {
		k.record.wrong("%v: taken for whole, but it is %d bytes of %d, session since %v", o.errand, len(got), len(want), o.entered.Format("15:04:05.000"))
	}
}

var openerFlags = map[string][]string{
	"EPSV": {}, "PASV": {"--disable-epsv"}, "EPRT": {"-P", "-"}, "PORT": {"-P", "-", "--disable-eprt"},
}

// curl does an errand with curl.
func (k *soak) curl(o *venture, name string) {
	f := k.files[o.errand.file]
	back := lab.Home + "/" + name
	args := append([]string{"-sS", "--fail"}, openerFlags[o.errand.opener]...)
	if o.errand.rate > 0 {
		args = append(args, "--limit-rate", fmt.Sprint(o.errand.rate))
	}
	if o.errand.upload {
		args = append(args, "-T", lab.Home+"/"+f.name, here+"/pub/"+name)
	} else {
		args = append(args, "-o", back, here+"/pub/"+f.name)
	}
	limit := 2 * stuckAfter
	if o.errand.manner == dies {
		limit = o.errand.rests / 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := k.Client.Command(ctx, "curl", args...).CombinedOutput()
	switch {
	case err != nil && ctx.Err() != nil && o.errand.manner != dies:
		o.err = errStuck
		return
	case err != nil:
		o.err = fmt.Errorf("curl: %w: %s", err, bytes.TrimSpace(out))
		return
	}
	o.whole = true
	if o.errand.upload {
		k.compareUpload(*o, "pub/"+name)
		return
	}
	got, err := os.ReadFile(k.Client.Path(back))
	if err != nil && len(k.files[o.errand.file].data) > 0 {
		o.err = err
	}
	k.compare(*o, got)
	_ = os.Remove(k.Client.Path(back))
}
