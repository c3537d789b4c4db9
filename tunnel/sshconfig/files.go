package sshconfig

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxRead bounds how much of a file is read to find out whether it has a key.
const maxRead = 1 << 16

// checkFiles returns an error if a file that the command line names cannot be
// used.
func (a account) checkFiles(opts Options) error {
	if opts.ConfigFile != "" && !strings.EqualFold(opts.ConfigFile, "none") {
		if _, err := readRegular(opts.ConfigFile); err != nil {
			return option("-F", "configuration file: "+err.Error(), err)
		}
	}
	for _, name := range opts.IdentityFiles {
		if err := a.checkIdentity(name); err != nil {
			return option("-i", "identity file: "+err.Error(), err)
		}
	}
	return nil
}

// checkIdentity returns an error if a file cannot be read, or has neither a public
// key nor something in the form of a private one.
func (a account) checkIdentity(name string) error {
	path, err := a.expandTilde(name)
	if err != nil {
		return err
	}
	if strings.Contains(path, "%") || strings.Contains(path, "${") {
		return nil // it depends on the host
	}
	content, err := readRegular(path)
	switch {
	case err != nil:
		return err
	case content == nil, bytes.Contains(content, []byte("-----BEGIN ")):
		return nil // which format it has is for the agent and package tunnel
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(content); err != nil {
		return errors.New(name + " has no key")
	}
	return nil
}

// readRegular reads the beginning of a file. It returns nil for a pipe or a
// device, which can be read only once.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxRead))
	return append([]byte{}, content...), err
}
