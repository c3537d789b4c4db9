//go:build !unix || solaris || aix

package terminal

// hide does nothing: reading a password hides it, a moment after the question.
func hide(int) error { return nil }
