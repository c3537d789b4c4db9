package terminal

import "os"

// notify does nothing: a console has no such signals.
func notify(chan<- os.Signal) (done func()) { return func() {} }

func obey(os.Signal, chan<- os.Signal) {}
