package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
)

// askAtMost bounds "ssh -G": a configuration may run commands and ask the DNS.
const askAtMost = 10 * time.Second

// readWithSSH asks ssh for the settings that hold for host.
func readWithSSH(ctx context.Context, program, host string, opts Options) (settings, error) {
	bounded, cancel := context.WithTimeout(ctx, askAtMost)
	defer cancel()
	cmd := exec.CommandContext(bounded, program, arguments(host, opts)...)
	cmd.WaitDelay = time.Second // a command that the configuration runs may outlive ssh
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	text := strings.TrimSpace(strings.ReplaceAll(complaint.String(), "\r", ""))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case bounded.Err() != nil:
		return nil, &ConfigError{fmt.Sprintf("ssh -G %s gave no answer within %v", host, askAtMost)}
	case errors.As(err, new(*exec.ExitError)) && text != "":
		return nil, &ConfigError{text}
	case err != nil:
		return nil, &ConfigError{fmt.Sprintf("ssh -G %s: %v", host, err)}
	}
	s := parseSettings(out.String())
	if s.last("hostname") == "" || s.number("port") == 0 {
		return nil, &ConfigError{fmt.Sprintf("%s -G %s printed no configuration: is it OpenSSH's?", program, host)}
	}
	return s, nil
}

// arguments are those of ssh -G. -N keeps a RemoteCommand from mattering.
func arguments(host string, opts Options) []string {
	args := []string{"-G", "-T", "-N"}
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	add("-F", opts.ConfigFile)
	add("-l", opts.User)
	if opts.Port != 0 {
		add("-p", strconv.Itoa(opts.Port))
	}
	for _, f := range opts.IdentityFiles {
		add("-i", f)
	}
	add("-J", opts.Jump)
	switch opts.AddressFamily {
	case "inet":
		args = append(args, "-4")
	case "inet6":
		args = append(args, "-6")
	}
	for _, s := range opts.Settings {
		add("-o", s)
	}
	return append(args, "--", host)
}

// settings are ssh_config(5) keywords, in lower case, with their values as "ssh
// -G" prints them.
type settings map[string][]string

func parseSettings(text string) settings {
	s := make(settings)
	for line := range strings.Lines(text) {
		keyword, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if keyword = strings.ToLower(keyword); keyword != "" {
			s[keyword] = append(s[keyword], value)
		}
	}
	return s
}

// last returns the value of a keyword that has one.
func (s settings) last(keyword string) string {
	if v := s[keyword]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// yes reports whether a boolean keyword is set, in any of ssh's spellings.
func (s settings) yes(keyword string, otherwise bool) bool {
	switch strings.ToLower(s.last(keyword)) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	return otherwise
}

// number returns a keyword's number; 0 if it has none.
func (s settings) number(keyword string) int {
	n, err := strconv.Atoi(s.last(keyword))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (s settings) seconds(keyword string) time.Duration {
	return time.Duration(s.number(keyword)) * time.Second
}

// list returns the parts of a comma-separated value.
func (s settings) list(keyword string) []string {
	if v := s.last(keyword); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

// set reports whether a keyword has a value other than none.
func (s settings) set(keyword string) bool {
	v := s.last(keyword)
	return v != "" && !strings.EqualFold(v, "none")
}

// add sets a keyword unless it is set: the first value counts. Identity files
// add up.
func (s settings) add(keyword, value string) {
	if value != "" && (len(s[keyword]) == 0 || keyword == "identityfile") {
		s[keyword] = append(s[keyword], value)
	}
}

// withDefaults adds OpenSSH's defaults, and expands what "ssh -G" prints
// expanded.
func (s settings) withDefaults(host string, local *user.User) (settings, error) {
	name := strings.NewReplacer("%%", "%", "%h", host).Replace(s.last("hostname"))
	if name == "" {
		name = host
	}
	s["hostname"] = []string{strings.ToLower(name)}
	s.add("port", "22")
	s.add("user", local.Username)
	s.add("addressfamily", "any")
	s.add("serveralivecountmax", "3")
	s.add("numberofpasswordprompts", "3")
	s.add("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
	s.add("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
	for _, keyword := range []string{"addressfamily", "hostkeyalias"} {
		if v := s.last(keyword); v != "" {
			s[keyword] = []string{strings.ToLower(v)}
		}
	}
	if len(s["identityfile"]) == 0 {
		s["identityfile"] = slices.Clone(defaultIdentities[:5])
	}
	e, err := newExpander(s, host)
	if err != nil {
		return nil, err
	}
	if agent := s.last("identityagent"); s.set("identityagent") && (!strings.HasPrefix(agent, "$") || strings.HasPrefix(agent, "${")) {
		s["identityagent"] = []string{e.path(agent)}
	}
	if s.set("userknownhostsfile") {
		files := strings.Fields(s.last("userknownhostsfile"))
		for i := range files {
			files[i] = e.path(files[i])
		}
		s["userknownhostsfile"] = []string{strings.Join(files, " ")}
	}
	return s, e.err
}

// refuse returns an error if something is set that decides with whom one
// speaks, or how far they are trusted, and that is not done here.
func (s settings) refuse() error {
	for _, refused := range []struct{ keyword, advice string }{
		{"ProxyCommand", "it cannot be run here; a jump host can be given with ProxyJump or -J"},
		{"KnownHostsCommand", "it cannot be run here; keys are read from UserKnownHostsFile and GlobalKnownHostsFile"},
		{"RevokedHostKeys", "its keys could not be refused here; mark them @revoked in a known_hosts file"},
	} {
		if keyword := strings.ToLower(refused.keyword); s.set(keyword) {
			return &ConfigError{fmt.Sprintf("%s is set (%s): %s", refused.keyword, s.last(keyword), refused.advice)}
		}
	}
	return nil
}
