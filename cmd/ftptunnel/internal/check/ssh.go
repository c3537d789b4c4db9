package check

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/knownhosts"
	"example.org/ftptunnel/tunnel"
	"example.org/ftptunnel/tunnel/sshconfig"
)

// connect resolves the gateway and connects to it, hop by hop. It returns nil if
// that fails. If the SSH connection ends later, it calls lost.
func (c *checker) connect(ctx context.Context, lost context.CancelCauseFunc) *tunnel.Tunnel {
	hops := c.checkConfiguration(ctx)
	if hops == nil {
		return nil
	}
	cfg := c.Connect(ctx, c.gateway, hops)
	publish := cfg.Observe
	cfg.Observe = func(e tunnel.Event) {
		publish(e)
		if e.Kind == tunnel.Down {
			lost(e.Err)
		}
	}
	w := walker{checker: c, trust: cfg.HostKeys, at: -1, since: time.Now()}
	cfg.HostKeys = w.hostKeys
	t, err := tunnel.Open(ctx, cfg)
	if err != nil {
		w.failed(err)
		return nil
	}
	c.batch = hops[len(hops)-1].BatchMode
	agreed := t.Negotiated()
	for i, n := range agreed {
		c.report.Hops[i].negotiated(n)
	}
	w.authenticated()
	for i, n := range agreed {
		c.version = n.ServerVersion
		c.report.add("algorithms", 0, c.report.Hops[i].algorithms(n))
	}
	return t
}

// checkConfiguration returns the hops, or nil.
func (c *checker) checkConfiguration(ctx context.Context) []tunnel.Hop {
	began := time.Now()
	hops, err := sshconfig.Resolve(ctx, c.gateway, c.Settings.SSH)
	took := time.Since(began)
	if err != nil {
		c.report.add("configuration", took, c.fail(err))
		return nil
	}
	by := "ssh's files, read by ftptunnel itself: no OpenSSH client is installed"
	if path, err := sshconfig.FindSSH(ctx, c.Settings.SSH); err == nil && path != "" {
		by = "as " + path + " -G reports it"
	}
	c.report.add("configuration", took, pass("%s", by))
	for _, h := range hops {
		r := newHopReport(h)
		c.report.Hops = append(c.report.Hops, r)
		c.report.add("hop", 0, r.outcome())
	}
	return hops
}

func newHopReport(h tunnel.Hop) *hopReport {
	r := &hopReport{Name: h.String(), Address: h.Addr(), User: h.User, IdentityFiles: []string{}, Agent: h.IdentityAgent}
	for _, name := range h.IdentityFiles {
		if _, err := os.Stat(name); err == nil {
			r.IdentityFiles = append(r.IdentityFiles, name)
		}
	}
	return r
}

// outcome describes where and as whom to connect.
func (r *hopReport) outcome() outcome {
	keys := "no key files"
	if len(r.IdentityFiles) > 0 {
		keys = "key files " + strings.Join(r.IdentityFiles, ", ")
	}
	agent := "no agent"
	if r.Agent != "" {
		agent = "agent " + r.Agent
	}
	return pass("%s is %s, user %s; %s; %s", r.Name, r.Address, r.User, keys, agent)
}

func (r *hopReport) negotiated(n tunnel.Negotiation) {
	r.Version, r.KeyExchange, r.Cipher, r.Credential = n.ServerVersion, n.KeyExchange, n.Cipher, n.Credential
	r.PostQuantum = strings.Contains(n.KeyExchange, "mlkem") || strings.Contains(n.KeyExchange, "sntrup")
}

func (r *hopReport) algorithms(n tunnel.Negotiation) outcome {
	quantum := "not post-quantum"
	if r.PostQuantum {
		quantum = "post-quantum"
	}
	return pass("key exchange %s (%s), host key %s, cipher %s; %s", n.KeyExchange, quantum, n.HostKey, n.Cipher, n.ServerVersion)
}

// A walker reports the steps at each hop while the tunnel connects.
type walker struct {
	*checker
	trust func(tunnel.Hop) (ssh.HostKeyCallback, []string, error)
	at    int       // index of the hop
	since time.Time // when the current step began
}

// hostKeys is the tunnel's HostKeys. The tunnel calls it before it connects to a
// hop.
func (w *walker) hostKeys(h tunnel.Hop) (ssh.HostKeyCallback, []string, error) {
	if w.at+1 == len(w.report.Hops) {
		return nil, nil, errOnce
	}
	if w.at >= 0 {
		w.authenticated()
	}
	w.at++
	w.since = time.Now()
	verify, algorithms, err := w.trust(h)
	if err != nil {
		return nil, nil, err
	}
	return func(hostname string, remote net.Addr, key ssh.PublicKey) error {
		w.done("connect", pass("%s answers at %v", h, remote))
		w.remote = remote
		err := verify(hostname, remote, key)
		r := w.report.Hops[w.at]
		r.HostKeyType, r.Fingerprint = key.Type(), ssh.FingerprintSHA256(key)
		switch {
		case errors.Is(err, tunnel.ErrUnverified):
			w.done("host key", note("%s %s is not the known one, and StrictHostKeyChecking is no", r.HostKeyType, r.Fingerprint))
		case err == nil:
			w.done("host key", pass("%s %s", r.HostKeyType, r.Fingerprint))
		}
		return err
	}, algorithms, nil
}

// errOnce keeps a tunnel from connecting again.
var errOnce = errors.New("a check connects only once")

// done reports a step that began when the last one ended.
func (w *walker) done(name string, o outcome) {
	if len(w.report.Hops) > 1 && name != "connect" {
		o.text = w.report.Hops[w.at].Name + ": " + o.text
	}
	now := time.Now()
	w.report.add(name, now.Sub(w.since), o)
	w.since = now
}

func (w *walker) authenticated() {
	r := w.report.Hops[w.at]
	with := ""
	if r.Credential != "" {
		with = " with " + r.Credential
	}
	w.done("authentication", pass("%s is logged in%s", r.User, with))
}

// failed reports why there is no tunnel.
func (w *walker) failed(err error) {
	var host *knownhosts.HostKeyError
	if errors.As(err, &host) {
		if text := host.Warning(); text != "" {
			w.Warn(text)
		}
	}
	name := "connect"
	var hop *tunnel.HopError
	if errors.As(err, &hop) {
		switch hop.Op {
		case "verify host key":
			name = "host key"
		case "authenticate":
			name = "authentication"
		}
	}
	w.report.add(name, time.Since(w.since), w.fail(err))
}
