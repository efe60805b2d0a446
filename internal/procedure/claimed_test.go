package procedure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
)

// A job of a failover that was ordered and does not begin is ordered once more, on the same server, where it would be ordered still.
func TestAJobOfAFailOverThatDoesNotBeginIsOrderedOnceMore(t *testing.T) {
	overdue := claimed(time.Minute)
	over, back, move := has(v1alpha1.StepFailOverPool, JobClaimed, overdue), has(v1alpha1.StepFailBackPool, JobClaimed, overdue), has(v1alpha1.StepMoveCentralManagement, JobClaimed, overdue)
	away, central := registrar(RegistrarFailedOver), func(p *Partner) { p.CentralManagementPool = thisPool }
	on := func(index int, changes ...change) func(*FailOver) {
		return func(f *FailOver) {
			for _, apply := range changes {
				apply(f.FrontEnds[index].Server)
			}
		}
	}
	mover := func(changes ...change) func(*FailOver) {
		return func(f *FailOver) {
			server := frontEnd(changes...)
			server.FQDN = "fe11.contoso.com"
			f.MoveCentralManagement, f.BackupServer = true, &PoolFrontEnd{FQDN: server.FQDN, Server: &server}
		}
	}
	const overAgain, backAgain = "fe01 fail-over-pool-5.0.8308.956-1", "fe01 fail-back-pool-5.0.8308.956-1"
	cases := []struct {
		says   string
		given  FailOver
		phase  v1alpha1.FailOverPhase
		orders string // server and job of each order
		asks   string // what must be known first
	}{
		{"the services of one are not written down: ordered once more on that one", poolToFailOver(pair(), recorded).with(on(1, func(s *Server) { s.Baseline = nil }, has(v1alpha1.StepRecordServices, JobClaimed, overdue))),
			v1alpha1.FailOverRecording, "fe02 record-services-5.0.8308.956-1", ""},
		{"ordered a moment ago: awaited", poolToFailOver(pair(), recorded, has(v1alpha1.StepFailOverPool, JobClaimed, claimed(claimPatience))), v1alpha1.FailOverFailingOver, "", ""},
		{"it runs: never ordered once more", poolToFailOver(pair(), recorded, has(v1alpha1.StepFailOverPool, JobRunning, func(j *Job) { j.Claimed = started })), v1alpha1.FailOverFailingOver, "", ""},
		{"the failover does not begin", poolToFailOver(pair(), recorded, over), v1alpha1.FailOverFailingOver, overAgain, ""},
		{"the pair is asked about once more", poolToFailOver(nil, recorded, over), v1alpha1.FailOverFailingOver, "", "partner"},
		{"and the topology", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.TopologyChanged = nil }), v1alpha1.FailOverFailingOver, "", "topology"},
		{"not while the backup service is not healthy", poolToFailOver(pair(func(p *Partner) { p.Modules[0].Export = "ErrorState" }), recorded, over), v1alpha1.FailOverFailingOver, "", ""},
		{"not while the backup pool cannot take the users", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.BackupPoolBusy = "pool02 is being upgraded" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not while a back end is at work", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.BackEnd = "sql01" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not while a front end does not answer", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.FrontEnds[2].Server = nil }), v1alpha1.FailOverFailingOver, "", ""},
		{"not when it is paused", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.Paused = true }), v1alpha1.FailOverFailingOver, "", ""},
		{"not when nobody wants it any more", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { f.Cause = "" }), v1alpha1.FailOverFailingOver, "", ""},
		{"not where a front end has come meanwhile", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { *f.TopologyChanged = "fe04 has come" }), v1alpha1.FailOverFailingOver, "", ""},
		{"never on another front end than the one that has it", poolToFailOver(pair(), recorded, over).with(func(f *FailOver) { slices.Reverse(f.FrontEnds) }), v1alpha1.FailOverFailingOver, "", ""},
		{"nor beside one that another front end has", poolToFailOver(pair(), recorded, over).with(on(1, failingOver)), v1alpha1.FailOverFailingOver, "", ""},
		{"two front ends have it, and neither has begun: a person must look", poolToFailOver(pair(), recorded, over).with(on(1, over)), v1alpha1.FailOverFailingOver, "", ""},
		{"the second attempt, from the second front end", poolToFailOver(pair(), recorded, failOverFailed).with(on(1, has(v1alpha1.StepFailOverPool, JobClaimed, overdue, another(2)))).with(func(f *FailOver) { f.Permitted = 2 }),
			v1alpha1.FailOverFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", ""},
		{"also of one left half way", poolToFailOver(pair(registrar(RegistrarFailingOver)), recordedOnly, failOverFailed).with(on(1, has(v1alpha1.StepFailOverPool, JobClaimed, overdue, another(2)))).with(func(f *FailOver) { f.Permitted = 2 }),
			v1alpha1.FailOverFailingOver, "fe02 fail-over-pool-5.0.8308.956-2", ""},
		{"the central management store does not begin to move", poolToFailOver(pair(central), recorded).with(mover(move)), v1alpha1.FailOverMovingCentralManagement, "fe11 move-central-management-5.0.8308.956-1", ""},
		{"not while the backup pool is being worked on", poolToFailOver(pair(central), recorded).with(mover(move)).with(func(f *FailOver) { f.BackupPoolBusy = "pool02 is being upgraded" }), v1alpha1.FailOverMovingCentralManagement, "", ""},
		{"not where it may not be moved any more", poolToFailOver(pair(central), recorded).with(mover(move)).with(func(f *FailOver) { f.MoveCentralManagement = false }), v1alpha1.FailOverMovingCentralManagement, "", ""},
		{"the fail back does not begin", poolToFailOver(pair(away), upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, backAgain, ""},
		{"before, a front end must say where the users are", poolToFailOver(nil, upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, "", "partner"},
		{"not when the users are back already", poolToFailOver(pair(), upToDate, failedOverByUs, back), v1alpha1.FailOverFailingBack, "", ""},
		{"not while a front end does not serve", poolToFailOver(pair(away), upToDate, failedOverByUs, back).with(on(2, stopped)), v1alpha1.FailOverFailingBack, "", ""},
		{"not where nobody remembers the failover", poolToFailOver(pair(away), upToDate, back), v1alpha1.FailOverFailingBack, "", ""},
		{"the second fail back, from the second front end", poolToFailOver(pair(away), upToDate, failedOverByUs, has(v1alpha1.StepFailBackPool, JobFailed)).with(on(1, has(v1alpha1.StepFailBackPool, JobClaimed, overdue, another(2)))),
			v1alpha1.FailOverFailingBack, "fe02 fail-back-pool-5.0.8308.956-2", ""},
	}
	for _, test := range cases {
		t.Run(test.says, func(t *testing.T) {
			got := NextFailOverStep(test.given)
			var orders []string
			for _, order := range got.Orders {
				orders = append(orders, strings.TrimSuffix(order.FQDN, ".contoso.com")+" "+order.Order.ID)
			}
			asks := ""
			switch {
			case got.NeedPartner:
				asks = "partner"
			case got.NeedTopology:
				asks = "topology"
			}
			if got.Phase != test.phase || strings.Join(orders, ", ") != test.orders || asks != test.asks || got.Open || (got.Verdict == VerdictStart) != (test.orders != "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}
