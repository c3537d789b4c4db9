package ftpfwd

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lines of real servers, and the same with the address of a listener at
// 127.0.0.2:51201.
func TestAnnouncementIsRewritten(t *testing.T) {
	own := netip.MustParseAddrPort("127.0.0.2:51201")
	for _, c := range []struct {
		product, line, want string
		port                uint16
	}{
		{"vsftpd", "227 Entering Passive Mode (127,0,0,1,101,166).", "227 Entering Passive Mode (127,0,0,2,200,1).", 26022},
		{"Pure-FTPd", "227 Entering Passive Mode (10,0,0,1,4,51)", "227 Entering Passive Mode (127,0,0,2,200,1)", 1075},
		{"RFC 959", "227 Entering Passive Mode. 10,0,0,1,4,51", "227 Entering Passive Mode. 127,0,0,2,200,1", 1075},
		{"sys-ftpd", "227 192,168,178,39,184,244", "227 127,0,0,2,200,1", 47348},
		{"publicfile", "227 =10,0,0,1,4,51", "227 =127,0,0,2,200,1", 1075},
		{"in curl's comment", "227 Data transfer will passively listen to 127,0,0,1,4,51", "227 Data transfer will passively listen to 127,0,0,2,200,1", 1075},
		{"blanks, in FluentFTP's tracker", "227 Entering Passive Mode( 10, 0, 0, 1, 143,225).", "227 Entering Passive Mode( 127,0,0,2,200,1).", 36833},
		{"leading zeros", "227 (010,000,000,001,004,051)", "227 (127,0,0,2,200,1)", 1075},
		{"a number before", "227 Entering Passive Mode 1 (10,0,0,1,4,51)", "227 Entering Passive Mode 1 (127,0,0,2,200,1)", 1075},
		{"vsftpd on IPv6", "227 Entering Passive Mode (0,0,0,0,101,166)", "227 Entering Passive Mode (127,0,0,2,200,1)", 26022},
		{"ProFTPD 1.3.8 on IPv6", "227 Entering Passive Mode (1,155,25).", "227 Entering Passive Mode (127,0,0,2,200,1).", 39705},
		{"pyftpdlib on IPv6", "227 Entering passive mode (::1,234,65).", "227 Entering passive mode (127,0,0,2,200,1).", 59969},
		{"vsftpd", "229 Entering Extended Passive Mode (|||50006|)", "229 Entering Extended Passive Mode (|||51201|)", 50006},
		{"Serv-U", "229 Entering Extended Passive Mode (|||50006|).", "229 Entering Extended Passive Mode (|||51201|).", 50006},
		{"another delimiter", "229 ok (!!!50006!)", "229 ok (!!!51201!)", 50006},
		{"no parentheses", "229 |||50006|", "229 |||51201|", 50006},
		{"227 to EPSV, in basic-ftp's tracker", "229 Entering (10,0,0,1,4,51)", "229 Entering (127,0,0,2,200,1)", 1075},
		{"229 to PASV, in CPython's tracker", "227 Entering (|||50006|)", "227 Entering (|||51201|)", 50006},
	} {
		code, _, at := replyCode([]byte(c.line))
		a, ok := findAnnouncement(code, c.line[at:])
		require.True(t, ok, c.product)
		assert.Equal(t, c.port, a.addr.Port(), c.product)
		assert.Equal(t, c.want, c.line[:at]+a.rewrite(c.line[at:], own), c.product)
	}
}

func TestOtherTextIsNoAnnouncement(t *testing.T) {
	for _, text := range []string{
		"", "Entering Passive Mode", "(1,2,3,4,5)", "(1,2,3,4,5,256)", "(1216,256,2,127,127,127)",
		"(127,0,0,1,0,0)", "(|||0|)", "(|||65536|)", "(|||1000000|)", "000210|", "(a,b,1,2)",
	} {
		_, ok := findAnnouncement(227, text)
		assert.False(t, ok, text)
		_, ok = findAnnouncement(229, text)
		assert.False(t, ok, text)
	}
}

func TestFormatHostPortReplacesIPv6AddressByZeros(t *testing.T) {
	assert.Equal(t, "0,0,0,0,200,1", formatHostPort(netip.MustParseAddrPort("[::1]:51201")))
}

func TestParseHostPort(t *testing.T) {
	for argument, want := range map[string]string{
		"127,0,0,1,200,1":         "127.0.0.1:51201",
		" 127, 0,0,1 ,200,1 ":     "127.0.0.1:51201",
		"127,000,000,001,200,001": "127.0.0.1:51201",
		"127,0,0,1,200":           "",
		"127,0,0,1,200,1,1":       "",
		"127,0,0,1,200,256":       "",
		"x127,0,0,1,200,1":        "",
		"127,0,0,1,200,1x":        "",
		"-127,0,0,1,200,1":        "",
		"":                        "",
	} {
		a, err := parseHostPort(argument)
		if want == "" {
			assert.ErrorIs(t, err, errHostPort, argument)
		} else {
			assert.Equal(t, want, a.String(), argument)
		}
	}
}

func TestParseExtended(t *testing.T) {
	for argument, want := range map[string]string{
		"|1|127.0.0.1|51201|": "127.0.0.1:51201",
		"!1!127.0.0.1!51201!": "127.0.0.1:51201",
		"|2|::1|51201|":       "[::1]:51201",
		"|2|fe80::1%lo|5120|": "[fe80::1]:5120",
		"|2|127.0.0.1|51201|": "",
		"|1|::1|51201|":       "",
		"|1||51201|":          "",
		"|1|127.0.0.1|65536|": "",
		"|1|127.0.0.1|51201":  "",
		"1111":                "",
		"":                    "",
	} {
		a, err := parseExtended(argument)
		if want == "" {
			assert.ErrorIs(t, err, errExtended, argument)
		} else {
			assert.Equal(t, want, a.String(), argument)
		}
	}
}

func FuzzAnnouncement(f *testing.F) {
	for _, s := range []string{"Entering (127,0,0,1,4,51).", "(|||50006|)", "(1,155,25)", "(::1,234,65)", "=1,2,3,4,5,6"} {
		f.Add(227, s)
		f.Add(229, s)
	}
	own := netip.MustParseAddrPort("127.0.0.1:51201")
	f.Fuzz(func(t *testing.T, code int, text string) {
		a, ok := findAnnouncement(code, text)
		if !ok {
			return
		}
		require.Positive(t, a.addr.Port())
		rewritten := a.rewrite(text, own)
		require.Equal(t, text[:a.start], rewritten[:a.start], "the text before is unchanged")
		require.Equal(t, text[a.end:], rewritten[len(rewritten)-len(text[a.end:]):], "the text behind is unchanged")
		b, ok := findAnnouncement(code, rewritten)
		require.True(t, ok)
		require.Equal(t, own.Port(), b.addr.Port(), "%q became %q", text, rewritten)
	})
}

func FuzzPORT(f *testing.F) {
	f.Add("127,0,0,1,200,1")
	f.Add("|1|127.0.0.1|51201|")
	f.Add("|2|::1|51201|")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := parseHostPort(s); err == nil {
			b, err := parseHostPort(formatHostPort(a))
			require.NoError(t, err)
			require.Equal(t, a, b)
		}
		if a, err := parseExtended(s); err == nil {
			b, err := parseExtended(formatExtended(a))
			require.NoError(t, err)
			require.Equal(t, a, b)
		}
	})
}
