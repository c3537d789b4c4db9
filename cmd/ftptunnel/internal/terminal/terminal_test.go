package terminal

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile has what may not reach a terminal: control characters of both sets, raw
// and encoded, those that change the direction of writing, and invisible ones.
const hostile = "a\x1b[2J\x07\x7f\r\u009b31m\u0085\u202eb\u2066\u200b\u2028\ufeff\U000e0041\xff z"

func TestPrintableRemovesControlAndInvisibleCharacters(t *testing.T) {
	assert.Equal(t, "Wel[2Jcome, \u00e9l\u00e8ve\n", Printable("Wel\x1b[2Jcome, \u00e9l\u00e8ve\x07\r\n"))
	assert.Equal(t, "a[2J31mb\ufffd z", Printable(hostile))
	assert.Equal(t, "one two", OneLine(" one\n\u202e\ttwo\r\n"))
}

func TestJSONWriterEscapesWhatIsNotPrintable(t *testing.T) {
	want := map[string]any{"text\u202e": hostile, "fine": "\u00e9l\u00e8ve \U0001f600"}
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(JSONWriter{&out}).Encode(want))
	assert.Equal(t, out.String(), Printable(out.String()), "it shows as it is")
	assert.Contains(t, out.String(), "\u00e9l\u00e8ve \U0001f600")
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	want["text\u202e"] = "a\x1b[2J\x07\x7f\r\u009b31m\u0085\u202eb\u2066\u200b\u2028\ufeff\U000e0041\ufffd z"
	assert.Equal(t, want, got)
}
