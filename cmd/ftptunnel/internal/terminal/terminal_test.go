package terminal

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintableRemovesEscapeSequences(t *testing.T) {
	assert.Equal(t, "Wel[2Jcome, \u00e9l\u00e8ve\n", Printable("Wel\x1b[2Jcome, \u00e9l\u00e8ve\x07\r\n"))
}
