package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/test/lab"
)

// The effects in the simulator's record that the summary rests on.
const (
	effectInstallerBegins = "the installer of "
	effectOutBegins       = "stops "
	effectBack            = "is in service again"
	effectUp              = "is up"
	effectJobClaimed      = "is claimed"
)

// pass is what was done to one server, as the server recorded it.
type pass struct {
	server string
	group  string
	// began is the first order after the package was staged; out and back bound the time without service, where there was any.
	began, out, back time.Time
	steps            map[string]time.Duration
	installers       int
}

// summary is the whole upgrade, as the simulated servers recorded it.
type summary struct {
	passes []*pass
	// domains in the order in which servers were taken out of service, each named once for every time it was opened.
	domains []string
	// together is the largest number of front ends of one pool that were out at once, of how many it has.
	together, members int
	// twoDomains says that servers of two domains were out together.
	twoDomains bool
}

// summarize reads the record of an upgrade. The state says which server belongs to which domain.
func summarize(events []lab.Event, state lab.State) summary {
	var s summary
	hosts := map[string]lab.Host{}
	pools := map[string]int{}
	for _, host := range state.Hosts {
		hosts[host.FQDN] = host
		pools[host.Pool]++
	}
	running := map[string]time.Time{} // step of a server, by "server/step": when it was claimed
	for _, event := range events {
		host := hosts[event.Host]
		step := stepOf(event.Command)
		switch {
		case step == "" || step == "StagePackage":
		case strings.HasSuffix(event.Effect, effectJobClaimed):
			running[event.Host+"/"+step] = event.Time
			p := s.pass(host, step, event.Command)
			if p.began.IsZero() {
				p.began = event.Time
			}
		default:
			s.pass(host, step, event.Command).note(event, step, running[event.Host+"/"+step])
		}
		if host.Domain != "" {
			s.noteDomains(event, hosts, pools[host.Pool])
		}
	}
	return s
}

// note takes in an effect of a step that was claimed at a time.
func (p *pass) note(event lab.Event, step string, claimed time.Time) {
	switch {
	case strings.HasPrefix(event.Effect, effectOutBegins) && p.out.IsZero():
		p.out = event.Time
	case strings.HasPrefix(event.Effect, effectInstallerBegins) && strings.Contains(event.Effect, " begins"):
		p.installers++
	case event.Effect == effectBack:
		p.back = event.Time
		return // the record names the command that took the server out; that step has ended long ago
	}
	// A restart is ordered in an instant and lasts until Windows is up again.
	ends := strings.HasPrefix(event.Effect, "job ") && step != "RestartComputer" || event.Effect == effectUp
	if ends && !claimed.IsZero() {
		p.steps[step] += event.Time.Sub(claimed)
	}
}

// pass is that of a host, or, for databases that are updated from a front end, that of the SQL Server.
func (s *summary) pass(host lab.Host, step, command string) *pass {
	server, group := host.FQDN, host.Domain
	if group == "" {
		group = "(own pool)"
	}
	if sql := between(command, `"sqlServerFqdn":"`, `"`); step == "UpdateDatabases" && sql != "" {
		server, group = sql, "(SQL, by "+shortName(host.FQDN)+")"
	}
	for _, p := range s.passes {
		if p.server == server {
			return p
		}
	}
	p := &pass{server: server, group: group, steps: map[string]time.Duration{}}
	s.passes = append(s.passes, p)
	return p
}

func (s *summary) noteDomains(event lab.Event, hosts map[string]lab.Host, members int) {
	out := map[string]bool{}
	for server := range event.Out {
		out[hosts[server].Domain] = true
	}
	if len(event.Out) > s.together || s.members == 0 {
		s.together, s.members = len(event.Out), members
	}
	s.twoDomains = s.twoDomains || len(out) > 1
	for _, domain := range slices.Sorted(maps.Keys(out)) {
		if len(s.domains) == 0 || s.domains[len(s.domains)-1] != domain {
			s.domains = append(s.domains, domain)
		}
	}
}

// stepOf is the action of a job; empty for other commands.
func stepOf(command string) string {
	action, rest, _ := strings.Cut(command, " ")
	if !strings.HasSuffix(rest, "(Start-LyncOpsJob)") {
		return ""
	}
	return action
}

func between(text, before, after string) string {
	_, text, found := strings.Cut(text, before)
	if !found {
		return ""
	}
	text, _, _ = strings.Cut(text, after)
	return text
}

// columns of the summary and the actions whose time they add up.
var columns = []struct {
	heading string
	actions []string
}{
	{"STOP", []string{"StopServices", "StopWebServer"}},
	{"INSTALL", []string{"Install"}},
	{"RESTART", []string{"RestartComputer"}},
	{"DATABASES", []string{"UpdateDatabases"}},
	{"START", []string{"StartWebServer", "StartServices"}},
}

// lines is one line for each server, in the order in which they were worked on.
func (s *summary) lines(since time.Time) []string {
	headings := []string{"AT", "SERVER", "UPGRADE DOMAIN"}
	for _, column := range columns {
		headings = append(headings, column.heading)
	}
	rows := [][]string{append(headings, "OUT FOR")}
	passes := slices.SortedStableFunc(slices.Values(s.passes), func(a, b *pass) int { return a.began.Compare(b.began) })
	for _, p := range passes {
		row := []string{clockTime(p.began.Sub(since)), shortName(p.server), p.group}
		for _, column := range columns {
			var total time.Duration
			for _, action := range column.actions {
				total += p.steps[action]
			}
			row = append(row, seconds(total))
		}
		away := seconds(p.away())
		if !p.out.IsZero() && p.back.IsZero() {
			away = "not back"
		}
		rows = append(rows, append(row, away))
	}
	return aligned(rows, 2)
}

// away is how long the server was out of service; 0 when it was not, or is not back.
func (p *pass) away() time.Duration {
	if p.out.IsZero() || p.back.IsZero() {
		return 0
	}
	return p.back.Sub(p.out)
}

// longestAway is the longest time that a server was out of service.
func (s *summary) longestAway() time.Duration {
	var longest time.Duration
	for _, p := range s.passes {
		longest = max(longest, p.away())
	}
	return longest
}

// objections are what the record itself says against the upgrade, beside the simulator's rules: for each updated server one run
// of the installer is expected, for others none or one.
func (s *summary) objections(servers map[string]bool) []string {
	installers := map[string]int{}
	for _, p := range s.passes {
		installers[p.server] = p.installers
	}
	var objections []string
	for _, server := range slices.Sorted(maps.Keys(servers)) {
		if n := installers[server]; n > 1 || n == 0 && servers[server] {
			objections = append(objections, fmt.Sprintf("%s: the installer ran %d times, not once", server, n))
		}
	}
	if s.twoDomains {
		objections = append(objections, "servers of two upgrade domains were out of service together")
	}
	return objections
}

// clockTime is a time since the start as minutes and seconds.
func clockTime(d time.Duration) string {
	whole := int(max(d, 0).Seconds())
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func minutes(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}
