package sshconfig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The forms of values that package ssh_config reads as ssh does: no quotes, no
// backslashes, and no list where a word belongs.
const (
	word    = `[^\s"'\\]+`
	words   = word + `([ \t]+` + word + `)*`
	plain   = `[^\s"'\\%$]+` // tokens and variables mean something in new versions only
	number  = `[0-9]{1,9}`
	boolean = `(?i:yes|no|true|false)`
	names   = `[a-z0-9][a-z0-9@.,-]*` // no additions to the default list, no patterns
	pattern = `!?[^\s"'\\?!]+`
)

// valueForms are the keywords that this package honours or refuses to ignore,
// each with the form of value that the built-in reader takes.
var valueForms = map[string]string{
	"addressfamily":                `(?i:any|inet|inet6)`,
	"batchmode":                    boolean,
	"bindaddress":                  plain,
	"bindinterface":                plain,
	"casignaturealgorithms":        names,
	"certificatefile":              word,
	"ciphers":                      names,
	"connecttimeout":               `(?i:none)|` + number,
	"globalknownhostsfile":         words,
	"hashknownhosts":               boolean,
	"hostkeyalgorithms":            names,
	"hostkeyalias":                 plain,
	"hostname":                     word,
	"identitiesonly":               boolean,
	"identityagent":                word,
	"identityfile":                 word,
	"kbdinteractiveauthentication": boolean,
	"kexalgorithms":                names,
	"knownhostscommand":            words,
	"macs":                         names,
	"numberofpasswordprompts":      number,
	"passwordauthentication":       boolean,
	"port":                         number,
	"preferredauthentications":     plain,
	"proxycommand":                 `.*`,
	"proxyusefdpass":               boolean,
	"proxyjump":                    `[^\s"'\\$]+`,
	"pubkeyacceptedalgorithms":     names,
	"pubkeyauthentication":         `(?i:yes|no|true|false|unbound|host-bound)`,
	"refuseconnection":             `.*`,
	"requiredrsasize":              number,
	"revokedhostkeys":              plain,
	"serveralivecountmax":          number,
	"serveraliveinterval":          number,
	"stricthostkeychecking":        `(?i:yes|no|true|false|off|ask|accept-new)`,
	"user":                         plain,
	"userknownhostsfile":           words,
}

// ignoredKeywords are the others that ssh knows, except those beginning with
// GSSAPI and those that change how a file is read.
var ignoredKeywords = strings.Fields(`
	addkeystoagent canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames
	channeltimeout checkhostip clearallforwardings compression
	connectionattempts controlmaster controlpath controlpersist dynamicforward enableescapecommandline
	enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent
	forwardx11 forwardx11timeout forwardx11trusted gatewayports hostbasedacceptedalgorithms
	hostbasedauthentication ignoreunknown ipqos kbdinteractivedevices localcommand localforward
	loglevel logverbose nohostauthenticationforlocalhost obscurekeystroketiming permitlocalcommand
	permitremoteopen pkcs11provider rekeylimit remotecommand
	remoteforward requesttty securitykeyprovider sendenv sessiontype setenv stdinnull
	streamlocalbindmask streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys
	verifyhostkeydns versionaddendum visualhostkey warnweakcrypto xauthlocation`)

// An inspector looks for what package ssh_config would read otherwise than ssh.
type inspector struct {
	home          string
	proxyCommands []proxyLine
}

// A proxyLine is a ProxyCommand and where it stands, file:line.
type proxyLine struct{ place, command string }

// maxIncludes is how deep package ssh_config follows Include.
const maxIncludes = 5

var keywordAndValue = regexp.MustCompile(`^([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.+)$`)

// inspect returns a [*Error] with file and line for the first line of
// text, or of the files that it includes, that may be misread.
func (i *inspector) inspect(text configText, depth int) error {
	number := 0
	for line := range bytes.Lines(text.text) {
		number++
		content := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if content = strings.TrimLeft(content, " \t"); content == "" || content[0] == '#' {
			continue
		}
		place := fmt.Sprintf("%s:%d", text.name, number)
		if text.commandLine {
			place = fmt.Sprintf("-o:%d: %s", number, content)
		}
		if err := i.line(text, place, content, depth); err != nil {
			return err
		}
	}
	return nil
}

