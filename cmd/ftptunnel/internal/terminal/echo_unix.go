//go:build unix

package terminal

import "golang.org/x/sys/unix"

// hide stops a terminal from showing what is typed, and makes it deliver whole
// lines. Whoever read the terminal's state before restores it.
func hide(fd int) error {
	state, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	state.Lflag &^= unix.ECHO
	state.Lflag |= unix.ICANON | unix.ISIG
	state.Iflag |= unix.ICRNL
	return unix.IoctlSetTermios(fd, setTermios, state)
}
