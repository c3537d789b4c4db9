// Package owner finds the user of this machine whose process made a connection,
// so that a port on loopback serves only the users that it is meant for.
//
// Users are named by their numeric ID, as a string. Only Linux tells the owner
// of a connection; elsewhere [Of] returns "", as for connections from other
// hosts, and every user is served.
package owner

import (
	"errors"
	"os/user"
	"slices"
)

// ErrGone is wrapped by the error of [Of] if the process at the other end has
// closed the connection already: the kernel still has its socket, but no longer
// whose it was. That is how an honest client that sends little and closes at once
// looks, and another user's process that does the same. A connection of another
// user that is still open is never ErrGone, nor one from another host.
var ErrGone = errors.New("its owner is gone")

// Any allows every user, in the list of [IDs].
const Any = "any"

// IDs returns the IDs of the users who may connect: root and those in names, by
// name or ID. Without names it is root and the user who runs this process. It
// returns nil, which allows everybody, if names contains [Any]. An error names
// the user that does not exist.
func IDs(names []string) ([]string, error) {
	ids := []string{"0"}
	if len(names) == 0 {
		me, err := user.Current()
		if err != nil {
			return nil, err
		}
		return append(ids, me.Uid), nil
	}
	for _, name := range names {
		if name == Any {
			continue
		}
		id, err := lookup(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if slices.Contains(names, Any) {
		return nil, nil
	}
	return ids, nil
}

// lookup returns the ID of a user given by name or by ID.
func lookup(name string) (string, error) {
	u, err := user.Lookup(name)
	if err == nil {
		return u.Uid, nil
	}
	if byID, idErr := user.LookupId(name); idErr == nil {
		return byID.Uid, nil
	}
	return "", err
}

// Name returns the name of the user with an ID, or the ID if it has none.
func Name(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
