package tunnel

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func TestEveryEventNamesTheGateway(t *testing.T) {
	checkLeaks(t)
	jump, jumpKey := newServer(t, &sshtest.Server{Banner: "of the jump host"})
	gateway, key := newServer(t, &sshtest.Server{})
	missing := filepath.Join(t.TempDir(), "missing")
	first, last := hopTo(jump, missing, jumpKey), hopTo(gateway, key)
	first.Alias, last.Alias = "jump", "gateway"
	w := newRecorder()
	cfg := insecureConfig(first, last)
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	gateway.Close()
	w.wait(t, Waiting, 1)

	for kind, hop := range map[EventKind]string{
		Connecting: "gateway", Up: "gateway", Down: "gateway", Waiting: "gateway", Warning: "jump", Banner: "jump",
	} {
		events := w.of(kind)
		require.NotEmpty(t, events, kind)
		for _, e := range events {
			assert.Equal(t, "gateway", e.Gateway.Alias, kind)
			assert.Equal(t, hop, e.Hop.Alias, kind)
			assert.Equal(t, kind == Warning, e.Warning != "", kind)
		}
	}
}

func TestEveryWarningHasAClass(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{Password: "secret"})
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		class  WarningKind
		change func(h *Hop, cfg *Config)
	}{
		{IdentityWarning, func(h *Hop, _ *Config) { h.IdentityFiles = []string{missing, key} }},
		{CertificateWarning, func(h *Hop, _ *Config) { h.CertificateFiles = []string{missing} }},
		{AgentWarning, func(h *Hop, _ *Config) { h.IdentityAgent = missing }},
		{PasswordWarning, func(h *Hop, cfg *Config) {
			h.IdentityFiles = nil
			cfg.Ask = (&script{answers: []string{"wrong", "secret"}}).ask
		}},
		{HostKeyWarning, func(_ *Hop, cfg *Config) {
			cfg.HostKeys = func(Hop) (ssh.HostKeyCallback, []string, error) {
				return func(string, net.Addr, ssh.PublicKey) error { return fmt.Errorf("changed: %w", ErrUnverified) }, nil, nil
			}
		}},
	} {
		h := hopTo(s, key)
		w := newRecorder()
		cfg := insecureConfig()
		cfg.Observe = w.observe
		c.change(&h, &cfg)
		cfg.Hops = []Hop{h}
		mustOpen(t, cfg)
		warnings := w.of(Warning)
		require.Len(t, warnings, 1, c.class)
		assert.Equal(t, c.class, warnings[0].Warning)
		assert.Error(t, warnings[0].Err)
	}
}
