package ftpfwd

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blockData returns data in block mode, in blocks of four bytes at most.
func blockData(data string, last bool) string {
	var b strings.Builder
	for len(data) > 4 {
		fmt.Fprintf(&b, "\x00\x00\x04%s", data[:4])
		data = data[4:]
	}
	descriptor := byte(0)
	if last {
		descriptor = blockEndOfFile
	}
	fmt.Fprintf(&b, "%c\x00%c%s", descriptor, len(data), data)
	return b.String()
}

func TestBlockModeCarriesSeveralFilesOnOneDataConnection(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("MODE B", "200 block it is")
		client, server := r.passive()
		for _, data := range []string{"first file", "second"} {
			r.startTransfer("RETR " + data)
			writeData(r.t, server, blockData(data, false))
			r.server.send("226 done")
			r.client.expectNothing() // the end of the file has not come
			writeData(r.t, server, blockData("", true))
			r.client.expect("226 done")
			b := make([]byte, len(blockData(data, false)+blockData("", true)))
			_, err := io.ReadFull(client, b)
			require.NoError(r.t, err)
			assert.Equal(r.t, blockData(data, false)+blockData("", true), string(b))
		}
		r.startTransfer("STOR third")
		sendData(r.t, client, server, blockData("third", true))
		r.finish()
		for i, ended := range r.endedTransfers() {
			assert.NoError(r.t, ended.Err, i)
			assert.EqualValues(r.t, []int{22, 15, 11}[i], ended.Bytes)
		}
		require.NoError(r.t, client.Close())
		assert.Empty(r.t, readData(r.t, server))
	})
}

func TestUploadInBlockModeFailsWhenResetWithinFile(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("MODE B", "200 block it is")
		client, server := r.passive()
		r.startTransfer("STOR x")
		sendData(r.t, client, server, blockData("half a file", false))
		reset(client)
		r.client.expect("426 transfer failed: the data connection to the client broke; the file on the server is not complete")
		r.server.expect("ABOR")
	})
}

// The end of a file is not marked in a way that is read here.
func TestFinalReplyInDeflateModeWaitsWhileDataMoves(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("MODE Z", "200 ok")
		client, server := r.passive()
		for range 2 { // the server keeps its data connection
			r.startTransfer("RETR x")
			sendData(r.t, server, client, "deflated")
			r.server.send("226 done")
			r.client.expectNothing()
			advance(2*continuesAtMost + time.Millisecond)
			r.client.expect("226 done")
		}
	})
}

func TestBlockReaderCountsFiles(t *testing.T) {
	all := blockData("first file", true) + blockData("", true) + blockData("third", true)
	for size := 1; size <= len(all); size++ {
		var r blockReader
		ends := 0
		for b := []byte(all); len(b) > 0; b = b[min(size, len(b)):] {
			ends += r.read(b[:min(size, len(b))])
		}
		assert.Equal(t, 3, ends, "in pieces of %d bytes", size)
	}
}

// However data is cut into pieces, the same files end in it.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte(blockData("data", true)), 1)
	f.Add([]byte(blockData("data", false)+blockData("", true)), 4)
	f.Add([]byte("\x40\x00\x00\x40\x00\x00\x80\xff\xff"), 2)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var atOnce, inPieces blockReader
		want := atOnce.read(data)
		got := 0
		for rest := data; len(rest) > 0; {
			n := min(max(cut, 1), len(rest))
			got += inPieces.read(rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, want, got)
		require.Equal(t, atOnce.left, inPieces.left)
		require.LessOrEqual(t, want, len(data)/blockHeader)
	})
}
