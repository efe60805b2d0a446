package deployment

import (
	"fmt"
	"slices"
	"strings"
)

// LocalDatabase is a database of a host's own SQL Server instances, as sys.databases shows it.
type LocalDatabase struct {
	Instance   string `json:"instanceName"`
	Name       string `json:"databaseName"`
	State      string `json:"state"`
	UserAccess string `json:"userAccess"`
}

// LocalDatabases lists what sys.databases of the host's instances shows, and names the instances that do not run.
func (h *Host) LocalDatabases() (rows []LocalDatabase, stopped []string) {
	h.model.mu.Lock()
	defer h.model.mu.Unlock()
	rows = []LocalDatabase{}
	for _, d := range h.databases {
		instance := strings.ToUpper(d.instance)
		if !h.databaseServiceRuns(d) {
			if !slices.Contains(stopped, instance) {
				stopped = append(stopped, instance)
			}
			continue
		}
		row := LocalDatabase{instance, d.name, "ONLINE", "MULTI_USER"}
		if d.singleUser {
			row.UserAccess = "SINGLE_USER"
		}
		rows = append(rows, row)
	}
	return rows, stopped
}

// leaveSingleUser is what an installer leaves behind that did not come to its end: the databases rtc and rtcdyn can be used by nobody
// else. The next run that ends well puts them right.
func (h *Host) leaveSingleUser(single bool) {
	for _, d := range h.databases {
		if d.byInstaller && (sameName(d.name, "rtc") || sameName(d.name, "rtcdyn")) {
			d.singleUser = single
		}
	}
}

// brokenDatabase names a local database that the front end service cannot use.
func (h *Host) brokenDatabase() string {
	for _, d := range h.databases {
		if d.singleUser {
			return fmt.Sprintf("the database %s of %s is in single-user mode", d.name, strings.ToUpper(d.instance))
		}
	}
	return ""
}
