package knownhosts

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesMatchLikeSSH(t *testing.T) {
	t.Parallel()
	hash := string(hashName("[host.example]:2222", []byte("01234567890123456789")))
	tests := []struct {
		names, host string
		want        bool
	}{
		{"host", "host", true},
		{"host", "hosts", false},
		{"HOST.Example", "host.example", true},
		{"a,host,b", "host", true},
		{"a,,b", "host", false},
		{"*", "host", true},
		{"*", "[host]:2222", true},
		{"host", "[host]:2222", false},
		{"[host]:2222", "[host]:2222", true},
		{"[host]:*", "[host]:2222", true},
		{"[*]:2222", "[host]:2222", true},
		{"h?st", "host", true},
		{"host?", "host", false},
		{"h*t", "host", true},
		{"h*t", "hosts", false},
		{"*.example", "a.b.example", true},
		{"*.example", "example", false},
		{"*?", "", false},
		{"**", "", true},
		{"*,!host", "host", false},
		{"!host,*", "host", false},
		{"*,!host", "other", true},
		{"!host", "other", false},
		{"*,!h*", "host", false},
		{"10.0.0.?", "10.0.0.1", true},
		{"::1", "::1", true},
		{"\u212a", "k", false}, // the Kelvin sign, whose lower case is k
		{hash, "[host.example]:2222", true},
		{hash, "host.example", false},
		{hash + ",host", "host", false},
		{"host," + hash, "host", true},
		{strings.Replace(hash, "|1|", "|2|", 1), "[host.example]:2222", false},
		{"|", "host", false},
		{"", "host", false},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, names(test.names).match(test.host), "%q for %q", test.names, test.host)
	}
}

func TestHashedNameWrittenBySSHMatches(t *testing.T) {
	t.Parallel()
	const written = "|1|bpUSyaGoxraphDpbGuYTl+F0cV0=|cr5f//0qTCulQsjW0JIuEGQECdI="
	assert.True(t, names(written).match("[127.0.0.1]:22101"))
	assert.False(t, names(written).match("127.0.0.1"))
}

func TestMatchPatternIsFastWithManyAsterisks(t *testing.T) {
	t.Parallel()
	assert.False(t, matchPattern(strings.Repeat("*a", 1000)+"b", strings.Repeat("a", 10000)))
}

func FuzzMatchPattern(f *testing.F) {
	f.Add("h*t?", "hosts")
	f.Add("*?*", "")
	f.Add("[a]:*", "[a]:22")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 100 || len(s) > 1000 {
			return
		}
		quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(latin1(pattern)))
		same, err := regexp.Compile(`(?s)\A(?:` + quoted + `)\z`)
		require.NoError(t, err)
		assert.Equal(t, same.MatchString(latin1(s)), matchPattern(pattern, s), "%q %q", pattern, s)
	})
}

// latin1 returns s with each byte as one rune, since regexp matches runes.
func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
