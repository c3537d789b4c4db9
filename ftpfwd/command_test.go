package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseCommand(t *testing.T) {
	for line, want := range map[string]command{
		"PASV\r\n":                         {verb: "PASV"},
		"pasv":                             {verb: "PASV"},
		" PASV \n":                         {verb: "PASV"},
		"PASV x\r\n":                       {verb: "PASV", argument: "x"},
		"RETR a b.txt\r\n":                 {verb: "RETR", argument: "a b.txt"},
		"PORT  1,2\r\n":                    {verb: "PORT", argument: "1,2"},
		"\xff\xf4\xff\xf2ABOR\r\n":         {verb: "ABOR", prefix: 4},
		"\xff\xf4\xffABOR\r\n":             {verb: "ABOR", prefix: 3},
		"\xff\xf4\xf2ABOR\r\n":             {verb: "ABOR", prefix: 3},
		"\xff\xfb\x06\xff\xfd\x06NOOP\r\n": {verb: "NOOP", prefix: 6},
		"\r\n":                             {},
	} {
		assert.Equal(t, want, parseCommand([]byte(line)), "%q", line)
	}
}

func TestEPSVALLIsAParameter(t *testing.T) {
	assert.Equal(t, verbParameter, parseCommand([]byte("EPSV all\r\n")).kind())
	assert.Equal(t, verbPassive, parseCommand([]byte("EPSV 2\r\n")).kind())
	assert.Equal(t, verbPassive, parseCommand([]byte("epsv\r\n")).kind())
}
