package ftpfwd

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// runTimers fires timers as a session does, until none is running.
func runTimers(ts *timers) {
	for next := ts.next(); next != nil; next = ts.next() {
		<-next
		ts.fire()
	}
}

// A timerLog records which timers fire, and when.
type timerLog struct {
	began time.Time
	fired []string
	at    []time.Duration
}

func newTimerLog() *timerLog { return &timerLog{began: time.Now()} }

func (l *timerLog) record(name string) func() {
	return func() {
		l.fired = append(l.fired, name)
		l.at = append(l.at, time.Since(l.began))
	}
}

func TestTimersFireInOrderOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var late, early, middle timer
		log := newTimerLog()
		ts.start(&late, 3*time.Second, log.record("late"))
		ts.start(&early, time.Second, log.record("early"))
		ts.start(&middle, 2*time.Second, log.record("middle"))
		runTimers(&ts)
		assert.Equal(t, []string{"early", "middle", "late"}, log.fired)
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, log.at)
	})
}

func TestTimersThatAreDueTogetherFireInOrderOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var late, early timer
		log := newTimerLog()
		ts.start(&late, 2*time.Second, log.record("late"))
		ts.start(&early, time.Second, log.record("early"))
		next := ts.next()
		time.Sleep(time.Minute) // the session was busy
		<-next
		ts.fire()
		assert.Equal(t, []string{"early", "late"}, log.fired)
		assert.Nil(t, ts.next())
	})
}

func TestTimerStoppedByAnotherDoesNotFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var first, second timer
		log := newTimerLog()
		ts.start(&second, 2*time.Second, log.record("second"))
		ts.start(&first, time.Second, func() {
			log.record("first")()
			ts.stop(&second)
		})
		time.Sleep(time.Minute) // both are due
		ts.fire()
		assert.Equal(t, []string{"first"}, log.fired)
		assert.Nil(t, ts.next())
	})
}

func TestStopAllWithinFireStopsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var first, second timer
		log := newTimerLog()
		ts.start(&first, time.Second, func() { log.record("first")(); ts.stopAll() })
		ts.start(&second, time.Second, log.record("second"))
		runTimers(&ts)
		assert.Equal(t, []string{"first"}, log.fired)
	})
}

func TestTimerMayStartItselfAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var tick timer
		log := newTimerLog()
		var fire func()
		fire = func() {
			log.record("tick")()
			if len(log.fired) < 3 {
				ts.start(&tick, time.Second, fire)
			}
		}
		ts.start(&tick, time.Second, fire)
		runTimers(&ts)
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, log.at)
	})
}

func TestStartReplacesRunningTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var tm timer
		log := newTimerLog()
		ts.start(&tm, time.Second, log.record("first"))
		ts.start(&tm, 2*time.Second, log.record("second"))
		runTimers(&ts)
		assert.Equal(t, []string{"second"}, log.fired)
		assert.Equal(t, []time.Duration{2 * time.Second}, log.at)
	})
}

func TestStartOnceKeepsRunningTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts timers
		var tm timer
		log := newTimerLog()
		ts.startOnce(&tm, time.Second, log.record("first"))
		ts.startOnce(&tm, 2*time.Second, log.record("second"))
		runTimers(&ts)
		ts.startOnce(&tm, time.Second, log.record("third")) // it is not running any more
		runTimers(&ts)
		assert.Equal(t, []string{"first", "third"}, log.fired)
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second}, log.at)
	})
}

func TestNextIsNilWithoutTimers(t *testing.T) {
	var ts timers
	assert.Nil(t, ts.next())
	ts.close()
	var tm timer
	ts.start(&tm, time.Hour, func() {})
	assert.NotNil(t, ts.next())
	ts.stop(&tm)
	assert.Nil(t, ts.next())
}
