package terminal

import "golang.org/x/sys/windows"

// hide stops a console from showing what is typed, and makes it deliver whole
// lines. Whoever read the console's state before restores it.
func hide(fd int) error {
	var mode uint32
	if err := windows.GetConsoleMode(windows.Handle(fd), &mode); err != nil {
		return err
	}
	mode &^= windows.ENABLE_ECHO_INPUT
	mode |= windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	return windows.SetConsoleMode(windows.Handle(fd), mode)
}
