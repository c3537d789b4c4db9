package ftptest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHOSTPrecedesUSER(t *testing.T) {
	c := newClient(t, &Server{Dialect: Dialect{Hosts: []string{"ftp.example.com"}}}, "127.0.0.1")
	assert.Regexp(t, "^220 ", c.ask(t, "HOST FTP.example.com"))
	assert.Regexp(t, "^504 ", c.ask(t, "HOST other.example.com"))
	c.logIn(t)
	assert.Regexp(t, "^503 ", c.ask(t, "HOST ftp.example.com"))
	assert.Regexp(t, "^220 ", c.ask(t, "REIN"))
	assert.Regexp(t, "^220 ", c.ask(t, "HOST ftp.example.com"))
}

func TestREINLogsOutAndForgetsPASV(t *testing.T) {
	c, _ := start(t, Dialect{Replies: map[string]string{"REIN 220": "230 Ready"}})
	_ = c.ask(t, "PASV")
	assert.Equal(t, "230 Ready", c.ask(t, "REIN"))
	listeners, _ := c.network.Open()
	assert.Equal(t, 1, listeners)
	assert.Regexp(t, "^530 ", c.ask(t, "PWD"))
	c.logIn(t)
	assert.Regexp(t, "^425 ", c.ask(t, "LIST"))
}

func TestUSERLogsInWithoutPasswords(t *testing.T) {
	s := &Server{User: "u", Password: "p", Dialect: Dialect{NoPassword: true}}
	c := newClient(t, s, "127.0.0.1")
	assert.Regexp(t, "^530 ", c.ask(t, "PWD"))
	assert.Regexp(t, "^230 ", c.ask(t, "USER anonymous"))
	assert.Regexp(t, "^257 ", c.ask(t, "PWD"))
}

func TestSITEAndPRETAreAccepted(t *testing.T) {
	c, _ := start(t, Dialect{})
	assert.Regexp(t, "^200 ", c.ask(t, "SITE CHMOD 644 file"))
	assert.Regexp(t, "^200 ", c.ask(t, "PRET RETR file"))
}

func TestLPSVAndLPRTUseLongAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1": `^228 Entering Long Passive Mode \(4,4,127,0,0,1,2,\d+,\d+\)$`,
		"::1":       `^228 Entering Long Passive Mode \(6,16,(0,){15}1,2,\d+,\d+\)$`,
	} {
		c := newClient(t, &Server{}, address)
		c.logIn(t)
		assert.Regexp(t, want, c.ask(t, "LPSV"))
		c.put(t, "LPSV", "STOR file", "content")
		assert.Equal(t, "content", c.get(t, "LPRT", "RETR file"))
	}
	c, _ := start(t, Dialect{})
	for argument, code := range map[string]string{
		"4,4,192,0,2,1,2,200,1":  "500",
		"4,4,127,0,0,1,2,0,80":   "500",
		"4,4,127,0,0,1,2,200":    "501",
		"4,4,127,0,0,1,3,0,0,80": "501",
		"4,4,127,0,0,1,3,200,1":  "501",
		"6,4,127,0,0,1,2,200,1":  "501",
		"4,255,1":                "501",
		"":                       "501",
	} {
		assert.Equal(t, code, c.ask(t, "LPRT "+argument)[:3], argument)
	}
	assert.Regexp(t, "^200 ", c.ask(t, "EPSV ALL"))
	assert.Regexp(t, "^503 ", c.ask(t, "LPSV"))
}
