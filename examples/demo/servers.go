package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/internal/test/ftptest"
	"example.org/ftptunnel/internal/test/sshtest"
	"example.org/ftptunnel/tunnel"
)

// servers is what stands at the far end, and how to get in.
type servers struct {
	gateway tunnel.Hop    // the SSH server, with the user's key
	hostKey ssh.PublicKey // the one it has

	ftp            string // the FTP server's host:port, as the gateway names it
	user, password string // of the FTP server
	files          *os.Root

	closers []func() error
}

// startServers starts both servers on free loopback ports, with fresh keys, and
// their files in a temporary directory. They serve until stop.
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
	return s, s.startSSH(filepath.Join(dir, "key"))
}

// startFTP starts the FTP server. Its files are in a directory below dir.
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

// startSSH starts the SSH server, and writes a key that it accepts to keyFile.
func (s *servers) startSSH(keyFile string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "ftptunnel demo")
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	accepted, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	server := &sshtest.Server{Keys: []ssh.PublicKey{accepted}}
	if err := server.Start(); err != nil {
		return err
	}
	s.closeWith(server.Close)
	s.hostKey = server.HostKey()
	s.gateway = tunnel.Hop{
		Alias:                "gateway",
		HostName:             server.Addr().IP.String(),
		Port:                 server.Addr().Port,
		User:                 "demo",
		IdentityFiles:        []string{keyFile},
		IdentityFilesSet:     true,
		PubkeyAuthentication: true,
	}
	return nil
}

// closeWith makes stop call f.
func (s *servers) closeWith(f func() error) { s.closers = append(s.closers, f) }

// stop ends what was started, the last first.
func (s *servers) stop() (err error) {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		err = errors.Join(err, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return err
}

// fingerprint is the host key's, as ssh shows it.
func (s *servers) fingerprint() string { return ssh.FingerprintSHA256(s.hostKey) }
