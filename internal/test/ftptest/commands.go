package ftptest

import (
	"context"
	"slices"
	"strings"
)

var help = []string{
	"USER PASS QUIT NOOP SYST FEAT OPTS HELP STAT ABOR HOST REIN SITE",
	"TYPE MODE STRU ALLO PWD CWD CDUP MKD RMD DELE RNFR RNTO",
	"PASV EPSV LPSV PORT EPRT LPRT PRET REST RETR STOR APPE LIST NLST MLSD MLST SIZE MDTM",
}

var features = []string{
	"EPRT", "EPSV", "HOST", "MDTM", "MLST type*;size*;modify*;", "PRET", "REST STREAM", "SIZE", "TVFS", "UTF8",
}

// carryOut carries out a command line.
func (s *session) carryOut(ctx context.Context, line string) {
	s.command = parse(line)
	verb, argument := s.command.verb, s.command.argument
	restart, renaming := s.restart, s.renaming
	s.restart, s.renaming = 0, ""
	if text, ok := s.dialect.refusal(s.command, s.own.Port()); ok {
		s.send(s.fill(text, s.command))
		return
	}
	switch {
	case s.control(verb, argument):
	case !s.loggedIn:
		s.reply(530, "Log in with USER and PASS")
	case s.prepareData(ctx, verb, argument):
	case s.transferCommand(ctx, verb, argument, restart):
	case s.fileCommand(verb, argument, renaming):
	default:
		s.reply(500, "%s is not implemented", verb)
	}
}

// control carries out the commands about the connection itself, and reports
// whether verb is one.
func (s *session) control(verb, argument string) bool {
	switch verb {
	case "USER":
		s.user, s.loggedIn = argument, false
		if s.dialect.NoPassword {
			s.logIn("")
		} else {
			s.reply(331, "Password required")
		}
	case "PASS":
		s.logIn(argument)
	case "HOST":
		s.host(argument)
	case "REIN":
		s.reinitialize()
	case "QUIT":
		s.reply(221, "Goodbye")
		s.over = true
	case "ABOR":
		s.abort()
		s.reply(226, "No transfer in progress")
	case "STAT":
		s.status(argument)
	default:
		return s.parameter(verb, argument)
	}
	return true
}

// parameter carries out the commands that query or set parameters, and reports
// whether verb is one.
func (s *session) parameter(verb, argument string) bool {
	switch verb {
	case "NOOP", "SITE":
		s.reply(200, "Nothing done")
	case "PRET":
		s.reply(200, "Will do")
	case "ALLO":
		s.reply(202, "Not needed here")
	case "SYST":
		s.reply(215, "UNIX Type: L8")
	case "FEAT":
		s.features()
	case "HELP":
		s.replyLines(214, "Commands", help, "End")
	case "OPTS":
		s.accept("UTF8 ON", "UTF8")
	case "TYPE":
		s.accept("A", "A N", "I", "L 8")
	case "MODE":
		s.setMode(strings.ToUpper(argument))
	case "STRU":
		s.accept("F")
	default:
		return false
	}
	return true
}

// accept answers a command whose accepted arguments change nothing.
func (s *session) accept(accepted ...string) {
	if argument := strings.ToUpper(s.command.argument); slices.Contains(accepted, argument) {
		s.reply(200, "%s is %s now", s.command.verb, argument)
		return
	}
	s.notSupported()
}

func (s *session) notSupported() {
	s.reply(504, "%s %s is not supported", s.command.verb, s.command.argument)
}

func (s *session) logIn(password string) {
	switch {
	case s.user == "":
		s.reply(503, "Send USER first")
	case !s.dialect.NoPassword && s.server.User != "" && (s.user != s.server.User || password != s.server.Password):
		s.reply(530, "Login incorrect")
	default:
		s.loggedIn = true
		s.reply(230, "Logged in")
	}
}

// host carries out HOST, which precedes USER (RFC 7151).
func (s *session) host(name string) {
	hosts := s.dialect.Hosts
	switch {
	case s.user != "":
		s.reply(503, "Send HOST before USER")
	case len(hosts) > 0 && !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, name) }):
		s.reply(504, "No such host here")
	default:
		s.reply(220, "This is %s", name)
	}
}

// reinitialize resets the session to its initial state.
func (s *session) reinitialize() {
	s.dropData()
	s.user, s.loggedIn, s.onlyEPSV, s.dir, s.mode = "", false, false, "/", stream
	s.reply(220, "Ready for another user")
}

func (s *session) features() {
	lines := features
	if s.dialect.hasMode("Z") {
		lines = append(slices.Clone(lines), "MODE Z")
	}
	s.replyLines(211, "Features", lines, "End")
}

// setMode sets the transmission mode. It closes a data connection that block mode
// has kept (RFC 959, 3.4.1).
func (s *session) setMode(letter string) {
	if !s.dialect.hasMode(letter) {
		s.notSupported()
		return
	}
	s.mode = mode(letter[0])
	if s.mode != block {
		s.dropKept()
	}
	s.reply(200, "MODE is %s now", letter)
}