func (i *inspector) line(text configText, place, content string, depth int) error {
	refuse := func(what string) error { return &Error{place + ": " + what + ". " + advice} }
	parts := keywordAndValue.FindStringSubmatch(content)
	if parts == nil || !utf8.ValidString(content) || strings.ContainsFunc(content, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return refuse("not of the form keyword, blank, value")
	}
	keyword := strings.ToLower(parts[1])
	if strings.HasPrefix(keyword, "gssapi") || slices.Contains(ignoredKeywords, keyword) {
		return nil
	}
	value, comment, commented := strings.Cut(parts[2], "#")
	bare := strings.TrimRight(value, " \t")
	form, honoured := valueForms[keyword]
	switch {
	case form == `.*`:
		if keyword == "proxycommand" {
			i.proxyCommands = append(i.proxyCommands, proxyLine{place, strings.TrimRight(parts[2], " \t\f")})
		}
		if none := strings.Trim(bare, `"`); strings.EqualFold(none, "none") && none != parts[2] {
			return refuse(parts[1] + " " + parts[2])
		}
		return nil // whether there is one is all that matters, but for a ProxyCommand: see proxied
	case commented && bare == value:
		return refuse(fmt.Sprintf("%s: a # inside a value (%s#%s)", parts[1], value, comment))
	case text.commandLine && !honoured:
		return refuse(parts[1] + " cannot be given on the command line")
	case honoured:
		if !matches(form, bare) || implementedAlgorithms[keyword] != nil && !allImplemented(keyword, bare) {
			return refuse(fmt.Sprintf("%s %s", parts[1], bare))
		}
		return nil
	}
	switch keyword {
	case "host":
		if !matches(pattern+`( +`+pattern+`)*`, bare) {
			return refuse("Host with a ?, quotes, a backslash or a tab: " + bare)
		}
	case "match":
		if !strings.EqualFold(bare, "all") {
			return refuse("Match with conditions: " + bare)
		}
	case "canonicalizehostname":
		if !strings.EqualFold(bare, "no") {
			return refuse("CanonicalizeHostname " + bare)
		}
	case "include":
		if commented {
			return refuse("Include with a comment in its line")
		}
		return i.include(text, value, refuse, depth)
	default:
		return refuse(parts[1] + ": not a keyword that the built-in reader knows")
	}
	return nil
}

// include looks into the files that an Include names, found as package
// ssh_config finds them.
func (i *inspector) include(text configText, value string, refuse func(string) error, depth int) error {
	if depth == maxIncludes {
		return refuse("Include: too deep")
	}
	if !matches(word+`( `+word+`)*`, value) || strings.ContainsAny(value, "%$[") {
		return refuse("Include " + value)
	}
	for name := range strings.SplitSeq(value, " ") {
		rest, inHome := strings.CutPrefix(name, "~/")
		path := name
		switch {
		case filepath.IsAbs(name):
		case inHome:
			path = filepath.Join(i.home, rest)
		case name[0] == '~' || text.system || strings.HasPrefix(filepath.Clean(text.name), "/etc/ssh"):
			return refuse("Include of a relative name: " + name)
		default:
			path = filepath.Join(i.home, ".ssh", name)
		}
		if strings.ContainsAny(filepath.Dir(path), "*?") {
			return refuse("Include with a pattern for a folder: " + name)
		}
		found, err := filepath.Glob(path)
		if err != nil {
			return refuse("Include " + name)
		}
		for _, file := range found {
			hidden := strings.HasPrefix(filepath.Base(file), ".")
			if hidden && !strings.HasPrefix(filepath.Base(path), ".") {
				return refuse("Include of a hidden file, which ssh leaves out: " + file)
			}
			included, err := os.ReadFile(file)
			if err != nil {
				return refuse("Include: " + err.Error())
			}
			if err := i.inspect(configText{name: file, text: included, system: text.system}, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func matches(form, value string) bool {
	return regexp.MustCompile(`^(?:` + form + `)$`).MatchString(value)
}
