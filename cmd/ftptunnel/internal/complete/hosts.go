// Package complete finds names for a shell's completion: hosts that the ssh
// configuration and known_hosts files mention.
//
// It only suggests. A line that it does not understand is left out, and what ssh
// makes of a name is found out when it is used.
package complete

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// system is the folder of the machine's ssh configuration.
const system = "/etc/ssh"

// maxIncludes bounds how many files include one another.
const maxIncludes = 16

// Hosts returns the names of SSH servers, sorted, that begin with prefix. As ssh
// takes it, prefix may have a user before an @, and as this program does, other
// gateways before a comma: they are repeated before each name.
func Hosts(prefix string) (names []string) {
	before := prefix[:strings.LastIndexAny(prefix, ",@")+1]
	for _, name := range known() {
		if strings.HasPrefix(before+name, prefix) {
			names = append(names, before+name)
		}
	}
	return names
}

// known returns all names, sorted.
func known() []string {
	found := map[string]bool{}
	user := ""
	if home, err := os.UserHomeDir(); err == nil {
		user = filepath.Join(home, ".ssh")
		configured(filepath.Join(user, "config"), user, 0, found)
		for _, file := range []string{"known_hosts", "known_hosts2"} {
			seen(filepath.Join(user, file), found)
		}
	}
	configured(filepath.Join(system, "ssh_config"), system, 0, found)
	seen(filepath.Join(system, "ssh_known_hosts"), found)
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// configured adds the names in lines Host of a configuration file, and of those that
// it includes from dir.
func configured(file, dir string, depth int, found map[string]bool) {
	for line := range lines(file) {
		words := strings.Fields(strings.NewReplacer("=", " ", `"`, "").Replace(line))
		if len(words) < 2 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "host":
			for _, name := range words[1:] {
				add(name, found)
			}
		case "include":
			for _, name := range words[1:] {
				included(name, dir, depth, found)
			}
		}
	}
}

// included adds the names of the files that an Include names.
func included(name, dir string, depth int, found map[string]bool) {
	if depth == maxIncludes {
		return
	}
	home, err := os.UserHomeDir()
	switch rest, tilde := strings.CutPrefix(name, "~/"); {
	case tilde && err == nil:
		name = filepath.Join(home, rest)
	case !filepath.IsAbs(name):
		name = filepath.Join(dir, name)
	}
	files, _ := filepath.Glob(name) // of a wrong pattern there are none
	for _, file := range files {
		configured(file, dir, depth+1, found)
	}
}

// seen adds the names of a known_hosts file, but those that are hashed.
func seen(file string, found map[string]bool) {
	for line := range lines(file) {
		words := strings.Fields(line)
		if len(words) > 0 && strings.HasPrefix(words[0], "@") {
			words = words[1:]
		}
		if len(words) < 2 {
			continue
		}
		for name := range strings.SplitSeq(words[0], ",") {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "["), "]") // [host]:port
			add(name, found)
		}
	}
}

// add adds a name, unless it is a pattern, a hash or a comment.
func add(name string, found map[string]bool) {
	if name != "" && !strings.ContainsAny(name, `*?!|#'\`) {
		found[name] = true
	}
}

// lines yields the lines of a file; of one that cannot be read, none.
func lines(file string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		f, err := os.Open(file)
		if err != nil {
			return
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if !yield(s.Text()) {
				return
			}
		}
	}
}
