package child

import "os"

// passedSignals returns the signals that are passed on to the command.
func passedSignals() []os.Signal { return []os.Signal{os.Interrupt} }

// keyboardSignal returns true: a console sends its signals to all processes that
// share it.
func keyboardSignal(os.Signal) bool { return true }

func exitStatus(s *os.ProcessState) int { return s.ExitCode() }
