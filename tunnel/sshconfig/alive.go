package sshconfig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	aliveInterval = "serveraliveinterval"

	// unlikelyInterval is a value of ServerAliveInterval that nobody sets.
	unlikelyInterval = "1999999999"
)

// setsAliveInterval reports whether the configuration of t sets
// ServerAliveInterval, given that its value is 0. "ssh -G" prints 0 also if it is
// not set. So ssh reads the same files once more, through one that includes them
// and then sets another value, which counts only if there is none yet.
func (r *resolver) setsAliveInterval(ctx context.Context, t target, opts Options) bool {
	file, err := os.CreateTemp("", "ftptunnel-*.conf")
	if err != nil {
		return false
	}
	defer os.Remove(file.Name())
	var text strings.Builder
	for _, name := range r.configFiles(opts) {
		fmt.Fprintf(&text, "Include \"%s\"\n", filepath.ToSlash(name))
	}
	fmt.Fprintf(&text, "Host *\nServerAliveInterval %s\n", unlikelyInterval)
	_, err = file.WriteString(text.String())
	if closed := file.Close(); err != nil || closed != nil {
		return false
	}
	opts.ConfigFile = file.Name()
	s, err := runSSHG(ctx, r.ssh, t, opts)
	return err == nil && s.first(aliveInterval) == "0"
}

// configFiles returns the files that ssh reads with opts.
func (r *resolver) configFiles(opts Options) []string {
	switch name := opts.ConfigFile; {
	case name == "":
		return []string{filepath.Join(r.local.home, ".ssh", "config"), filepath.Join(systemFolder(), "ssh_config")}
	case strings.EqualFold(name, "none"):
		return nil
	default:
		if full, err := filepath.Abs(name); err == nil {
			name = full
		}
		return []string{name}
	}
}
