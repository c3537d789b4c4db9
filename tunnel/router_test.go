package tunnel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRouterFindsListenerByPortIfHostDiffers(t *testing.T) {
	r := &router{}
	l := &listener{}
	r.add(newForward("localhost", 4000, l))
	assert.Same(t, l, r.listenerOf("127.0.0.1", 4000))
	assert.Nil(t, r.listenerOf("127.0.0.1", 4001))
	other := &listener{}
	r.add(newForward("127.0.0.1", 4000, other))
	assert.Same(t, other, r.listenerOf("127.0.0.1", 4000))
	assert.Same(t, l, r.listenerOf("localhost", 4000))
	assert.Nil(t, r.listenerOf("::1", 4000))
}
