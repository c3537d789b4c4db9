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

// askLimit bounds one question to ssh. The answer takes milliseconds, unless a
// "Match exec" or a name server takes its time.
const askLimit = 10 * time.Second

// FindSSH returns the path of the ssh program that [Resolve] asks about the
// configuration, or an empty string if the built-in reader takes its place.
func FindSSH(ctx context.Context, opts Options) (string, error) { return findSSH(ctx, opts.SSH) }

// findSSH returns the program that [Options].SSH names, empty for the built-in
// reader. It asks for its version first: Dropbear's client goes by the name of
// ssh on small systems, ignores -G and would connect.
func findSSH(ctx context.Context, name string) (string, error) {
	if name == "none" {
		return "", nil
	}
	wanted := name != ""
	if !wanted {
		name = "ssh"
	}
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) && !wanted {
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
	case wanted:
		return "", fmt.Errorf("%s is not OpenSSH: it gives its version as %q", path, strings.TrimSpace(version))
	}
	return "", nil
}

// askSSH returns what "ssh -G" prints about t. If ssh rejects the
// configuration, the error is a [*Error] with its words.
func askSSH(ctx context.Context, path string, t target, opts Options) (settings, error) {
	out, complaint, err := runSSH(ctx, path, sshArguments(t, opts)...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 255 && complaint != "" {
		return nil, &Error{strings.TrimSpace(complaint)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s -G %s: %w", path, t.host, err)
	}
	s := parseSettings(out)
	if s.first("hostname") == "" {
		return nil, fmt.Errorf("%s -G %s: the answer has no hostname", path, t.host)
	}
	return s, nil
}

// sshArguments are the arguments with which ssh prints its configuration for t.
// Of the options that are given twice ssh takes the first, so t's own user and
// port give way to -l, -p and -o, as those of user@host do. -N and -T keep ssh
// from thinking of a shell, whose absence of a terminal it would mention.
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

// runSSH runs ssh with nothing to read and returns its standard output and
// standard error.
func runSSH(ctx context.Context, path string, args ...string) (stdout, stderr string, err error) {
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(limited, path, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second // a command of "Match exec" may hold on to the pipes
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("no answer within %v (a slow \"Match exec\", or CanonicalizeHostname without a name server?)", askLimit)
	}
	return out.String(), complaint.String(), err
}

// parseSettings reads what "ssh -G" prints: lines of keyword, space, value.
func parseSettings(out string) settings {
	s := settings{}
	for line := range strings.Lines(out) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		keyword = strings.ToLower(keyword)
		s[keyword] = append(s[keyword], value)
	}
	return s
}
