package tunnel

import (
	"net"
	"strconv"
	"time"
)

// A Hop is one SSH server on the way to the destination, as ssh_config(5)
// describes it. The last hop is the destination, the gateway; those before it
// are its jump hosts. File names are complete: tokens and ~ are expanded.
type Hop struct {
	Alias    string // the name as it was given, the key into ssh_config
	HostName string // the name or address to connect to
	Port     int
	User     string

	AddressFamily  string        // "any", "inet" or "inet6"
	BindAddress    string        // local address to connect from; may be empty
	ProxyCommand   string        // the shell command that connects, instead of TCP; may be empty
	BindInterface  string        // interface to connect from, if there is no BindAddress; may be empty
	ConnectTimeout time.Duration // for TCP connection and key exchange; zero if not set

	HostKeyAlias          string   // name to look up in known_hosts instead of HostName; may be empty
	HostKeyAlgorithms     []string // most preferred first; empty for OpenSSH's order
	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	StrictHostKeyChecking string // "ask", "yes", "accept-new" or "no"
	HashKnownHosts        bool
	RevokedHostKeysFiles  []string // RevokedHostKeys: of keys not to accept from any host

	// KnownHostsCommand is a program and its arguments, empty for none. In the
	// arguments %H, %I, %t, %f and %K are still to be replaced, which depend on
	// when and about which key the program is asked, and %% by %.
	KnownHostsCommand []string

	IdentityFiles            []string // the defaults included, whether they exist or not
	IdentityFilesSet         bool     // whether IdentityFiles were configured, not the defaults
	CertificateFiles         []string // if empty, those beside the identity files, FILE-cert.pub
	IdentitiesOnly           bool
	IdentityAgent            string   // the agent's socket; empty for none
	PreferredAuthentications []string // empty for OpenSSH's order
	PubkeyAuthentication     bool
	PasswordAuthentication   bool
	KbdInteractive           bool // KbdInteractiveAuthentication
	NumberOfPasswordPrompts  int
	BatchMode                bool // never ask anything

	// Algorithms, most preferred first, without what is not implemented here.
	// Empty lists stand for the defaults, which have no old algorithms.
	Ciphers                  []string
	KexAlgorithms            []string
	MACs                     []string
	PubkeyAcceptedAlgorithms []string // signatures to authenticate with
	CASignatureAlgorithms    []string // signatures to accept in host certificates
	RequiredRSASize          int      // of RSA keys, in bits; zero for OpenSSH's default

	ServerAliveInterval time.Duration // zero if not set
	ServerAliveCountMax int
}

// Addr returns h's address in the form host:port.
func (h Hop) Addr() string { return net.JoinHostPort(h.HostName, strconv.Itoa(h.Port)) }

// String names h for people: user@alias.
func (h Hop) String() string {
	if h.User == "" {
		return h.Alias
	}
	return h.User + "@" + h.Alias
}
