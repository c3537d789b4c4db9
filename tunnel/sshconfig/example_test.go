package sshconfig_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"example.org/ftptunnel/tunnel/sshconfig"
)

func ExampleResolve() {
	folder, err := os.MkdirTemp("", "sshconfig")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	config := filepath.Join(folder, "config")
	err = os.WriteFile(config, []byte(`
Host files
  HostName files.example.net
  ProxyJump gate.example.com
Host *
  User ann
`), 0o600)
	if err != nil {
		log.Fatal(err)
	}

	// SSH: "none" uses the built-in reader. Without it, Resolve runs "ssh -G"
	// if there is an OpenSSH client.
	hops, err := sshconfig.Resolve(context.Background(), "files", sshconfig.Options{ConfigFile: config, Port: 2222, SSH: "none"})
	if err != nil {
		log.Fatal(err)
	}
	for _, hop := range hops {
		fmt.Println(hop, hop.Addr())
	}
	// Output:
	// ann@gate.example.com gate.example.com:22
	// ann@files files.example.net:2222
}
