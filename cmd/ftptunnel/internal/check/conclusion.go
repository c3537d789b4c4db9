package check

import (
	"fmt"
	"slices"
	"strings"

	"example.org/ftptunnel/ftpfwd"
)

// conclude sums up what will work, and what will not.
func (c *checker) conclude() {
	r := c.report
	tried := c.greeted && c.User != ""
	switch {
	case !c.greeted:
		r.Works = false
		r.Summary = []string{"Nothing works yet: " + c.firstFailure()}
	case tried:
		c.concludeModes()
	default:
		c.concludeUntried()
	}
	if r.Works {
		r.Summary = append(r.Summary, "Start with: "+c.Command)
	}
	if c.greeted && !ftpfwd.OnGateway(c.server) && !c.Settings.FTP.ActiveAddress.IsValid() {
		r.advise(c.answers.ForActiveMode(c.gatewayPorts))
	}
}

// firstFailure returns the step that keeps the tunnel from working, and why.
func (c *checker) firstFailure() string {
	for _, s := range c.report.Steps {
		if s.Result == failed && s.Name != stepListen {
			return s.Name + ": " + s.Text
		}
	}
	return "it was interrupted"
}

// concludeModes sums up the modes that were tried. One that works and that
// --server-mode allows is enough for all clients, since the program translates.
func (c *checker) concludeModes() {
	r := c.report
	var good, bad []string
	for _, mode := range ftpModes {
		if works, tried := r.Modes[mode]; works {
			good = append(good, mode)
		} else if tried {
			bad = append(bad, mode)
		}
	}
	mode := c.Settings.FTP.ServerMode
	r.Works = slices.ContainsFunc(good, func(name string) bool { return allows(mode, name) })
	switch {
	case len(good) == 0:
		r.Summary = []string{"Nothing works yet: " + c.firstFailure()}
		return
	case !r.Works:
		r.Summary = []string{fmt.Sprintf("Nothing works with --server-mode=%s: only %s work with the FTP server.", mode, strings.Join(good, ", "))}
		r.advise("leave out --server-mode=" + string(mode))
		return
	}
	clients := "FTP clients may use any mode: ftptunnel translates."
	if mode == ftpfwd.Exact {
		clients = "FTP clients must use one of them: --server-mode=client translates nothing."
	}
	r.Summary = []string{fmt.Sprintf("Files can be moved: %s work with the FTP server. %s", strings.Join(good, ", "), clients)}
	if len(bad) > 0 {
		r.Summary = append(r.Summary, "Does not work: "+strings.Join(bad, ", ")+".")
	}
}

// allows reports whether --server-mode lets data connections be opened with the
// method of this name.
func allows(mode ftpfwd.ServerMode, name string) bool {
	passive := name == "EPSV" || name == "PASV"
	return mode != ftpfwd.Passive && mode != ftpfwd.Active || passive == (mode == ftpfwd.Passive)
}

// concludeUntried predicts from the gateway's answers which modes work.
func (c *checker) concludeUntried() {
	r := c.report
	passive, active := "should work", "should work"
	if c.answers.OnePortOnly() {
		passive = "will not"
	}
	if c.answers.Listen != nil || !ftpfwd.OnGateway(c.server) && !(c.gatewayPorts && c.Settings.FTP.ActiveAddress.IsValid() && !c.Settings.FTP.ActiveAddress.IsLoopback()) {
		active = "will not"
	}
	r.Works = passive != "will not" || active != "will not"
	r.Summary = []string{
		"The FTP server answers through the gateway.",
		"Passive mode (PASV, EPSV) " + passive + ", active mode (PORT, EPRT) " + active + ".",
		"To be sure, log in: add --user NAME.",
	}
}
