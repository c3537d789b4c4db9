package ftptest

import (
	"context"
	"slices"
	"strings"
)

var help = []string{
	"USER PASS QUIT NOOP SYST FEAT OPTS HELP STAT ABOR",
	"TYPE MODE STRU ALLO PWD CWD CDUP MKD RMD DELE RNFR RNTO",
	"PASV EPSV PORT EPRT REST RETR STOR APPE LIST NLST MLSD MLST SIZE MDTM",
}

var features = []string{
	"EPRT", "EPSV", "MDTM", "MLST type*;size*;modify*;", "REST STREAM", "SIZE", "TVFS", "UTF8",
}

// command carries out a command. Each belongs to one of three families.
func (s *session) command(ctx context.Context, line string) {
	verb, argument := parse(line)
	restart, renaming := s.restart, s.renaming
	s.restart, s.renaming = 0, ""
	switch {
	case s.refuses(verb):
	case s.control(verb, argument):
	case !s.loggedIn:
		s.reply(530, "Log in with USER and PASS")
	case s.prepareData(verb, argument):
	case s.transferCommand(ctx, verb, argument, restart):
	case s.fileCommand(verb, argument, renaming):
	default:
		s.reply(500, "%s is not known here", verb)
	}
}

// control carries out the commands about the connection itself, and reports
// whether verb is one.
func (s *session) control(verb, argument string) bool {
	switch verb {
	case "USER":
		s.user, s.loggedIn = argument, false
		s.say(s.server.Dialect.AskPassword, 331, "Password required")
	case "PASS":
		s.logIn(argument)
	case "QUIT":
		s.reply(221, "Goodbye")
		s.over = true
	case "ABOR":
		s.abort()
		s.reply(226, "Nothing is being transferred now")
	case "NOOP":
		s.reply(200, "Nothing done")
	case "ALLO":
		s.reply(202, "Not needed here")
	case "SYST":
		s.say(s.server.Dialect.System, 215, "UNIX Type: L8")
	case "FEAT":
		s.replyLines(211, "Features", s.features(), "End")
	case "HELP":
		s.replyLines(214, "Commands", help, "End")
	case "OPTS":
		s.accept(verb, argument, "UTF8 ON", "UTF8")
	case "TYPE":
		s.accept(verb, argument, "A", "A N", "I", "L 8")
	case "MODE":
		s.setMode(strings.ToUpper(argument))
	case "STRU":
		s.accept(verb, argument, "F")
	case "STAT":
		s.status()
	default:
		return false
	}
	return true
}

// accept answers a command that sets something which is so anyway.
func (s *session) accept(verb, argument string, accepted ...string) {
	if slices.Contains(accepted, strings.ToUpper(argument)) {
		s.reply(200, "%s is %s now", verb, strings.ToUpper(argument))
		return
	}
	s.reply(504, "%s %s is not offered here", verb, argument)
}

func (s *session) logIn(password string) {
	switch {
	case s.user == "":
		s.reply(503, "Send USER first")
	case s.server.User != "" && (s.user != s.server.User || password != s.server.Password):
		s.reply(530, "Login incorrect")
	default:
		s.loggedIn = true
		s.sayLines(s.server.Dialect.Welcome, "230 Logged in")
	}
}

func (s *session) status() {
	lines := []string{"Connected from " + s.peer.String()}
	if s.loggedIn {
		lines = append(lines, "Logged in as "+s.user)
	}
	if s.transfer != nil {
		lines = append(lines, "Transfer of "+s.transfer.name+" under way")
	}
	s.replyLines(211, "Status", lines, "End")
}
