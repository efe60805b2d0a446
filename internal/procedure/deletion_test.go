package procedure

import (
	"strings"
	"testing"

	"lyncops.dev/operator/api/v1alpha1"
)

// putBackAfterFailure is a server that failed and serves again.
func putBackAfterFailure() DomainServer {
	return member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobSucceeded))
}

func TestDepart(t *testing.T) {
	deleted := func(domain Domain) Domain {
		domain.Deleting = true
		return domain
	}
	leaves := func(domain Domain) Departure { return UpgradeDomain(domain).Departure(domain) }
	forced := func(departure Departure, value string) Departure {
		departure.Force = value
		return departure
	}
	drained := openDomain(member(staged, stoppedByUs, stopped), member(staged))
	cases := []struct {
		name    string
		given   Departure
		letGo   bool
		forced  bool
		stalled bool
		reason  string
		says    []string
	}{
		{"nothing was begun: it goes at once", leaves(deleted(openDomain(member(staged), member()))), true, false, false, v1alpha1.ReasonDeleting, nil},
		{"a server is half way: it is finished first", leaves(deleted(drained)), false, false, false, v1alpha1.ReasonDeleting,
			[]string{"fe01.contoso.com is half way", "the installer runs on fe01.contoso.com", "no other is started", v1alpha1.AnnotationForceDelete}},
		{"a server that failed and was put back keeps nobody", leaves(deleted(openDomain(putBackAfterFailure(), member(staged)))), true, false, false, v1alpha1.ReasonDeleting, nil},
		{"a server that failed and could not be put back needs a person",
			leaves(deleted(openDomain(member(staged, stoppedByUs, has(v1alpha1.StepInstall, JobFailed), has(v1alpha1.StepRecover, JobFailed), stopped)))),
			false, false, true, v1alpha1.ReasonDeletionBlocked, []string{"cannot be finished", "the installer failed on fe01.contoso.com"}},
		{"a server in the middle that does not answer is not taken for finished", leaves(deleted(openDomain(unreachable(v1alpha1.StepInstall), member(staged)))),
			false, false, false, v1alpha1.ReasonDeletionBlocked, []string{"fe01.contoso.com is half way", "cannot be finished"}},
		{"one that may have been begun and does not answer is not either", leaves(deleted(openDomain(unreachable(v1alpha1.StepReady), member(staged)))),
			false, false, false, v1alpha1.ReasonDeletionBlocked, []string{"fe01.contoso.com may be half way"}},
		{"one that has left the pool, was not in the middle and does not answer keeps nobody", leaves(deleted(with(openDomain(unreachable(v1alpha1.StepReady)), func(d *Domain) { d.Servers[0].Left = true }))), true, false, false, v1alpha1.ReasonDeleting, nil},
		{"one that has left the pool and is remembered by the finalizer alone is not taken for finished",
			leaves(deleted(with(openDomain(unreachable(v1alpha1.StepUnknown)), func(d *Domain) { d.Servers[0].Left, d.Claimed = true, true }))),
			false, false, false, v1alpha1.ReasonDeletionBlocked, []string{"fe01.contoso.com may be half way", "does not answer"}},
		{"one of which the status knows that it was not in the middle is", leaves(deleted(with(openDomain(unreachable(v1alpha1.StepUnknown)), func(d *Domain) {
			d.Servers[0].Left, d.Servers[0].LastBuild, d.Claimed = true, wanted, true
		}))), true, false, false, v1alpha1.ReasonDeleting, nil},
		{"nor does one keep the users of the others on the backup pool", leaves(with(openDomain(unreachable(v1alpha1.StepUnknown)), func(d *Domain) {
			d.Servers[0].Left, d.Claimed, d.PoolFailedOver = true, true, true
		})), true, false, false, v1alpha1.ReasonDeleting, nil},
		{"one that restarts because of us is only waited for", leaves(deleted(openDomain(unreachable(v1alpha1.StepRestartComputer)))),
			false, false, false, v1alpha1.ReasonDeleting, []string{"Windows is restarting"}},
		{"others that need this object are waited for", Departure{Others: []string{"UpgradeDomain a", "BackEndServer b"}}, false, false, false, v1alpha1.ReasonDeleting,
			[]string{"UpgradeDomain a and BackEndServer b are not finished"}},
		{"a failover that has begun is carried through first", Departure{FailOver: "pool01.contoso.com"}, false, false, false, v1alpha1.ReasonDeleting,
			[]string{"the failover of pool01.contoso.com is not over"}},
		{"a person lets it go half way", forced(leaves(deleted(drained)), v1alpha1.ForceDeleteValue), true, true, false, v1alpha1.ReasonDeleting,
			[]string{"fe01.contoso.com is half way", "declare the pool or server again"}},
		{"any other value is not obeyed, and the right one is told", forced(leaves(deleted(drained)), "true"), false, false, false, v1alpha1.ReasonDeleting,
			[]string{`has the value "true" and is not obeyed`, v1alpha1.ForceDeleteValue}},
		{"nothing is half way: nothing is forced", forced(leaves(deleted(openDomain(member(staged)))), v1alpha1.ForceDeleteValue), true, false, false, v1alpha1.ReasonDeleting, nil},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := Depart(test.given)
			if got.LetGo != test.letGo || got.Forced != test.forced || got.Stalled != test.stalled || got.Reason != test.reason {
				t.Errorf("got %+v", got)
			}
			for _, said := range test.says {
				if !strings.Contains(got.Message, said) {
					t.Errorf("%q does not say %q", got.Message, said)
				}
			}
		})
	}
}

