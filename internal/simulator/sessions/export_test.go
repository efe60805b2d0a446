package sessions

import "time"

// SetPatience sets how long a script waits for a busy process.
func (p *Pool) SetPatience(patience time.Duration) { p.patience = patience }
