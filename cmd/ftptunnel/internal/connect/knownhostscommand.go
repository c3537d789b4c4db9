package connect

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"example.org/ftptunnel/tunnel"
)

// commandLimit bounds one run of KnownHostsCommand. ssh has no limit, but a user
// who can interrupt it.
const commandLimit = time.Minute

// knownHostsCommand returns a function that runs a hop's KnownHostsCommand,
// given as in [tunnel.Hop], without a shell, for limit at most. What it writes to
// its standard error goes to notice.
func knownHostsCommand(words []string, limit time.Duration, notice func(text string)) func(invocation, host string, key ssh.PublicKey) ([]byte, error) {
	return func(invocation, host string, key ssh.PublicKey) ([]byte, error) {
		keyType, text, fingerprint := "NONE", "NONE", "NONE"
		if key != nil {
			keyType, text = key.Type(), base64.StdEncoding.EncodeToString(key.Marshal())
			fingerprint = ssh.FingerprintSHA256(key)
			if cert, ok := key.(*ssh.Certificate); ok {
				fingerprint = ssh.FingerprintSHA256(cert.Key)
			}
		}
		tokens := strings.NewReplacer("%%", "%", "%H", host, "%I", invocation, "%t", keyType, "%f", fingerprint, "%K", text)
		var arguments []string
		for _, word := range words[1:] {
			arguments = append(arguments, tokens.Replace(word))
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		command := exec.CommandContext(ctx, words[0], arguments...)
		var complaint bytes.Buffer
		command.Stderr = &complaint
		command.WaitDelay = time.Second
		lines, err := command.Output()
		if text := strings.TrimRight(complaint.String(), "\r\n"); text != "" {
			notice(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", tunnel.ErrUndecided, words[0], err)
		}
		return lines, nil
	}
}