func TestDeletedObjectsStartNoFurtherServer(t *testing.T) {
	for _, test := range []struct {
		name   string
		domain Domain
		starts string
	}{
		{"nobody is stopped", openDomain(member(staged), member(staged)), ""},
		{"nothing is staged", openDomain(member()), ""},
		{"a server in progress is finished", openDomain(member(staged, stoppedByUs, stopped), member(staged)), "fe01 Install"},
		{"also while it is paused", with(openDomain(member(staged, stoppedByUs, stopped), member(staged)), func(d *Domain) { d.Paused = true }), "fe01 Install"},
		{"a retried server that is back in service is not taken again", with(openDomain(putBackAfterFailure()), func(d *Domain) { d.Servers[0].Permitted = 2 }), ""},
		{"stopped for an earlier build: its services are started again, and the new build is not begun", openDomain(member(staged, stopped, has(v1alpha1.StepStopServices, JobSucceeded, named("stop-services-5.0.8308.420-1")))), "fe01 StartServices"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.domain.Deleting = true
			if got := startsOf(UpgradeDomain(test.domain)); got != test.starts {
				t.Errorf("starts %q", got)
			}
		})
	}
	for _, test := range []struct {
		name    string
		backEnd BackEnd
		id      string
	}{
		{"Standard: nothing is stopped", standard(staged), ""},
		{"Standard: in the middle: finished", standard(staged, stoppedByUs, stopped), "stop-web-server-5.0.8308.956-1"},
		{"Enterprise: no databases are updated", enterprise("Absent", reports("15.13.1")), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.backEnd.Deleting = true
			decision, id := NextBackEndStep(test.backEnd), ""
			if decision.Server.Verdict == VerdictStart {
				id = decision.Server.Order.ID
			}
			if id != test.id {
				t.Errorf("starts %q: %+v", id, decision.Server)
			}
		})
	}
}

func TestBackEndDeparture(t *testing.T) {
	running := enterprise("Absent", onFrontEnd(2, has(v1alpha1.StepUpdateDatabases, JobRunning)))
	silent := enterprise("Absent", func(b *BackEnd) { b.FrontEnds[1].Server = nil })
	for _, test := range []struct {
		name    string
		backEnd BackEnd
		letGo   bool
	}{
		{"Standard: in service", standard(staged), true},
		{"Standard: stopped by us", standard(staged, stoppedByUs, stopped), false},
		{"Enterprise: nothing begun", enterprise("Absent", reports("15.13.1")), true},
		{"Enterprise: databases are being updated", running, false},
		{"Enterprise: a front end that may run the job does not answer", silent, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.backEnd.Deleting = true
			if got := Depart(NextBackEndStep(test.backEnd).Departure(test.backEnd)); got.LetGo != test.letGo {
				t.Errorf("got %+v", got)
			}
		})
	}
}
