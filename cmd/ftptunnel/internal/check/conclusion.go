package check

import (
	"fmt"
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

// concludeModes sums up the modes that were tried. One that works is enough for
// all clients, since the program translates.
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
	if r.Works = len(good) > 0; !r.Works {
		r.Summary = []string{"Nothing works yet: " + c.firstFailure()}
		return
	}
	r.Summary = []string{fmt.Sprintf("Files can be moved: %s work with the FTP server. FTP clients may use any mode: ftptunnel translates.", strings.Join(good, ", "))}
	if len(bad) > 0 {
		r.Summary = append(r.Summary, "Does not work: "+strings.Join(bad, ", ")+".")
	}
}

// concludeUntried predicts from the gateway's answers which modes work.
func (c *checker) concludeUntried() {
	r := c.report
	passive, active := "should work", "should work"
	if c.answers.OnePortOnly() {
		passive = "will not"
	}
	if c.answers.Listen != nil || !ftpfwd.OnGateway(c.server) && !(c.gatewayPorts && c.Settings.FTP.ActiveAddress.IsValid()) {
		active = "will not"
	}
	r.Works = passive != "will not" || active != "will not"
	r.Summary = []string{
		"The FTP server answers through the gateway.",
		"Passive mode (PASV, EPSV) " + passive + ", active mode (PORT, EPRT) " + active + ".",
		"To be sure, log in: add --user NAME.",
	}
}
