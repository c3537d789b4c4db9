package sshconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// sshTimeout bounds one run of ssh. It takes milliseconds, unless a "Match
// exec" or a name server is slow.
const sshTimeout = 10 * time.Second

// FindSSH returns the path of the OpenSSH client that [Resolve] runs with the
// same opts, or an empty string if it uses the built-in reader. FindSSH runs
// "ssh -V": Dropbear's client, which small systems install as ssh, ignores -G
// and would connect.
func FindSSH(ctx context.Context, opts Options) (string, error) {
	if opts.SSH == "none" {
		return "", nil
	}
	name, required := opts.SSH, opts.SSH != ""
	if !required {
		name = "ssh"
	}
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) && !required {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find ssh: %w", err)
	}
	_, version, err := runSSH(ctx, path, "-V")
	switch {
	case err == nil && strings.Contains(version, "OpenSSH"):
		return path, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s -V: %w", path, ctx.Err())
	case required:
		return "", fmt.Errorf("%s is not OpenSSH: its version is %q", path, strings.TrimSpace(version))
	}
	return "", nil
}

// runSSHG returns what "ssh -G" prints for t. If ssh rejects the configuration,
// the error is an [*Error] with the text that ssh prints.
func runSSHG(ctx context.Context, path string, t target, opts Options) (settings, error) {
	out, complaint, err := runSSH(ctx, path, sshArguments(t, opts)...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 255 && complaint != "" {
		return nil, rejected(strings.TrimSpace(complaint))
	}
	if err != nil {
		return nil, fmt.Errorf("%s -G %s: %w", path, t.host, err)
	}
	s := parseSettings(out)
	if s.first("hostname") == "" {
		return nil, fmt.Errorf("%s -G %s: no hostname in the output", path, t.host)
	}
	return s, nil
}

// rejected returns the error for a configuration about which ssh complains.
func rejected(complaint string) *Error {
	switch {
	case strings.HasPrefix(complaint, "command-line"):
		return option("-o", complaint, nil)
	case strings.Contains(complaint, "-J argument"):
		return option("-J", complaint, nil)
	}
	return &Error{Text: complaint}
}

// sshArguments returns the arguments with which ssh prints its configuration
// for t. If an option occurs twice, ssh uses the first, so the user and port of
// t come last: -l, -p and -o override those of user@host. With -N and -T, ssh
// does not warn that it has no terminal.
func sshArguments(t target, opts Options) []string {
	args := []string{"-G", "-T", "-N"}
	add := func(letter, value string) {
		if value != "" {
			args = append(args, letter, value)
		}
	}
	add("-F", opts.ConfigFile)
	add("-l", opts.User)
	if opts.Port != 0 {
		add("-p", strconv.Itoa(opts.Port))
	}
	switch opts.AddressFamily {
	case "inet":
		args = append(args, "-4")
	case "inet6":
		args = append(args, "-6")
	}
	for _, name := range opts.IdentityFiles {
		add("-i", name)
	}
	add("-J", opts.Jump)
	for _, setting := range opts.Settings {
		add("-o", setting)
	}
	add("-l", t.user)
	if t.port != 0 {
		add("-p", strconv.Itoa(t.port))
	}
	return append(args, "--", t.host)
}

// runSSH runs ssh with an empty standard input and returns its standard output
// and standard error.
func runSSH(ctx context.Context, path string, args ...string) (stdout, stderr string, err error) {
	limited, cancel := context.WithTimeout(ctx, sshTimeout)
	defer cancel()
	cmd := exec.CommandContext(limited, path, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second // a command of "Match exec" may keep the pipes open
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("%w for %v", ErrSlow, sshTimeout)
	}
	return out.String(), complaint.String(), err
}

// parseSettings parses the output of "ssh -G": lines of keyword, space, value.
func parseSettings(out string) settings {
	s := settings{}
	for line := range strings.Lines(out) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		keyword = strings.ToLower(keyword)
		s[keyword] = append(s[keyword], value)
	}
	return s
}
