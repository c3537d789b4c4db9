package ftpfwd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRefusedLoginIsReportedWithoutThePassword(t *testing.T) {
	for name, refuse := range map[string]func(r *rig){
		"PASS": func(r *rig) {
			r.exchange("USER bob", "331 Password required")
			r.client.send("PASS hunter2")
			r.server.expect("PASS hunter2")
			r.server.send("530 hunter2 is not the password of bob")
			r.client.expect("530 hunter2 is not the password of bob")
		},
		"USER": func(r *rig) { r.exchange("USER bob", "530 **** is not the password of bob") },
		"several lines": func(r *rig) {
			r.exchange("USER bob", "331 Password required")
			r.client.send("PASS x")
			r.server.expect("PASS x")
			r.server.send("530-**** is not the password of bob", "530 Bye")
			r.client.expect("530-**** is not the password of bob", "530 Bye")
		},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, func(r *rig) {
				refuse(r)
				warnings := r.events(Warned)
				require.Len(r.t, warnings, 1)
				e := warnings[0]
				assert.Equal(r.t, LoginRefused, e.Warning)
				assert.Equal(r.t, "bob", e.User)
				var login *LoginError
				require.ErrorAs(r.t, e.Err, &login)
				assert.Equal(r.t, "bob", login.User)
				assert.Equal(r.t, 530, login.Code)
				assert.Regexp(r.t, `^530[ -]\*\*\*\*`, login.Reply)
				assert.NotContains(r.t, e.Err.Error()+e.Text, "hunter2")
			})
		})
	}
}

func TestAnyPositiveReplyToPASSIsALogin(t *testing.T) {
	for _, command := range []string{"PASS", "ACCT"} {
		for _, reply := range []string{"202 superfluous", "200 ok", "220 hello"} {
			withRig(t, func(r *rig) {
				r.exchange("USER bob", "331 Password required")
				r.exchange(command+" secret", reply)
				require.Len(r.t, r.events(LoggedIn), 1)
				advance(10 * time.Minute) // no 421 for want of a login
				r.client.expectNothing()
			})
		}
	}
}

func TestLoginThatGoesOnIsNotReported(t *testing.T) {
	withRig(t, func(r *rig) {
		r.exchange("PASS early", "503 Login with USER first")
		r.exchange("USER bob", "331 Password required")
		r.exchange("PASS secret", "332 Account required")
		r.exchange("ACCT a", "230 Welcome")
		assert.Empty(r.t, r.events(Warned))
		require.Len(r.t, r.events(LoggedIn), 1)
	})
}
