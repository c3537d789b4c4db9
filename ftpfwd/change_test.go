package ftpfwd

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChangesOfFilesAreReportedWithTheirReplies(t *testing.T) {
	withRig(t, func(r *rig) {
		r.login()
		r.exchange("CWD /out", "250 ok")
		r.exchange("DELE a", "250 deleted")
		r.exchange("MKD /new", "550 no")
		r.exchange("RNFR a", "350 go on")
		r.exchange("RNTO b", "250 renamed")
		r.exchange("rmd d", "250-removed")
		r.server.send("250 yes")
		r.client.expect("250 yes")
		r.exchange("SITE CHMOD 600 a", "200 done")
		r.exchange("SITE PSWD old-secret new-secret", "500 what is old-secret?")
		r.exchange("NOOP", "200 ok")
		var changes []Change
		for _, e := range r.events(Changed) {
			assert.Equal(r.t, "bob", e.User)
			changes = append(changes, e.Change)
		}
		assert.Equal(r.t, []Change{
			{"DELE", "a", "/out/a", 250, "250 deleted"},
			{"MKD", "/new", "/new", 550, "550 no"},
			{"RNFR", "a", "/out/a", 350, "350 go on"},
			{"RNTO", "b", "/out/b", 250, "250 renamed"},
			{"RMD", "d", "/out/d", 250, "250-removed"},
			{"SITE", "CHMOD 600 a", "", 200, "200 done"},
			{"SITE", "PSWD ****", "", 500, "****"},
		}, changes)
	})
}
