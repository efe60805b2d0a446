package lyncops

import "time"

// Where things are on the host.
const (
	root          = `C:\ProgramData\LyncOps`
	jobsFolder    = root + `\jobs`
	packageFolder = root + `\packages`
	historyFolder = root + `\history`
	baselineFile  = root + `\baseline.json`
	taskFolder    = `\LyncOps\`
)

func jobFolder(id string) string { return jobsFolder + `\` + id }
func stateFile(id string) string { return jobFolder(id) + `\state.json` }
func logFile(id string) string   { return jobFolder(id) + `\log.txt` }

const timeFormat = "2006-01-02T15:04:05.000Z"

func writeTime(t time.Time) string { return t.UTC().Format(timeFormat) }

func now() string { return writeTime(time.Now()) }
