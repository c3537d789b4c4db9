package tunnel

import (
	"context"
	"time"
)

// openImpatient is Open with hardly a wait between attempts.
func openImpatient(ctx context.Context, cfg Config) (*Tunnel, error) {
	return open(ctx, cfg, &backoff{random: func(time.Duration) time.Duration { return 5 * time.Millisecond }})
}
