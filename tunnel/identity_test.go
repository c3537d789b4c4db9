package tunnel

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.org/ftptunnel/internal/test/sshtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func TestPassphrasePromptComesOnlyForAcceptedKey(t *testing.T) {
	checkLeaks(t)
	s := &sshtest.Server{}
	private, public := newKey(t)
	stranger, _ := newKey(t)
	s.Keys = append(s.Keys, public)
	startServer(t, s)
	right, unwanted := writeKey(t, private, "sesame"), writeKey(t, stranger, "other")

	answers := &script{answers: []string{"no", "sesame"}}
	w := newRecorder()
	cfg := insecureConfig(hopTo(s, unwanted, right))
	cfg.Ask = answers.ask
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	q := "Enter passphrase for key '" + right + "': "
	assert.Equal(t, []string{q, q}, answers.questions, "only for the key that the server accepts")

	// The tunnel keeps the decrypted key.
	s.Drop()
	w.wait(t, Up, 2)
	assert.Len(t, answers.questions, 2)
}

func TestEmptyPassphraseSkipsTheKey(t *testing.T) {
	checkLeaks(t)
	s, good := newServer(t, &sshtest.Server{})
	private, public := newKey(t)
	s.Close()
	s.Keys = append(s.Keys, public)
	require.NoError(t, s.Start())
	answers := &script{answers: []string{""}}
	cfg := insecureConfig(hopTo(s, writeKey(t, private, "sesame"), good))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)
	assert.Len(t, answers.questions, 1)
}

func TestRejectionNamesKeysThatNeedPassphrase(t *testing.T) {
	checkLeaks(t)
	s, _ := newServer(t, &sshtest.Server{})
	private, _ := newKey(t)
	other, _ := newKey(t)
	locked, rejected := writeKey(t, private, "sesame"), writeKey(t, other, "")
	var denied *AuthError
	require.ErrorAs(t, failedHop(t, insecureConfig(hopTo(s, locked, rejected))), &denied)
	assert.Equal(t, []string{locked}, denied.Locked)
	assert.Equal(t, []string{rejected}, denied.Tried)
	assert.EqualError(t, denied, "Permission denied (publickey): not offered, for want of a passphrase: "+locked)
}

func TestEncryptedKeyIsSkippedWithoutPrompts(t *testing.T) {
	checkLeaks(t)
	s, good := newServer(t, &sshtest.Server{})
	private, _ := newKey(t)
	w := newRecorder()
	cfg := insecureConfig(hopTo(s, writeKey(t, private, "sesame"), good))
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.Contains(t, w.warnings(), "needs a passphrase")
}

func TestUnusableIdentityFileCausesWarning(t *testing.T) {
	checkLeaks(t)
	s, good := newServer(t, &sshtest.Server{})
	missing := filepath.Join(t.TempDir(), "missing")
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("no key at all\n"), 0o600))
	private, _ := newKey(t)
	exposed := writeKey(t, private, "")
	require.NoError(t, os.Chmod(exposed, 0o644))

	w := newRecorder()
	cfg := insecureConfig(hopTo(s, missing, garbage, exposed, good))
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	var unusable *IdentityError
	require.ErrorAs(t, w.of(Warning)[2].Err, &unusable)
	assert.Equal(t, IdentityError{File: exposed, Exposed: true, Err: unusable.Err}, *unusable)
	require.ErrorAs(t, w.of(Warning)[1].Err, &unusable)
	assert.False(t, unusable.Exposed)
	assert.Contains(t, w.warnings(), missing)
	assert.Contains(t, w.warnings(), garbage)
	assert.Contains(t, w.warnings(), exposed)
	assert.Len(t, w.of(Warning), 3)
	s.Drop()
	w.wait(t, Up, 2)
	assert.Len(t, w.of(Warning), 3, "each once")

	// The default files need not exist.
	w = newRecorder()
	cfg.Hops = []Hop{hopTo(s, missing, good)}
	cfg.Hops[0].IdentityFilesSet = false
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.Empty(t, w.of(Warning))
}

// A mounted secret belongs to another user, who lets this one read it.
func TestIdentityFileOfAnotherUserMayBeReadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	checkLeaks(t)
	private, public := newKey(t)
	s := &sshtest.Server{Keys: []ssh.PublicKey{public}}
	startServer(t, s)
	for _, passphrase := range []string{"", "sesame"} {
		key := writeKey(t, private, passphrase)
		cfg := insecureConfig(hopTo(s, key))
		for _, mode := range []os.FileMode{0o440, 0o444, 0o666} {
			require.NoError(t, os.Chmod(key, mode))
			require.NoError(t, os.Chown(key, os.Getuid(), -1))
			var exposed *IdentityError
			_, err := readIdentity(key)
			require.ErrorAs(t, err, &exposed, "%v: one's own", mode)
			assert.True(t, exposed.Exposed)

			require.NoError(t, os.Chown(key, 65534, -1))
			w := newRecorder()
			cfg.Observe = w.observe
			cfg.Ask = (&script{answers: []string{"sesame"}}).ask
			mustOpen(t, cfg).Close()
			assert.Empty(t, w.of(Warning), mode)
		}
	}
}

