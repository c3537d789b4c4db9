package sshconfig

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In ssh_config, 0 is a value; "ssh -G" prints it also for what is not set.
func TestServerAliveIntervalOfZeroDiffersFromNone(t *testing.T) {
	const unset, off = time.Duration(0), time.Duration(-1)
	included := writeConfig(t, "ServerAliveInterval 0\n")
	for _, c := range []struct {
		name, text string
		settings   []string
		want       []time.Duration // of the jump host and the destination
	}{
		{"not set", "User x\n", nil, []time.Duration{unset, unset}},
		{"zero", "ServerAliveInterval 0\n", nil, []time.Duration{off, off}},
		{"zero of another host", "Host other\n ServerAliveInterval 0\n", nil, []time.Duration{unset, unset}},
		{"zero of the destination", "Host a\n ServerAliveInterval 0\n", nil, []time.Duration{unset, off}},
		{"zero of the jump host", "Host jump\n ServerAliveInterval 0\n", nil, []time.Duration{off, unset}},
		{"zero in an option", "User x\n", []string{"ServerAliveInterval=0"}, []time.Duration{unset, off}},
		{"zero in an included file", "Include " + included + "\n", nil, []time.Duration{off, off}},
		{"zero before another value", "Host a\n ServerAliveInterval 0\nHost *\n ServerAliveInterval 9\n", nil, []time.Duration{9 * time.Second, off}},
		{"another value before zero", "Host a\n ServerAliveInterval 9\nHost *\n ServerAliveInterval 0\n", nil, []time.Duration{off, 9 * time.Second}},
		{"an option before zero", "ServerAliveInterval 0\n", []string{"ServerAliveInterval=9"}, []time.Duration{off, 9 * time.Second}},
	} {
		for name, ssh := range readers() {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				file := writeConfig(t, c.text)
				hops, err := Resolve(t.Context(), "a", Options{ConfigFile: file, Settings: c.settings, Jump: "jump", SSH: ssh})
				require.NoError(t, err)
				assert.Equal(t, c.want, []time.Duration{hops[0].ServerAliveInterval, hops[1].ServerAliveInterval})

				t.Chdir(filepath.Dir(file))
				again, err := Resolve(t.Context(), "a", Options{ConfigFile: filepath.Base(file), Settings: c.settings, Jump: "jump", SSH: ssh})
				require.NoError(t, err)
				assert.Equal(t, hops, again)
			})
		}
	}
}

func TestServerAliveCountMaxOfZeroDiffersFromNone(t *testing.T) {
	for name, ssh := range readers() {
		t.Run(name, func(t *testing.T) {
			for text, want := range map[string]int{"User x": 3, "ServerAliveCountMax 0": -1, "ServerAliveCountMax 1": 1} {
				hops, err := Resolve(t.Context(), "a", Options{ConfigFile: writeConfig(t, text+"\n"), SSH: ssh})
				require.NoError(t, err)
				assert.Equal(t, want, hops[0].ServerAliveCountMax, text)
			}
		})
	}
}
