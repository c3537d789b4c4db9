package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func init() { recoverImpossible = false }

func TestImpossibleTransitionsPanic(t *testing.T) {
	for name, enter := range map[string]func(){
		"session":         func() { (&session{phase: done}).enter(relaying) },
		"data path":       func() { (&dataPath{state: closed}).enter(ready) },
		"data connection": func() { (&dataConn{}).enter(joined) },
		"transfer":        func() { (&transfer{state: begun}).enter(awaitingClient) },
	} {
		assert.Panics(t, enter, name)
	}
}
