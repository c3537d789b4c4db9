package sshconfig

import (
	"regexp"
	"strings"
)

// Forms of values that package ssh_config reads as ssh does: without quotes and
// backslashes, and without a list where ssh expects a word. The three forms of
// arguments may have quotes around the whole value, and backslashes that escape
// nothing.
const (
	argument      = `.+`              // one, without its quotes
	plainArgument = `[^%$]+`          // the same; only new versions expand tokens and variables in it
	arguments     = `\S+([ \t]+\S+)*` // several

	word     = `[^\s"'\\]+`
	plain    = `[^\s"'\\%$]+` // only new versions expand tokens and variables in these
	number   = `[0-9]{1,9}`
	boolean  = `(?i:yes|no|true|false)`
	names    = `[a-z0-9][a-z0-9@.,-]*` // no changes to the default list, no patterns
	anything = `.*`
	pattern  = `!?[^\s"'\\?!]+`
)

// valueForms are the keywords that this package supports or must not ignore, each
// with the form of value that the built-in reader supports.
var valueForms = map[string]string{
	"addressfamily":                `(?i:any|inet|inet6)`,
	"batchmode":                    boolean,
	"bindaddress":                  plain,
	"bindinterface":                plain,
	"casignaturealgorithms":        names,
	"certificatefile":              argument,
	"ciphers":                      names,
	"connecttimeout":               `(?i:none)|` + number,
	"globalknownhostsfile":         arguments,
	"hashknownhosts":               boolean,
	"hostkeyalgorithms":            names,
	"hostkeyalias":                 plain,
	"hostname":                     word,
	"identitiesonly":               boolean,
	"identityagent":                argument,
	"identityfile":                 argument,
	"kbdinteractiveauthentication": boolean,
	"kexalgorithms":                names,
	"knownhostscommand":            anything,
	"macs":                         names,
	"numberofpasswordprompts":      number,
	"passwordauthentication":       boolean,
	"port":                         number,
	"preferredauthentications":     plain,
	"proxycommand":                 anything,
	"proxyusefdpass":               boolean,
	"proxyjump":                    `[^\s"'\\$]+`,
	"pubkeyacceptedalgorithms":     names,
	"pubkeyauthentication":         `(?i:yes|no|true|false|unbound|host-bound)`,
	"refuseconnection":             anything,
	"requiredrsasize":              number,
	"revokedhostkeys":              plainArgument,
	"serveralivecountmax":          number,
	"serveraliveinterval":          number,
	"stricthostkeychecking":        `(?i:yes|no|true|false|off|ask|accept-new)`,
	"user":                         plainArgument,
	"userknownhostsfile":           arguments,
}

// ignoredKeywords are the other keywords of ssh, except those that begin with
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

func matches(form, value string) bool {
	return regexp.MustCompile(`^(?:` + form + `)$`).MatchString(value)
}
