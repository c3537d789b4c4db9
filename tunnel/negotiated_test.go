package tunnel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/ftptunnel/internal/test/sshtest"
)

func TestNegotiatedReturnsEveryHop(t *testing.T) {
	checkLeaks(t)
	jump, jumpKey := newServer(t, &sshtest.Server{})
	far, farKey := newServer(t, &sshtest.Server{})
	tun := mustOpen(t, insecureConfig(hopTo(jump, jumpKey), hopTo(far, farKey)))
	agreed := tun.Negotiated()
	require.Len(t, agreed, 2)
	for i, server := range []struct {
		*sshtest.Server
		key string
	}{{jump, jumpKey}, {far, farKey}} {
		assert.Equal(t, server.Addr().Port, agreed[i].Hop.Port)
		assert.Equal(t, server.key, agreed[i].Credential)
		assert.Equal(t, "SSH-2.0-Go", agreed[i].ServerVersion)
		assert.Equal(t, "mlkem768x25519-sha256", agreed[i].KeyExchange)
		assert.Equal(t, "ssh-ed25519", agreed[i].HostKey)
		assert.NotEmpty(t, agreed[i].Cipher)
	}
	require.NoError(t, tun.Close())
	assert.Nil(t, tun.Negotiated())
}
