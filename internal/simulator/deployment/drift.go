package deployment

import (
	"fmt"
	"time"
)

// SetBuild is what somebody does to a host beside everybody else: it is patched by hand, or, when it is rebuilt, set up again from the
// start at that build, without what others have left on its disk. Either puts local databases right. It is recorded and not judged.
func (h *Host) SetBuild(build string, rebuilt bool) error {
	if build == "" {
		return fmt.Errorf("build is missing")
	}
	m := h.model
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case h.power != powerOn:
		return fmt.Errorf("%s is %s", h.FQDN(), h.power)
	case h.installing != nil:
		return fmt.Errorf("an installer runs on %s", h.FQDN())
	}
	for i := range h.components {
		h.components[i].Version = build
	}
	h.leaveSingleUser(false)
	what := "is patched by hand to " + build
	if rebuilt {
		what = "is rebuilt at " + build
		clear(h.tasks)
		h.bootTime = time.Now().UTC().Truncate(time.Millisecond)
		if left := `C:\ProgramData\LyncOps`; h.files.Exists(left) || h.files.IsDirectory(left) {
			if err := h.files.Remove(left); err != nil {
				return fmt.Errorf("%s: %w", h.FQDN(), err)
			}
		}
	}
	h.event(Caller{User: "(somebody)", Command: "build " + build}, what)
	m.notify()
	return nil
}
