package knownhosts

import "strconv"

// A Host identifies a host in known_hosts files. Names are compared without
// regard to the case of ASCII letters.
type Host struct {
	Name  string // host name or IP address, without brackets
	Port  int    // TCP port; 0 means 22
	Alias string // HostKeyAlias: replaces name and port; may be empty
}

// name returns the name of h in known_hosts files.
func (h Host) name() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return withPort(lower(h.Name), h.Port)
}

// bareName returns the name to look up if name has no matching line: the one
// without the port. It is empty if there is no other name.
func (h Host) bareName() string {
	if h.Alias != "" || h.name() == lower(h.Name) {
		return ""
	}
	return lower(h.Name)
}

// principal returns the name that a host certificate of h must be valid for.
func (h Host) principal() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return lower(h.Name)
}

// withPort returns [name]:port, or name alone if the port is 22.
func withPort(name string, port int) string {
	if port == 0 || port == 22 {
		return name
	}
	return "[" + name + "]:" + strconv.Itoa(port)
}
