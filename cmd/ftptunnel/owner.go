package main

import (
	"os/user"
	"slices"

	"example.org/ftptunnel/ftpfwd"
)

// anyUser in --allow-user lets every user of this machine in.
const anyUser = "any"

// letIn sets who may connect to f: this program's user and root, unless names
// say otherwise, by name or ID.
func letIn(f *ftpfwd.Forwarder, names []string) error {
	if slices.Contains(names, anyUser) {
		f.Users = nil
	} else if f.Users = []string{"0"}; len(names) == 0 {
		me, err := user.Current()
		if err != nil {
			return err
		}
		f.Users = append(f.Users, me.Uid)
	}
	for _, name := range names {
		if name == anyUser {
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			var idErr error
			if u, idErr = user.LookupId(name); idErr != nil {
				return &usageError{"--allow-user: " + err.Error(), "name a user of this machine, or any"}
			}
		}
		if f.Users != nil {
			f.Users = append(f.Users, u.Uid)
		}
	}
	f.Owner = ownerOf
	return nil
}

// userName names the user with an ID for people.
func userName(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
