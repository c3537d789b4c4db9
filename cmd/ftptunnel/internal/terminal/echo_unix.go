//go:build unix && !solaris && !aix

package terminal

import "golang.org/x/sys/unix"

// hide stops a terminal from showing what is typed. Whoever read the terminal's
// state before restores it.
func hide(fd int) error {
	state, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	state.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, setTermios, state)
}
