package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kevinburke/ssh_config"
)

// readFiles reads the settings for host from the configuration files, where
// there is no ssh to ask. The reader is one of a small part of the language, so
// whatever it is known to read otherwise than ssh is refused with its file and
// line before it is let at it.
func readFiles(_ context.Context, _, host string, opts Options) (settings, error) {
	s, err := commandLine(opts)
	if err != nil {
		return nil, err
	}
	local, err := user.Current()
	if err != nil {
		return nil, err
	}
	for _, f := range configFiles(opts.ConfigFile, local.HomeDir) {
		if err := s.addFile(f, host, local.HomeDir); err != nil {
			return nil, err
		}
	}
	if len(s["proxyjump"]) > 0 && len(s["proxycommand"]) > 0 {
		return nil, &ConfigError{fmt.Sprintf("both ProxyJump and ProxyCommand are set for %s: %s", host, advice)}
	}
	return s.withDefaults(host, local)
}

const advice = "without OpenSSH's ssh program it cannot be read as ssh does: install it, or write it otherwise"

// A configFile is a file to read, and how its absence and its relative names
// are taken.
type configFile struct {
	name     string
	required bool
	system   bool
}

func configFiles(given, home string) []configFile {
	switch {
	case strings.EqualFold(given, "none"):
		return nil
	case given != "":
		return []configFile{{name: given, required: true}}
	}
	return []configFile{
		{name: filepath.Join(home, ".ssh", "config")},
		{name: "/etc/ssh/ssh_config", system: true},
	}
}

// commandLine returns what the command line sets, the letters first.
func commandLine(opts Options) (settings, error) {
	s := make(settings)
	s.add("user", opts.User)
	if opts.Port != 0 {
		s.add("port", strconv.Itoa(opts.Port))
	}
	for _, f := range opts.IdentityFiles {
		s.add("identityfile", f)
	}
	s.add("proxyjump", opts.Jump)
	s.add("addressfamily", opts.AddressFamily)
	for _, o := range opts.Settings {
		keyword, value := splitKeyword(strings.Trim(o, blanks))
		block := keyword == "host" || keyword == "match" || keyword == "include"
		if why := misread(keyword, value); why != "" || block {
			return nil, &ConfigError{fmt.Sprintf("-o %s: %s", o, advice)}
		}
		s.add(keyword, value)
	}
	return s, nil
}

// addFile adds what f sets for host.
func (s settings) addFile(f configFile, host, home string) error {
	text, err := os.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) && !f.required {
		return nil
	}
	if err != nil {
		return &ConfigError{fmt.Sprintf("cannot read the configuration: %v", err)}
	}
	keywords := make(map[string]bool)
	if err := inspect(f, text, home, keywords, 0); err != nil {
		return err
	}
	config, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return &ConfigError{fmt.Sprintf("%s: %v", f.name, err)}
	}
	for _, keyword := range slices.Sorted(maps.Keys(keywords)) {
		values, err := config.GetAll(host, keyword)
		if err != nil {
			return &ConfigError{fmt.Sprintf("%s: %v", f.name, err)}
		}
		for _, v := range values {
			s.add(keyword, v)
		}
	}
	return nil
}

// inspect refuses what the reader would misread in a file, and in those it
// includes, and collects the keywords that it sets.
func inspect(f configFile, text []byte, home string, keywords map[string]bool, depth int) error {
	if depth > 5 {
		return &ConfigError{f.name + ": too many files include each other"}
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		content := strings.Trim(string(line), blanks)
		if content == "" || strings.HasPrefix(content, "#") {
			continue
		}
		keyword, value := splitKeyword(content)
		why := misread(keyword, value)
		if keyword == "include" && why == "" {
			why = f.relative(value)
		}
		if why != "" {
			return &ConfigError{fmt.Sprintf("%s:%d: %s: %s", f.name, number, why, advice)}
		}
		if keyword == "include" {
			if err := inspectIncluded(f, number, value, home, keywords, depth); err != nil {
				return err
			}
		}
		keywords[keyword] = true
	}
	return nil
}

// relative says why a name in an Include cannot be followed, or nothing.
func (f configFile) relative(value string) string {
	for _, name := range strings.Fields(value) {
		switch {
		case strings.ContainsAny(name, "%$[") || strings.HasPrefix(name, "~") && !strings.HasPrefix(name, "~/"):
			return "Include " + name
		case f.system && !filepath.IsAbs(name):
			return "Include of a relative name, " + name
		}
	}
	return ""
}

