package ftpfwd

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What is shown in the place of a secret, and of a text that repeats one.
const (
	masked     = "****"
	maskedText = "not shown: it repeats a secret that the client has sent"
)

// secretCommands matches commands whose arguments are secrets, as servers may
// understand them: in any case, behind blanks and behind what stands before the
// verb (Telnet, RFC 854; a byte order mark), and with bytes inside the verb that
// a server may skip, and behind what a server may take for the end of a line.
// Group 1 is the command, and what follows is the secret.
var secretCommands = secretPattern()

func secretPattern() *regexp.Regexp {
	spread := func(word string) string { return strings.Join(strings.Split(word, ""), `[^ -~\t]*`) }
	passwords := spread("PASS") + "|" + spread("XPAS") + "|" + spread("XAUT") + "|" + spread("ACCT") + "|" + spread("ADAT")
	messages := `(?:` + spread("MIC") + "|" + spread("CONF") + "|" + spread("ENC") + `)[ \t]` // RFC 2228
	mechanism := spread("AUTH") + `[ \t]+[^ \t]+[ \t]`
	// SITE PSWD, PASSWD, CHPASS, GPASS, CPWD, ADDUSER and their like.
	site := spread("SITE") + `[ \t]+[^ \t]*(?:PAS|PSW|PWD|ADDU|USERADD)[^ \t]*[ \t]`
	return regexp.MustCompile(`(?is)(?:^|[\r\x00])[^!-~]*[^ \t]*?(` + passwords + "|" + messages + "|" + mechanism + "|" + site + `)`)
}

// splitSecret splits a client's line in front of its secret, if its command has
// one.
func splitSecret(line string) (command, secret string, ok bool) {
	line = strings.TrimRight(line, " \t\r\n\x00")
	m := secretCommands.FindStringSubmatchIndex(line)
	if m == nil {
		return "", "", false
	}
	words := strings.Fields(line[m[2]:m[3]])
	for i, word := range words {
		words[i] = strings.ToUpper(visible(word))
	}
	return strings.Join(words, " "), strings.TrimLeft(line[m[3]:], " \t"), true
}

// splitName splits the argument of a USER that has a password behind the name, as
// in "bob:secret" or "bob:secret@ftp-host".
func splitName(argument string) (name, secret string, ok bool) {
	if user, _, _ := cutLast(argument); !strings.Contains(user, ":") {
		return argument, "", false // a colon behind the @ is that of a server's port
	}
	return strings.Cut(argument, ":")
}

// shownUser returns the argument of a USER as it may be shown.
func shownUser(argument string) string {
	if i := strings.IndexAny(argument, "\r\x00"); i >= 0 {
		argument = argument[:i] // a command may follow
	}
	if name, _, ok := splitName(argument); ok {
		return name + ":" + masked
	}
	return argument
}

// namesUser reports whether the verb is USER, whatever stands before it.
func (c command) namesUser() bool { return strings.HasSuffix(visible(c.verb), "USER") }

// visible returns s without what is not printable ASCII.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
}

// secrets are what a client has sent that must not be shown, whoever repeats it.
// A text that repeats one is left out as a whole: what remained around it would
// tell which word of an ordinary sentence is the password.
//
// A secret of fewer than [plainLength] bytes, or one that is the user's name, is
// a word that occurs by itself. Such a secret counts only in what the server
// says, and there only as a whole word.
type secrets struct {
	user  string   // folded
	long  []string // folded
	words []string // folded
}

const (
	plainLength = 6
	maxSecrets  = 256 // the oldest is forgotten
	cutLength   = 150 // a text of this length may be cut, within a secret too
	cutSecret   = 8   // bytes of a secret that count in such a text
)

