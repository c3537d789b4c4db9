package child

import "os"

var (
	// StopSignals end the program before the command runs.
	StopSignals = []os.Signal{os.Interrupt}

	passedSignals = []os.Signal{os.Interrupt}
)

// keyboardSignal returns true: a console sends its signals to all processes that
// share it.
func keyboardSignal(os.Signal) bool { return true }

func exitStatus(s *os.ProcessState) int { return s.ExitCode() }
