package forward

import "os"

// notifyHangup does nothing: there is no such signal.
func notifyHangup(chan<- os.Signal) {}
