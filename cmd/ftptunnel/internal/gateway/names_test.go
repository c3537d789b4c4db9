package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesAreThoseOfAllGatewaysAndTheirConnections(t *testing.T) {
	inBubble(t, []string{"a", "b"}, func(r *rig) {
		g := r.group("a", "b")
		assert.Equal(t, []string{"a", "a", "b", "b"}, g.Names(), "as named, and as configured")
		r.through(g)
		assert.Equal(t, []string{"a", "a", "192.0.2.1", "b", "b"}, g.Names())
	})
}
