package ftpfwd

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestTelnetPrefixOfABORIsDropped(t *testing.T) {
	for client, line := range map[string]string{
		"tnftp, inetutils, lftp":      "\xff\xf4\xff\xf2ABOR\r\n",
		"ncftp, the urgent byte lost": "\xff\xf4\xffABOR\r\n",
		"tnftp, the urgent byte lost": "\xff\xf4\xf2ABOR\r\n",
	} {
		t.Run(client, func(t *testing.T) {
			withRig(t, func(r *rig) {
				r.client.sendBytes(line)
				r.server.expect("ABOR")
			})
		})
	}
}

func TestOwnCommandIsNotSentWithinALongLine(t *testing.T) {
	withRig(t, func(r *rig) {
		client, _ := r.passive()
		r.startTransfer("STOR x")
		r.client.sendBytes("SITE " + strings.Repeat("x", 2000))
		synctest.Wait()
		reset(client)
		synctest.Wait()
		r.client.sendBytes("yz\r\n")
		r.server.expect("SITE "+strings.Repeat("x", 2000)+"yz", "ABOR")
	})
}

func TestClientIsNotReadWhileItsCommandsAreHeld(t *testing.T) {
	var permit chan struct{}
	withRig(t, func(r *rig) {
		commands := strings.Repeat("NOOP\r\n", 20_000)
		r.client.send("PORT 127,0,0,1,200,1")
		written := make(chan struct{})
		go func() {
			_, _ = io.WriteString(r.client.conn, commands)
			close(written)
		}()
		synctest.Wait()
		select {
		case <-written:
			r.t.Error("120 kB were read while a command was held")
		default:
		}
		close(permit)
		assert.Contains(r.t, r.server.receive(), "PORT ")
		r.server.send("200 ok")
		r.client.expect("200 ok")
		r.server.expectBytes(commands)
	}, func(r *rig) {
		permit = make(chan struct{})
		r.forwarder.Remote = listenDelayed{resolving{r.far}, permit}
	})
}