// inspectIncluded inspects the files that an Include on a line of f names.
func inspectIncluded(f configFile, line int, value, home string, keywords map[string]bool, depth int) error {
	for _, pattern := range strings.Fields(value) {
		switch {
		case strings.HasPrefix(pattern, "~/"):
			pattern = filepath.Join(home, pattern[2:])
		case !filepath.IsAbs(pattern):
			pattern = filepath.Join(home, ".ssh", pattern)
		}
		names, err := filepath.Glob(pattern)
		if err != nil {
			return &ConfigError{fmt.Sprintf("%s:%d: Include %s: %v", f.name, line, pattern, err)}
		}
		for _, name := range names {
			if hidden(name) != hidden(pattern) {
				return &ConfigError{fmt.Sprintf("%s:%d: Include %s would read %s: %s", f.name, line, pattern, name, advice)}
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return &ConfigError{fmt.Sprintf("cannot read the configuration: %v", err)}
			}
			system := f.system || strings.HasPrefix(filepath.Clean(name), "/etc/ssh")
			if err := inspect(configFile{name: name, system: system}, text, home, keywords, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// hidden counts the names in a path that begin with a dot. To ssh, a * does not
// stand for one.
func hidden(path string) int { return strings.Count(filepath.ToSlash(path), "/.") }

// blanks are what ssh takes for blanks around a line.
const blanks = " \t\r\n"

// splitKeyword splits a line at the first blanks or =.
func splitKeyword(line string) (keyword, value string) {
	i := strings.IndexAny(line, " \t=")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimLeft(line[i:], " \t")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " \t")
	return strings.ToLower(line[:i]), value
}

// misread says what the reader would get wrong in a line, or nothing.
func misread(keyword, value string) string {
	readable, honoured := forms[keyword]
	switch {
	case !honoured && !slices.Contains(strings.Fields(unused), keyword):
		return "keyword " + keyword
	case honoured && !readable(value):
		return keyword + " " + value
	}
	return ""
}

// forms tells, of each keyword that is honoured, in which of its forms the
// built-in reader reads a value as ssh does.
var forms = map[string]func(string) bool{
	"host":                         isPatterns,
	"match":                        isOneOf("all"),
	"include":                      isPlain,
	"canonicalizehostname":         isOneOf("no"),
	"hostname":                     isHostNameSetting,
	"port":                         isPort,
	"user":                         isUser,
	"addressfamily":                isOneOf("any", "inet", "inet6"),
	"bindaddress":                  isWord,
	"connecttimeout":               isTime,
	"proxyjump":                    isWord,
	"proxycommand":                 isPlain,
	"hostkeyalias":                 isWord,
	"hostkeyalgorithms":            isAlgorithms,
	"stricthostkeychecking":        isOneOf("yes", "no", "true", "false", "ask", "off", "accept-new"),
	"hashknownhosts":               isBoolean,
	"userknownhostsfile":           isFiles,
	"globalknownhostsfile":         isFiles,
	"knownhostscommand":            isPlain,
	"revokedhostkeys":              isPlain,
	"identityfile":                 isWord,
	"identitiesonly":               isBoolean,
	"identityagent":                isWord,
	"preferredauthentications":     isWord,
	"pubkeyauthentication":         isOneOf("yes", "no", "true", "false", "unbound", "host-bound"),
	"passwordauthentication":       isBoolean,
	"kbdinteractiveauthentication": isBoolean,
	"numberofpasswordprompts":      isNumber,
	"batchmode":                    isBoolean,
	"serveraliveinterval":          isTime,
	"serveralivecountmax":          isNumber,
}

// unused are the keywords that change nothing here. Any other is refused: it
// may be misspelt, or newer.
const unused = `
	addkeystoagent bindinterface canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames
	casignaturealgorithms certificatefile channeltimeout checkhostip ciphers clearallforwardings compression
	connectionattempts controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign
	escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout
	forwardx11trusted gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms
	gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedacceptedalgorithms
	hostbasedauthentication ignoreunknown ipqos kbdinteractivedevices kexalgorithms localcommand localforward loglevel
	logverbose macs nohostauthenticationforlocalhost obscurekeystroketiming permitlocalcommand permitremoteopen
	pkcs11provider proxyusefdpass pubkeyacceptedalgorithms rekeylimit remotecommand remoteforward requesttty
	requiredrsasize securitykeyprovider sendenv sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink
	syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys verifyhostkeydns visualhostkey xauthlocation`

// isPlain holds for words with nothing that needs to be unquoted.
func isPlain(s string) bool {
	strange := func(r rune) bool {
		return r == unicode.ReplacementChar || r != ' ' && unicode.IsSpace(r) || unicode.IsControl(r)
	}
	return s != "" && !strings.HasPrefix(s, "=") && !strings.ContainsAny(s, `"'#\`) && !strings.ContainsFunc(s, strange)
}

func isWord(s string) bool { return isPlain(s) && !strings.Contains(s, " ") }

// isPatterns holds for a Host's patterns.
func isPatterns(s string) bool { return isPlain(s) && !strings.Contains(s, "?") }

// isFiles holds for names of files. "none" stands alone.
func isFiles(s string) bool {
	words := strings.Fields(strings.ToLower(s))
	return isPlain(s) && (len(words) == 1 || !slices.Contains(words, "none"))
}

// isHostNameSetting holds for a HostName, in which only %h is replaced.
func isHostNameSetting(s string) bool {
	return isWord(s) && !strings.Contains(strings.NewReplacer("%%", "", "%h", "").Replace(s), "%")
}

// isUser holds for a User without tokens, which only some versions replace.
func isUser(s string) bool { return isWord(s) && !strings.ContainsAny(s, "%$") }

// isAlgorithms holds for a list of known algorithms, not of patterns nor of
// changes to the default.
func isAlgorithms(s string) bool {
	names := strings.Split(s, ",")
	return isWord(s) && len(supported(slices.Clone(names))) == len(names)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// isTime holds for seconds without a unit.
func isTime(s string) bool { return s == "none" || isNumber(s) }

func isBoolean(s string) bool { return isOneOf("yes", "no", "true", "false")(s) }

func isOneOf(words ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(words, strings.ToLower(s)) }
}
