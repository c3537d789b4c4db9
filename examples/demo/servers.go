package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/sshtest"
	"example.org/ftptunnel/tunnel"
)

// servers are the SSH server and the FTP server at the far end of the tunnel.
type servers struct {
	gateway tunnel.Hop // the SSH server, with the user's key and known_hosts file
	hostKey ssh.PublicKey

	ftp            string // host:port of the FTP server, seen from the gateway
	user, password string // accepted by the FTP server
	files          *os.Root

	closers []func() error // called by stop, last first
}

// startServers starts both servers on free loopback ports, with new keys and a
// temporary directory for their files. The caller must call stop.
func startServers() (s *servers, err error) {
	s = &servers{user: "demo", password: rand.Text()[:8]}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	dir, err := os.MkdirTemp("", "ftptunnel-demo-")
	if err != nil {
		return s, err
	}
	s.closeWith(func() error { return os.RemoveAll(dir) })
	if err := s.startFTP(dir); err != nil {
		return s, err
	}
	return s, s.startSSH(dir)
}

// startFTP starts the FTP server, with its files in a directory of dir.
func (s *servers) startFTP(dir string) (err error) {
	dir = filepath.Join(dir, "files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if s.files, err = os.OpenRoot(dir); err != nil {
		return err
	}
	s.closeWith(s.files.Close)
	if err := s.files.WriteFile("hello.txt", []byte("Hello through the tunnel.\n"), 0o600); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.ftp = l.Addr().String()
	server := &ftptest.Server{Root: s.files, User: s.user, Password: s.password}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	s.closeWith(func() error {
		cancel()
		return <-served
	})
	return nil
}

// startSSH starts the SSH server. It writes the user's key and a known_hosts file
// with the host key of the server to dir.
func (s *servers) startSSH(dir string) error {
	keyFile, knownHostsFile := filepath.Join(dir, "key"), filepath.Join(dir, "known_hosts")
	userKey, err := generateKey(keyFile)
	if err != nil {
		return err
	}
	server := &sshtest.Server{Keys: []ssh.PublicKey{userKey}}
	if err := server.Start(); err != nil {
		return err
	}
	s.closeWith(server.Close)
	s.hostKey = server.HostKey()
	host, port := server.Addr().IP.String(), server.Addr().Port
	line := fmt.Sprintf("[%s]:%d %s", host, port, ssh.MarshalAuthorizedKey(s.hostKey))
	s.gateway = tunnel.Hop{
		Alias:                "gateway",
		HostName:             host,
		Port:                 port,
		User:                 "demo",
		UserKnownHostsFiles:  []string{knownHostsFile},
		IdentityFiles:        []string{keyFile},
		IdentityFilesSet:     true,
		PubkeyAuthentication: true,
	}
	return os.WriteFile(knownHostsFile, []byte(line), 0o600)
}

// generateKey writes a new private key to file and returns its public key.
func generateKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "ftptunnel demo")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// closeWith registers f to be called by stop.
func (s *servers) closeWith(f func() error) { s.closers = append(s.closers, f) }

// stop stops the servers and removes their files.
func (s *servers) stop() (err error) {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		err = errors.Join(err, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return err
}

// fingerprint returns the fingerprint of the host key as ssh prints it.
func (s *servers) fingerprint() string { return ssh.FingerprintSHA256(s.hostKey) }
