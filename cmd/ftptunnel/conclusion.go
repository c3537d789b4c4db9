package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"example.org/ftptunnel/ftpfwd"
)

// conclude says what it all means: what will work, and what will not.
func (c *checker) conclude() {
	r := c.report
	tried := c.greeted && c.p.check.user != ""
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
		r.Summary = append(r.Summary, "Start with: "+c.commandLine())
	}
	if c.greeted && !ftpfwd.OnGateway(c.server) && !c.p.settings.FTP.ActiveAddress.IsValid() {
		r.advise(c.policy().ForActiveMode(c.gatewayPorts))
	}
}

// firstFailure names what stands in the way.
func (c *checker) firstFailure() string {
	for _, s := range c.report.Steps {
		if s.Result == failed && s.Name != "forward back" {
			return s.Name + ": " + s.Text
		}
	}
	return "it was interrupted"
}

// concludeModes is about what was tried. One mode that works serves all
// clients, since the program translates.
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
	r.Summary = []string{fmt.Sprintf("Files can be moved: the FTP server does %s. FTP clients may use any mode: ftptunnel translates.", strings.Join(good, ", "))}
	if len(bad) > 0 {
		r.Summary = append(r.Summary, "Does not work: "+strings.Join(bad, ", ")+".")
	}
}

func (c *checker) concludeUntried() {
	r := c.report
	passive, active := "should work", "should work"
	if c.policy().OnePortOnly() {
		passive = "will not"
	}
	if c.back != nil || !ftpfwd.OnGateway(c.server) && !(c.gatewayPorts && c.p.settings.FTP.ActiveAddress.IsValid()) {
		active = "will not"
	}
	r.Works = passive != "will not" || active != "will not"
	r.Summary = []string{
		"The FTP server answers through the gateway.",
		"Passive mode (PASV, EPSV) " + passive + ", active mode (PORT, EPRT) " + active + ".",
		"To be sure, log in: add --user NAME.",
	}
}

// commandLine is what to type without check: the same flags and arguments.
func (c *checker) commandLine() string {
	line := "ftptunnel"
	c.p.check.typed.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, is := f.Value.(pflag.SliceValue); is {
			values = several.GetSlice()
		}
		for _, v := range values {
			switch {
			case f.Name == "user", f.Name == "json":
			case f.Value.Type() == "bool" && v == "true":
				line += " --" + f.Name
			default:
				line += " --" + f.Name + "=" + shellWord(v)
			}
		}
	})
	for _, arg := range c.p.check.typed.Args() {
		line += " " + shellWord(arg)
	}
	return line
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./~-]+$`)

// shellWord quotes s for a shell where it has to be.
func shellWord(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
