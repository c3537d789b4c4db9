package record

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"example.org/ftptunnel/cmd/ftptunnel/internal/events"
	"example.org/ftptunnel/ftpfwd"
)

// xferlogLine returns the line of an xferlog about e, as in xferlog(5) of wu-ftpd. It
// leaves out listings, as servers do.
//
// What the tunnel does not know is as servers write what does not apply: no special
// action, and a user who is not authenticated by RFC 931. An anonymous user's password
// is a secret here.
func xferlogLine(e events.Event) string {
	t := e.Transfer
	if !t.MovesFile() {
		return ""
	}
	direction, access, kind, completed := "o", "r", "b", "c"
	if t.Direction == ftpfwd.Upload {
		direction = "i"
	}
	if strings.HasPrefix(strings.ToUpper(t.Type), "A") {
		kind = "a"
	}
	if t.Err != nil {
		completed = "i"
	}
	user := e.User
	switch strings.ToLower(user) {
	case "anonymous", "ftp":
		access = "a"
	}
	path := t.Path
	if path == "" {
		path = t.File
	}
	return fmt.Sprintf("%s %d %s %d %s %s _ %s %s %s ftp 0 * %s\n",
		e.Time.Local().Format("Mon Jan _2 15:04:05 2006"), seconds(t.Duration), host(e.Client), t.Bytes, word(path), kind,
		direction, access, word(user), completed)
}

// seconds returns a duration in whole seconds, at least one: readers divide by it.
func seconds(d time.Duration) int64 { return max(1, int64(d.Round(time.Second)/time.Second)) }

// host returns the address of an address and port.
func host(address string) string {
	if at, err := netip.ParseAddrPort(address); err == nil {
		return at.Addr().Unmap().WithZone("").String()
	}
	return word(address)
}

// word returns s as one field: blanks and what is not printable become underscores,
// as in the servers' own files.
func word(s string) string {
	if s == "" {
		return "?"
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || !unicode.IsPrint(c) {
			return '_'
		}
		return c
	}, s)
}
