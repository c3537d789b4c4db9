package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReportHasOneAlignedLineForEachStep(t *testing.T) {
	var out bytes.Buffer
	r := &report{lines: &out, Summary: []string{"Nothing works yet."}}
	r.add("connect", 1234*time.Microsecond, pass("gateway answers"))
	r.add("authentication", 12*time.Second, (&checker{}).fail(errors.New("two\r\nlines \x1b[31mand colours")))
	r.add("login", 0, skip("not tried"))
	r.advise("do this", "do that", "do this")
	require.NoError(t, r.finish(&out))
	assert.Equal(t, `connect           ok        1 ms  gateway answers
authentication    FAIL  12000 ms  two lines [31mand colours
login             skip            not tried

Nothing works yet.

What to do:
  - do this
  - do that
`, out.String())
}

func TestReportIsOneJSONDocument(t *testing.T) {
	var out bytes.Buffer
	r := newReport("gw", "ftp:21")
	r.Modes["PASV"], r.Works = true, true
	r.add("connect", 1234*time.Microsecond, pass("<gateway> answers"))
	require.Empty(t, out.String())
	require.NoError(t, r.finish(&out))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	assert.Equal(t, true, got["works"])
	assert.Equal(t, []any{map[string]any{"step": "connect", "result": "ok", "ms": 1.234, "text": "<gateway> answers"}}, got["steps"])
}

// Scripts read the document. To rename a key breaks them.
func TestReportKeysAreStable(t *testing.T) {
	var out bytes.Buffer
	r := newReport("gw", "ftp:21")
	require.NoError(t, r.finish(&out))
	assert.Equal(t, `{
  "gateway": "gw",
  "server": "ftp:21",
  "hops": [],
  "steps": [],
  "modes": {},
  "works": false,
  "summary": [],
  "advice": []
}
`, out.String(), "a list is never null")

	hop := &hopReport{
		Name: "gw", Address: "gw:22", User: "ann", IdentityFiles: []string{"id"}, Agent: "socket", HostKeyType: "ssh-ed25519",
		Fingerprint: "SHA256:x", Credential: "id", Version: "SSH-2.0", KeyExchange: "kex", Cipher: "aes",
	}
	assert.Equal(t, []string{
		"address", "agent", "cipher", "credential", "fingerprint", "host_key_type", "identity_files", "key_exchange",
		"name", "post_quantum", "user", "version",
	}, keys(t, hop))
	assert.Equal(t, []string{"address", "identity_files", "name", "post_quantum", "user"}, keys(t, &hopReport{}), "the others appear when they are known")
	assert.Equal(t, []string{"ms", "result", "step", "text"}, keys(t, step{}))
	assert.Equal(t, "ok fail skip note", fmt.Sprint(passed, " ", failed, " ", skipped, " ", noted))
}

// keys returns the keys of v's JSON object.
func keys(t *testing.T, v any) []string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(b, &object))
	return slices.Sorted(maps.Keys(object))
}

func TestReportLeavesOutPasswordThatServerRepeats(t *testing.T) {
	var out bytes.Buffer
	r := newReport("gw", "ftp:21")
	r.lines, r.secret = &out, "hunter2-word"
	r.add("EPSV", 0, (&checker{}).fail(errors.New("500 'PASS hunter2-word', or HUNTER2-WORD")))
	require.NoError(t, r.finish(&out))
	assert.NotRegexp(t, "(?i)hunter2", out.String())
	assert.Contains(t, out.String(), "500 'PASS ***', or ***")
}
