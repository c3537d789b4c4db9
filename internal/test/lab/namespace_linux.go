package lab

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	kill = syscall.SIGKILL
	stop = syscall.SIGSTOP
	cont = syscall.SIGCONT
)

// signal sends s to a process, or to a process group if pid is negative.
func signal(pid int, s syscall.Signal) error { return syscall.Kill(pid, s) }

// ownGroup makes cmd start as the leader of a process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// inNamespace calls f on a thread in the network namespace at path. Sockets stay in
// the namespace in which they are created.
func inNamespace(path string, f func()) error {
	there, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = there.Close() }()

	entered := make(chan error)
	go func() {
		runtime.LockOSThread()
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			entered <- err
			return
		}
		defer func() { _ = here.Close() }()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			entered <- os.NewSyscallError("setns", err)
			return
		}
		f()
		// A thread that cannot return stays locked and ends with this
		// goroutine.
		if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		entered <- nil
	}()
	return <-entered
}
