package sshconfig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// settings are the values that apply to one host, by keyword in lower case, in
// the form in which "ssh -G" prints them.
type settings map[string][]string

func (s settings) first(keyword string) string {
	if len(s[keyword]) == 0 {
		return ""
	}
	return s[keyword][0]
}

// set reports whether keyword has a value other than "none".
func (s settings) set(keyword string) bool {
	return s.first(keyword) != "" && !strings.EqualFold(s.first(keyword), "none")
}

// unlessNone returns the value of keyword, or an empty string if it is "none".
func (s settings) unlessNone(keyword string) string {
	if !s.set(keyword) {
		return ""
	}
	return s.first(keyword)
}

// values returns settings as values of other types. It keeps its first error
// in err.
type values struct {
	settings
	err error
}

func (v *values) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

func (v *values) invalid(keyword string) {
	if v.first(keyword) == "" {
		v.fail(errors.New("missing " + keyword))
		return
	}
	v.fail(fmt.Errorf("invalid %s %q", keyword, v.first(keyword)))
}

func (v *values) number(keyword string, low, high int) int {
	n, err := strconv.Atoi(v.first(keyword))
	if err != nil || n < low || n > high {
		v.invalid(keyword)
	}
	return n
}

func (v *values) seconds(keyword string) time.Duration {
	if !v.set(keyword) {
		return 0
	}
	return time.Duration(v.number(keyword, 0, 1<<31-1)) * time.Second
}

// aliveInterval returns ServerAliveInterval as a [tunnel.Hop] has it: negative for
// 0, and zero if it is not set.
func (v *values) aliveInterval() time.Duration {
	interval := v.seconds("serveraliveinterval")
	if v.set("serveraliveinterval") && interval == 0 {
		return -1
	}
	return interval
}

// aliveCount returns ServerAliveCountMax as a [tunnel.Hop] has it: negative for 0.
func (v *values) aliveCount() int {
	count := v.number("serveralivecountmax", 0, 1<<30)
	if count == 0 {
		return -1
	}
	return count
}

// boolean reports whether keyword is on. PubkeyAuthentication has two more
// values that turn it on, "unbound" and "host-bound".
func (v *values) boolean(keyword string) bool {
	switch strings.ToLower(v.first(keyword)) {
	case "yes", "true", "unbound", "host-bound":
		return true
	case "no", "false":
		return false
	}
	v.invalid(keyword)
	return false
}

// rsaSize returns RequiredRSASize, which OpenSSH before 9.1 does not have.
func (v *values) rsaSize() int {
	if v.first("requiredrsasize") == "" {
		return defaultRSASize
	}
	return v.number("requiredrsasize", 0, 1<<31-1)
}

func (v *values) strictHostKeyChecking() string {
	switch value := strings.ToLower(v.first("stricthostkeychecking")); value {
	case "yes", "true":
		return "yes"
	case "no", "false", "off":
		return "no"
	case "ask", "accept-new":
		return value
	}
	v.invalid("stricthostkeychecking")
	return ""
}

func commaList(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
