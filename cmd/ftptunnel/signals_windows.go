package main

import "os"

var (
	stopSignals   = []os.Signal{os.Interrupt}
	passedSignals = []os.Signal{os.Interrupt}
)

// keyboardSignal: a console sends its signals to all that share it.
func keyboardSignal(os.Signal) bool { return true }

func exitStatus(s *os.ProcessState) int { return s.ExitCode() }

// There is no signal for a hangup.
func notifyHangup(chan<- os.Signal) {}
