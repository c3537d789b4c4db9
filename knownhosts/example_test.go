package knownhosts_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/knownhosts"
)

// A host key is added to the file at the first connection and trusted at the
// second. At the third connection the host presents another key.
func Example() {
	directory, err := os.MkdirTemp("", "knownhosts-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)

	host := knownhosts.Host{Name: "gateway.example"}
	verifier := &knownhosts.Verifier{
		UserFiles: []string{filepath.Join(directory, "known_hosts")},
		Policy:    knownhosts.AcceptNew,
		Warn:      func(message string) { fmt.Println("Warning:", message) },
	}
	for _, key := range []ssh.Signer{newKey(1), newKey(1), newKey(2)} {
		address, wait := serve(key)
		client, err := dial(address, host, verifier)
		var refused *knownhosts.HostKeyError
		switch {
		case err == nil:
			fmt.Println("connected to", host.Name)
			client.Close()
		case errors.As(err, &refused) && refused.Kind == knownhosts.Changed:
			fmt.Println("refused: the host key of", refused.Host, "has changed")
		default:
			log.Fatal(err)
		}
		wait()
	}
	// Output:
	// Warning: Permanently added 'gateway.example' (ED25519) to the list of known hosts.
	// connected to gateway.example
	// connected to gateway.example
	// refused: the host key of gateway.example has changed
}

// dial connects to the SSH server at address if it has a trusted key of host.
func dial(address string, host knownhosts.Host, verifier *knownhosts.Verifier) (*ssh.Client, error) {
	algorithms, err := verifier.Algorithms(host, nil)
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", address, &ssh.ClientConfig{
		User:              "alice",
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			return verifier.Verify(host, remote, key)
		},
	})
}

// serve starts an SSH server for one connection. It returns the server's
// address and a function that waits until the connection has ended.
func serve(key ssh.Signer) (address string, wait func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer listener.Close()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, _, requests, err := ssh.NewServerConn(conn, config); err == nil {
			ssh.DiscardRequests(requests) // returns at the end of the connection
		}
	}()
	return listener.Addr().String(), func() { <-done }
}

// newKey returns a host key that depends on seed only, which makes the example
// repeatable. A real host has a random key.
func newKey(seed byte) ssh.Signer {
	private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		log.Fatal(err)
	}
	return key
}
