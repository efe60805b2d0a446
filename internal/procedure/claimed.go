package procedure

import (
	"slices"
	"time"
)

// claimPatience is how long a job that was ordered may take to begin, by the server's clock, before it is ordered once more. A server ends
// the wait by itself after five minutes: then it never begins.
const claimPatience = 30 * time.Second

// orderAgain orders a job once more that was ordered and does not begin: whoever ordered it may have been cut off before its task was there.
// The same order finishes what it began, and however often it is given the job works once. It is given again only where the same
// order follows from what the server is without the job, and through the same gates.
func (d ServerDecision) orderAgain(server Server, job Job, decide func(Server) ServerDecision) ServerDecision {
	if !job.overdueToBegin(server.Time) || d.Verdict != VerdictWait {
		return d
	}
	without := server.without(job)
	again := decide(without)
	if again.Order == nil || again.Order.ID != job.ID || again.Verdict != VerdictStart && again.Verdict != VerdictTurn {
		return d
	}
	d.Verdict, d.Order = again.Verdict, again.Order
	d.Anew = again.Verdict == VerdictTurn && !again.worksOn(without)
	return d
}

// forGates is the decision as the gates in front of a server see it: what was ordered and has not begun counts as not ordered.
func (d ServerDecision) forGates() ServerDecision {
	if d.Anew {
		d.Begun, d.InProgress = false, false
	}
	return d
}

// onlyAwaited is the decision where the job is not ordered once more: until the server has ended it, it is awaited.
func (d ServerDecision) onlyAwaited() ServerDecision {
	d.Verdict, d.Order, d.Anew = VerdictWait, nil, false
	return d
}

// databasesOrderedAgain is orderAgain for an update of databases from a front end; nil where it is only awaited. The databases may have to
// be compared before.
func (b BackEnd) databasesOrderedAgain(host Server, job Job) *BackEndDecision {
	if !job.overdueToBegin(host.Time) {
		return nil
	}
	b.FrontEnds = slices.Clone(b.FrontEnds)
	for i, frontEnd := range b.FrontEnds {
		if frontEnd.Server != nil && frontEnd.Server.FQDN == host.FQDN {
			without := frontEnd.Server.without(job)
			b.FrontEnds[i].Server = &without
		}
	}
	again := b.enterprise()
	asks := again.NeedReport != "" || again.NeedMirror != "" || again.NeedTopology
	same := again.Server.Verdict == VerdictStart && again.Server.Order != nil && again.Server.Order.ID == job.ID && again.Server.FQDN == host.FQDN
	if !asks && !same {
		return nil
	}
	again.InProgress = true
	if same {
		again.Server.ActiveSeconds = job.activeSeconds(host.Time)
	}
	return &again
}

// orderAgain is the same for a job of a failover: what must hold before users are moved, or brought back, is asked for once more. It is ordered
// on the server that has it and on no other. There the job runs once, however often it is ordered; a second server would move the users
// once more beside the first.
func (d FailOverDecision) orderAgain(f FailOver, found *placedJob) FailOverDecision {
	if !found.job.overdueToBegin(found.server.Time) || d.Verdict != VerdictWait {
		return d
	}
	again := NextFailOverStep(f.without(found))
	d.NeedPartner, d.NeedServer, d.NeedTopology = again.NeedPartner, again.NeedServer, again.NeedTopology
	if again.Verdict == VerdictStart && len(again.Orders) == 1 && again.Orders[0].FQDN == found.fqdn && again.Orders[0].Order.ID == found.job.ID {
		d.Verdict, d.Orders = VerdictStart, again.Orders
	}
	return d
}

// without is the failover as it would be if a job had not been ordered.
func (f FailOver) without(found *placedJob) FailOver {
	server := found.server.without(*found.job)
	f.FrontEnds = slices.Clone(f.FrontEnds)
	for i := range f.FrontEnds {
		if f.FrontEnds[i].FQDN == found.fqdn {
			f.FrontEnds[i].Server = &server
		}
	}
	if f.BackupServer != nil && f.BackupServer.FQDN == found.fqdn {
		f.BackupServer = &PoolFrontEnd{FQDN: found.fqdn, Server: &server}
	}
	return f
}

// without is the server as it would be if a job had not been ordered there.
func (s Server) without(job Job) Server {
	s.Jobs = slices.DeleteFunc(slices.Clone(s.Jobs), func(one Job) bool { return one.ID == job.ID })
	return s
}

// neverBegan says whether the server has ended a job that was claimed and had not begun: it has done nothing.
func (j Job) neverBegan() bool {
	return j.State == JobInterrupted && j.Started.IsZero() && !j.Claimed.IsZero()
}

// since is when the job began, or was ordered where it has not.
func (j Job) since() time.Time {
	if j.Started.IsZero() {
		return j.Claimed
	}
	return j.Started
}

func (j Job) overdueToBegin(now time.Time) bool {
	return j.State == JobClaimed && !j.Claimed.IsZero() && now.Sub(j.Claimed) > claimPatience
}