// note keeps the secret of a client's line, if it has one.
func (s *secrets) note(p piece) {
	if p.tail {
		return
	}
	line := p.bytes[:min(len(p.bytes), maxInspected)]
	if command, secret, ok := splitSecret(string(line)); ok {
		s.add(secret)
		words := strings.Fields(secret)
		switch {
		case strings.HasPrefix(command, "SITE"): // a user and a password, or the old one and the new one
			for _, word := range words {
				s.add(word)
			}
		case len(words) > 1: // the first may be the rest of the verb, or XAUT's method
			s.add(strings.TrimLeft(secret[len(words[0]):], " \t"))
		}
		return
	}
	c := parseCommand(line)
	if !c.namesUser() {
		return
	}
	if _, secret, ok := splitName(c.argument); ok {
		s.add(secret)
		password, _, _ := cutLast(secret)
		s.add(password)
	}
	user, _, _ := cutLast(c.argument)
	s.user = fold(user)
}

// add keeps a secret, and the forms in which it may be repeated.
func (s *secrets) add(secret string) {
	quoted := strconv.Quote(secret)
	for _, form := range []string{secret, visible(secret), oneLine(secret), quoted[1 : len(quoted)-1]} {
		form = fold(form)
		list := &s.long
		switch {
		case form == "":
			continue
		case len(form) < plainLength, form == s.user:
			list = &s.words
		}
		if !slices.Contains(*list, form) {
			*list = append(*list, form)
		}
		if len(*list) > maxSecrets {
			*list = slices.Delete(*list, 0, 1)
		}
	}
}

// in reports whether text repeats a long secret.
func (s *secrets) in(text string) bool {
	text = fold(text)
	return slices.ContainsFunc(s.long, func(secret string) bool {
		if len(text) >= cutLength {
			secret = secret[:min(len(secret), cutSecret)]
		}
		return strings.Contains(text, secret)
	})
}

// said reports whether text, of the server or about it, repeats a secret.
func (s *secrets) said(text string) bool {
	if s.in(text) {
		return true
	}
	text = fold(text)
	return slices.ContainsFunc(s.words, func(secret string) bool { return hasWord(text, secret) })
}

// hasWord reports whether word stands in text with no letter or digit beside it.
func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		if (i == 0 || !wordByte(text[i-1])) && (i+len(word) == len(text) || !wordByte(text[i+len(word)])) {
			return true
		}
		from = i + 1
	}
}

func wordByte(b byte) bool { return b >= 0x80 || isDigit(b) || 'a' <= b && b <= 'z' }

// fold returns s for comparisons: servers repeat commands in capitals.
func fold(s string) string { return strings.ToLower(s) }

// event returns e without secrets.
func (s *secrets) event(e Event) Event {
	e.User = shownUser(e.User)
	e.Line.Received, e.Line.Sent = s.line(e.Line.From, e.Line.Received), s.line(e.Line.From, e.Line.Sent)
	if len(s.long)+len(s.words) == 0 {
		return e
	}
	e.Transfer, e.Change = s.transfer(e.Transfer), s.change(e.Change)
	e.Err = s.error(e.Err)
	return e
}

// head matches what is shown of a line whose text is left out: a reply's code or
// a command's verb.
var head = regexp.MustCompile(`^(?:[0-9]{3}[ -]|[A-Za-z]{3,4} )`)

// line returns a line of a control connection without secrets.
func (s *secrets) line(from Side, line string) string {
	if c := parseCommand([]byte(line)); from == Client && c.namesUser() && c.argument != "" {
		return "USER " + shownUser(c.argument)
	}
	begin := head.FindString(line)
	rest := line[len(begin):]
	if s.in(rest) || from != Client && s.said(rest) {
		return begin + masked
	}
	return line
}

// name returns a file's name, or what else a client has sent, without secrets.
func (s *secrets) name(text string) string {
	if s.in(text) {
		return masked
	}
	return text
}

func (s *secrets) transfer(t Transfer) Transfer {
	t.File, t.Path, t.Err = s.name(t.File), s.name(t.Path), s.error(t.Err)
	return t
}

func (s *secrets) change(c Change) Change {
	c.File, c.Path = s.name(c.File), s.name(c.Path)
	if s.said(c.Text) {
		c.Text = masked
	}
	return c
}

// A maskedError hides the text of an error that repeats a secret.
type maskedError struct{ err error }

func (e *maskedError) Error() string { return maskedText }
func (e *maskedError) Unwrap() error { return e.err }

func (s *secrets) error(err error) error {
	if err == nil || !s.said(err.Error()) {
		return err
	}
	return &maskedError{err}
}
