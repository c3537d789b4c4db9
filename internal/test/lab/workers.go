package lab

// Workers returns how many processes serve connections.
func (d *daemon) Workers() int { return len(d.children()) }

// KillWorker kills one of the processes that serve connections, and reports whether
// there was one. Pick returns its index, which is less than count.
func (d *daemon) KillWorker(pick func(count int) int) bool {
	children := d.children()
	if len(children) == 0 {
		return false
	}
	signalAll(children[pick(len(children)):][:1], kill)
	return true
}
