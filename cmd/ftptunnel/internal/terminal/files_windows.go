package terminal

import "os"

func files() (in, out *os.File, err error) {
	in, err = os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0)
	return in, out, err
}

// Controlling returns false: a console sends no signal when it is closed.
func Controlling() bool { return false }
