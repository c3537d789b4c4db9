package ftpfwd

import (
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

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
		descriptor = endOfFile
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
		synctest.Wait() // until it is counted
		r.finish()
		for i, ended := range r.endedTransfers() {
			assert.NoError(r.t, ended.Err, i)
			assert.EqualValues(r.t, []int{22, 15, 11}[i], ended.Bytes)
		}
		require.NoError(r.t, client.Close())
		assert.Empty(r.t, readData(r.t, server))
	})
}

// What has been confirmed is the client's, though it opens another path before it
// has read all of it.
func TestConfirmedFileIsReadBehindNextPath(t *testing.T) {
	for _, next := range []string{"EPSV", "TYPE I", "REIN", "QUIT"} {
		t.Run(next, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.exchange("MODE B", "200 block it is")
				client, server := r.passive()
				r.startTransfer("RETR x")
				writeData(r.t, server, blockData("a whole file", true))
				r.finish()
				switch next {
				case "EPSV":
					r.epsv(4000)
				case "QUIT":
					r.exchange(next, "221 bye")
					require.NoError(r.t, r.server.conn.Close())
				default:
					r.exchange(next, "200 ok")
				}
				require.NoError(r.t, server.Close())
				synctest.Wait()
				assert.Equal(r.t, blockData("a whole file", true), readData(r.t, client))
			})
		})
	}
}

// A server may close its data connection behind each file, whatever the mode.
func TestFileIsAwaitedOnNextConnectionWhenServerHasClosedTheLast(t *testing.T) {
	for _, closedFirst := range []bool{true, false} {
		for _, verb := range []string{"RETR", "STOR"} {
			t.Run(fmt.Sprintf("%s, closed before the reply: %t", verb, closedFirst), func(t *testing.T) {
				withRig(t, func(r *rig) {
					r.exchange("MODE B", "200 block it is")
					l, port := r.serverListener()
					at := r.epsv(port)
					client := r.clientDials(at)
					server := r.accept(l)
					r.startTransfer(verb + " x")
					from, to := server, client
					if verb == "STOR" {
						from, to = client, server
					}
					sendData(r.t, from, to, blockData("a whole file", true))
					synctest.Wait() // until it is counted
					if closedFirst {
						require.NoError(r.t, server.Close())
						synctest.Wait()
					}
					r.finish()
					if !closedFirst {
						require.NoError(r.t, server.Close())
					}
					assert.Empty(r.t, readData(r.t, client))
					require.NoError(r.t, client.Close())
					client = r.clientDials(at)
					server = r.accept(l)
					r.startTransfer("RETR y")
					r.server.send("226 done")
					r.client.expectNothing()
					sendData(r.t, server, client, blockData("another", true))
					r.client.expect("226 done")
				})
			})
		}
	}
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

func TestDownloadThatEndsWithinABlockIsNoSuccess(t *testing.T) {
	for mode, part := range map[string]string{"B": blockData("a file of two blocks", true)[:12], "C": compressedData("a file")[:3]} {
		for reply, want := range map[string]string{"226 done": "426 transfer failed", "426 aborted": "426 aborted"} {
			withRig(t, func(r *rig) {
				r.exchange("MODE "+mode, "200 ok")
				client, server := r.passive()
				r.startTransfer("RETR x")
				writeData(r.t, server, part)
				require.NoError(r.t, server.Close())
				r.server.send(reply)
				assert.Equal(r.t, part, readData(r.t, client), "what has arrived is the client's")
				assert.Contains(r.t, r.client.receive(), want)
				assert.Error(r.t, r.endedTransfer().Err)
			})
		}
	}
}

func TestFinalReplyWaitsForEndOfFileThatModeMarks(t *testing.T) {
	for mode, file := range map[string]func(string) string{"C": compressedData, "Z": deflatedData} {
		t.Run("MODE "+mode, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.exchange("MODE "+mode, "200 ok")
				client, server := r.passive()
				for _, content := range []string{"a first file", "", strings.Repeat("third", 10_000)} { // the server keeps its data connection
					r.startTransfer("RETR x")
					data := file(content)
					sendData(r.t, server, client, data[:len(data)-1])
					r.server.send("226 done")
					r.client.expectNothing()
					advance(dataAtMost / 2)
					r.client.expectNothing()
					sendData(r.t, server, client, data[len(data)-1:])
					r.client.expect("226 done")
				}
			})
		})
	}
}

// A mode that was asked for in the same packet holds, unless it is refused.
func TestModeHoldsForTransfersCommandedBehindIt(t *testing.T) {
	for name, c := range map[string]struct{ before, mode, reply string }{
		"accepted": {"MODE B", "MODE S", "200 ok"},
		"refused":  {"MODE S", "MODE B", "504 no"},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.exchange(c.before, "200 ok")
				client, server := r.passive()
				r.client.send(c.mode, "RETR x")
				r.server.expect(c.mode, "RETR x")
				r.server.send(c.reply, "150 data comes")
				r.client.expect(c.reply, "150 data comes")
				sendData(r.t, server, client, blockData("looks like a block", true))
				r.server.send("226 done")
				r.client.expectNothing()
				require.NoError(r.t, server.Close())
				r.client.expect("226 done")
			})
		})
	}
}

// compressedData returns data in compressed mode, with each form that it has.
func compressedData(data string) string {
	var out strings.Builder
	for len(data) > 0 {
		n := min(len(data), 127)
		out.WriteByte(byte(n))
		out.WriteString(data[:n])
		data = data[n:]
	}
	return out.String() + "\x83\x00" + "\xc5" + "\x00\x80" + "\x00\x40"
}

// deflatedData returns data as a zlib stream.
func deflatedData(data string) string {
	var out strings.Builder
	w := zlib.NewWriter(&out)
	_, _ = io.WriteString(w, data)
	_ = w.Close()
	return out.String()
}

func TestFileEndsAreFoundHoweverDataIsCut(t *testing.T) {
	for mode, all := range map[string]string{
		modeCompressed: compressedData("first file") + compressedData("") + compressedData("third"),
		modeDeflate:    deflatedData("first file") + deflatedData("") + deflatedData(strings.Repeat("third", 50)),
	} {
		for size := 1; size <= len(all); size++ {
			ends, r := 0, newFileEnds(mode)
			for b := []byte(all); len(b) > 0; b = b[min(size, len(b)):] {
				ends += r.read(b[:min(size, len(b))])
			}
			r.close()
			assert.Equal(t, 3, ends, "mode %s, in pieces of %d bytes", mode, size)
		}
	}
}

func TestMalformedDeflateStreamMarksNoEnd(t *testing.T) {
	r := newFileEnds(modeDeflate)
	defer r.close()
	assert.Zero(t, r.read([]byte("plain text")))
	assert.Zero(t, r.read([]byte(deflatedData("x"))))
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
