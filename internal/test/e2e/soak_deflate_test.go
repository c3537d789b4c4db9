//go:build linux

package e2e

import (
	"bytes"
	"compress/zlib"
	"io"
)

// deflaterPort is where ProFTPD listens, and the program for its clients.
const deflaterPort = "2021"

// deflate does the job of a in MODE Z, which vsftpd does not have.
func (k *soak) deflate(a *attempt) {
	c, err := k.enterAt("127.0.0.1:"+deflaterPort, k.deflater)
	if err != nil {
		a.err = err
		return
	}
	defer c.close()
	a.since = c.since
	if _, a.err = c.command(200, "MODE Z"); a.err != nil {
		return
	}
	var got []byte
	a.whole, got, a.err = c.perform(a.job, k.command(*a), deflated(k.files[a.job.file].data))
	if a.whole && !a.job.upload {
		packed := len(got)
		if got, err = inflated(got); err != nil {
			k.record.wrong("%v: the client believes it whole, but its %d bytes do not inflate: %v", a.job, packed, err)
			return
		}
	}
	k.verify(*a, got)
}

func deflated(content []byte) []byte {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(content)
	_ = w.Close()
	return packed.Bytes()
}

// inflated fails if the end is missing.
func inflated(packed []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