// Some servers list both algorithms but accept only the first.
func TestRSAKeysSignWithSHA512(t *testing.T) {
	checkLeaks(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	s := &sshtest.Server{Keys: []ssh.PublicKey{signer.PublicKey()}}
	s.Configure = func(c *ssh.ServerConfig) {
		c.VerifiedPublicKeyCallback = func(_ ssh.ConnMetadata, _ ssh.PublicKey, p *ssh.Permissions, algorithm string) (*ssh.Permissions, error) {
			if algorithm != ssh.KeyAlgoRSASHA512 {
				return nil, errors.New(algorithm)
			}
			return p, nil
		}
	}
	startServer(t, s)
	mustOpen(t, insecureConfig(hopTo(s, writeKey(t, private, ""))))

	answers := &script{answers: []string{"sesame"}}
	cfg := insecureConfig(hopTo(s, writeKey(t, private, "sesame")))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)

	h := hopTo(s)
	h.IdentityAgent, _ = serveAgent(t, agent.AddedKey{PrivateKey: private})
	mustOpen(t, insecureConfig(h))
}

// listenAsAgent listens at a socket. The caller closes the listener.
func listenAsAgent(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	return l
}

// serveAgent serves keys at a socket. Served counts its connections.
func serveAgent(t *testing.T, keys ...agent.AddedKey) (socket string, served *sync.WaitGroup) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		require.NoError(t, ring.Add(k))
	}
	l := listenAsAgent(t)
	served = new(sync.WaitGroup)
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				agent.ServeAgent(ring, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		soon(t, func() bool { served.Wait(); return true }) // every connection was closed
	})
	return l.Addr().String(), served
}

func TestKeysAreOfferedInOpenSSHsOrder(t *testing.T) {
	checkLeaks(t)
	wanted := &sshtest.Server{}
	_, nobodys := newKey(t)
	wanted.Keys = []ssh.PublicKey{nobodys}
	seen := recordOffers(wanted)
	startServer(t, wanted)

	inFile, inFilePublic := newKey(t)
	inBoth, inBothPublic := newKey(t)
	inAgent, inAgentPublic := newKey(t)
	file, both := writeKey(t, inFile, ""), writeKey(t, inBoth, "")
	socket, _ := serveAgent(t, agent.AddedKey{PrivateKey: inAgent, Comment: "spare"}, agent.AddedKey{PrivateKey: inBoth})

	h := hopTo(wanted, file, both)
	h.IdentityAgent = socket
	var denied *AuthError
	require.ErrorAs(t, failedHop(t, insecureConfig(h)), &denied)
	assert.Equal(t, []string{ssh.FingerprintSHA256(inBothPublic), ssh.FingerprintSHA256(inAgentPublic), ssh.FingerprintSHA256(inFilePublic)}, *seen)
	assert.Equal(t, []string{both, "agent key spare", file}, denied.Tried)

	*seen = nil
	h.IdentitiesOnly = true
	require.ErrorAs(t, failedHop(t, insecureConfig(h)), &denied)
	assert.Equal(t, []string{ssh.FingerprintSHA256(inBothPublic), ssh.FingerprintSHA256(inFilePublic)}, *seen)
}

func TestPublicKeyFileSelectsKeyOfAgent(t *testing.T) {
	checkLeaks(t)
	private, public := newKey(t)
	spare, _ := newKey(t)
	s := &sshtest.Server{Keys: []ssh.PublicKey{public}}
	seen := recordOffers(s)
	startServer(t, s)
	dir := t.TempDir()
	path := filepath.Join(dir, "id")
	require.NoError(t, os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(public), 0o644))
	socket, _ := serveAgent(t, agent.AddedKey{PrivateKey: spare}, agent.AddedKey{PrivateKey: private})
	for _, file := range []string{path, path + ".pub"} {
		*seen = nil
		h := hopTo(s, file)
		h.IdentityAgent = socket
		h.IdentitiesOnly = true
		w := newRecorder()
		cfg := insecureConfig(h)
		cfg.Observe = w.observe
		mustOpen(t, cfg)
		assert.NotContains(t, *seen, "spare")
		for _, fingerprint := range *seen {
			assert.Equal(t, ssh.FingerprintSHA256(public), fingerprint)
		}
		assert.Empty(t, w.of(Warning))
	}
}

func TestKeyThatCannotSignDoesNotEndTheAttempt(t *testing.T) {
	checkLeaks(t)
	s, good := newServer(t, &sshtest.Server{})
	private, public := newKey(t)
	s.Close()
	s.Keys = append(s.Keys, public)
	require.NoError(t, s.Start())
	answers := &script{answers: []string{"a", "b", "c"}} // three wrong passphrases
	cfg := insecureConfig(hopTo(s, writeKey(t, private, "sesame"), good))
	cfg.Ask = answers.ask
	mustOpen(t, cfg)
	assert.Len(t, answers.questions, 3)
}

func TestAgentThatDoesNotAnswerIsGivenUp(t *testing.T) {
	checkLeaks(t)
	l := listenAsAgent(t)
	defer l.Close()
	assert.Error(t, soon(t, func() error {
		_, err := openAgent(testContext(t), l.Addr().String(), time.Second/10, nil)
		return err
	}))
}

func TestMissingAgentCausesWarning(t *testing.T) {
	checkLeaks(t)
	s, key := newServer(t, &sshtest.Server{})
	h := hopTo(s, key)
	h.IdentityAgent = filepath.Join(t.TempDir(), "gone")
	w := newRecorder()
	cfg := insecureConfig(h)
	cfg.Observe = w.observe
	mustOpen(t, cfg)
	assert.Contains(t, w.warnings(), "ssh-agent")
}
