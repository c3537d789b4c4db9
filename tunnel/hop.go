package tunnel

import (
	"net"
	"strconv"
	"time"
)

// A Hop is an SSH server on the way to the destination, and how to connect to
// it, in the terms of ssh_config(5). The last hop is the destination, which is
// also called the gateway; those before it are jump hosts. File names must be
// absolute, with tokens and ~ expanded.
//
// Package sshconfig returns hops from ssh_config. A Hop from elsewhere needs at
// least HostName, Port, User and one of PubkeyAuthentication,
// PasswordAuthentication and KbdInteractive.
type Hop struct {
	Alias    string // the name of the host in ssh_config and on the command line
	HostName string // the name or address to connect to
	Port     int
	User     string

	AddressFamily  string        // "any", "inet" or "inet6"; empty means "any"
	BindAddress    string        // the local address to connect from; may be empty
	BindInterface  string        // the interface to connect from if BindAddress is empty; may be empty
	ProxyCommand   string        // the shell command whose standard input and output are the connection; empty for TCP
	ConnectTimeout time.Duration // for dialing, and again for handshake and authentication without prompts; zero means 30 seconds

	HostKeyAlias      string   // the name of the host in known_hosts and in prompts instead of HostName; may be empty
	HostKeyAlgorithms []string // most preferred first; empty means OpenSSH's order

	// The following are for [Config].HostKeys. This package does not use them.
	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	StrictHostKeyChecking string // "ask", "yes", "accept-new" or "no"
	HashKnownHosts        bool
	RevokedHostKeysFiles  []string // files of keys to reject from any host
	CASignatureAlgorithms []string // of signatures in host certificates; empty means OpenSSH's

	// KnownHostsCommand is a program and its arguments, or empty. The arguments
	// may contain %H, %I, %t, %f and %K, which depend on the host key, and %%
	// for %.
	KnownHostsCommand []string

	IdentityFiles            []string // files of private keys; a file with a public key selects a key of the agent
	IdentityFilesSet         bool     // whether a missing file is a Warning: false for OpenSSH's default files
	CertificateFiles         []string // empty means the file beside each identity file, FILE-cert.pub
	IdentitiesOnly           bool     // do not offer the agent's other keys
	IdentityAgent            string   // the agent's socket; empty means no agent
	PreferredAuthentications []string // empty means OpenSSH's order
	PubkeyAuthentication     bool
	PasswordAuthentication   bool
	KbdInteractive           bool // KbdInteractiveAuthentication
	NumberOfPasswordPrompts  int  // zero means 3
	BatchMode                bool // never ask the user

	// Algorithms, most preferred first, all of them implemented by
	// golang.org/x/crypto/ssh. An empty list means the defaults of OpenSSH 10, as
	// far as that package implements them.
	Ciphers                  []string
	KexAlgorithms            []string
	MACs                     []string
	PubkeyAcceptedAlgorithms []string // of signatures with which to authenticate
	RequiredRSASize          int      // minimum size of RSA keys in bits; zero means 1024

	// ServerAliveInterval is after which silence the server is asked whether it
	// is still there. Zero means 15 seconds for the last hop and never for a jump
	// host; a negative value means never, as 0 does in ssh_config.
	ServerAliveInterval time.Duration

	// ServerAliveCountMax is after how many intervals of silence the connection
	// ends. Zero means 3. A negative value is ssh_config's 0: the connection ends
	// after one, and the server is not asked.
	ServerAliveCountMax int
}

// Addr returns the address to connect to in the form host:port.
func (h Hop) Addr() string { return net.JoinHostPort(h.HostName, strconv.Itoa(h.Port)) }

// String returns h in the form user@alias.
func (h Hop) String() string {
	if h.User == "" {
		return h.Alias
	}
	return h.User + "@" + h.Alias
}
