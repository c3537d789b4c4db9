package sshconfig

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// defaultRSASize is OpenSSH's default of RequiredRSASize, in bits.
const defaultRSASize = 1024

// defaultSettings returns the settings of a current OpenSSH for which nothing
// is configured, without those that depend on the host.
func defaultSettings() settings {
	return settings{
		"port":                         {"22"},
		"addressfamily":                {"any"},
		"connecttimeout":               {"none"},
		"userknownhostsfile":           {"~/.ssh/known_hosts ~/.ssh/known_hosts2"},
		"globalknownhostsfile":         {filepath.Join(systemFolder(), "ssh_known_hosts") + " " + filepath.Join(systemFolder(), "ssh_known_hosts2")},
		"stricthostkeychecking":        {"ask"},
		"hashknownhosts":               {"no"},
		"identityfile":                 {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk"},
		"identitiesonly":               {"no"},
		"pubkeyauthentication":         {"yes"},
		"passwordauthentication":       {"yes"},
		"kbdinteractiveauthentication": {"yes"},
		"numberofpasswordprompts":      {"3"},
		"batchmode":                    {"no"},
		"requiredrsasize":              {strconv.Itoa(defaultRSASize)},
		"serveralivecountmax":          {"3"},
	}
}

// systemFolder returns the folder of the system's ssh_config.
func systemFolder() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return "/etc/ssh"
}

// defaultAgent returns the agent that is used if neither IdentityAgent nor
// SSH_AUTH_SOCK names one. Only Windows has one.
func defaultAgent() string {
	if runtime.GOOS == "windows" {
		return `\\.\pipe\openssh-ssh-agent`
	}
	return ""
}
