package e2e_test

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

const (
	// An update that changes no database.
	plainBuild    = "5.0.8308.920"
	plainSource   = "https://packages.contoso.com/lync/plain/LyncServerUpdateInstaller.exe"
	plainContents = "MZ an update of Lync Server 2013 that leaves the databases alone"
)

// fieldSQLServers are the SQL Servers of scenarios that need more than one with the usual databases.
func fieldSQLServers(name string) string {
	switch name {
	case "mirror":
		return "- {fqdn: mirror-sql.contoso.com, mirror: mirror-sql2.contoso.com, instances: [{name: rtc}]}\n"
	case "stores":
		return "- {fqdn: stores-sql.contoso.com, instances: [{name: rtc, databases: [{name: rtcxds, version: 15.13.22}, {name: LcsCDR, version: 39.85.2}]}]}\n" +
			"- {fqdn: stores-mon.contoso.com, instances: [{name: mon, databases: [{name: LcsCDR, version: 39.85.2}]}]}\n" +
			"- {fqdn: stores-cms.contoso.com, centralManagement: true, instances: [{name: rtc, databases: [{name: xds, version: 10.13.2}]}]}\n"
	case "rests":
		return "- {fqdn: rests-sql.contoso.com, instances: [{name: rtc}]}\n" +
			"- {fqdn: rests-mon.contoso.com, instances: [{name: mon, databases: [{name: LcsCDR, version: 39.85.2}]}]}\n"
	}
	return fmt.Sprintf("- {fqdn: %s-sql.contoso.com, instances: [{name: rtc}]}\n", name)
}

// fieldStores are the other stores of a scenario's pool.
func fieldStores(name string) string {
	switch name {
	case "stores":
		return "otherStores: [stores-mon.contoso.com], centralManagement: true, "
	case "rests":
		return "otherStores: [rests-mon.contoso.com], "
	}
	return ""
}

// backEndStories are about databases: of pools, on other servers, mirrored, and on the servers themselves.
func backEndStories() []story {
	return []story{
		{"mirror", "the mirror is the principal", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "principalOnMirror", Target: s.sqlServer()})
			s.declare()
			backEnd := s.backEnd()
			s.create(backEnd)
			awaitReason(s.T, s.lab, s.domain(1), v1alpha1.ReasonPrincipalOnMirror)
			checkEvent(s.T, s.lab, s.domain(1), v1alpha1.ReasonPrincipalOnMirror)
			s.untouched(s.frontEnds...)
			installer := s.keepInstaller(s.frontEnds[2])
			s.mend(fault)
			s.look(s.domain(1))
			// It turns once more when no front end needs the primary any longer.
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "UpgradeDomain3")
			fault = s.fault(lab.Fault{Kind: "principalOnMirror", Target: s.sqlServer()})
			s.mend(installer)
			s.held(backEnd, v1alpha1.ReasonPrincipalOnMirror)
			if updates := s.record(s.frontEnds...).withEffect("the update of databases begins"); len(updates) > 0 {
				s.Errorf("databases were updated on the wrong side: %v", updates)
			}
			s.mend(fault)
			s.look(backEnd)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			s.databasesAt("rtcxds 15.13.23")
			s.mirrorStands()
		}},
		{"stores", "collocated stores, others on another server, and the central management store", func(s *scenario) {
			s.declare()
			backEnd := s.backEnd()
			backEnd.Spec.OtherStores = []v1alpha1.OtherStore{{FQDN: "stores-mon.contoso.com"}}
			backEnd.Spec.CentralManagement = &v1alpha1.CentralManagementStore{FQDN: "stores-cms.contoso.com", InstanceName: "rtc"}
			s.create(backEnd)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			s.databasesAt("stores-sql.contoso.com rtcxds 15.13.23", "stores-sql.contoso.com LcsCDR 39.85.2", "stores-mon.contoso.com LcsCDR 39.85.3", "stores-cms.contoso.com xds 10.13.3")
			if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(backEnd), backEnd); err != nil {
				s.Fatal(err)
			}
			left := meta.FindStatusCondition(backEnd.Status.Conditions, v1alpha1.ConditionStoresCurrent)
			if left == nil || left.Reason != v1alpha1.ReasonStoresOutdated || !strings.Contains(left.Message, "LcsCDR") || backEnd.Status.DatabaseVariant != v1alpha1.DatabaseVariantEnterpriseCollocated {
				s.Errorf("%s, left behind %+v", backEnd.Status.DatabaseVariant, left)
			}
			checkEvent(s.T, s.lab, backEnd, v1alpha1.ReasonStoresOutdated)
		}},
		{"rests", "back ends are paused in mid-update", func(s *scenario) {
			update, installer := s.fault(lab.Fault{Kind: "databaseWaits", Target: string(s.pool.Spec.PoolFQDN)}), s.keepInstaller(s.standardHost())
			s.declare()
			server, backEnd := s.standard(), s.backEnd()
			backEnd.Spec.OtherStores = []v1alpha1.OtherStore{{FQDN: "rests-mon.contoso.com"}}
			s.create(server, backEnd)
			awaitInstaller(s.T, s.lab, s.standardHost(), "")
			updates := func() int { return len(s.record(s.frontEnds...).withEffect("the update of databases begins")) }
			eventually(s.T, "an update of databases", func() (bool, string) { return updates() > 0, fmt.Sprint(s.record(s.frontEnds...).jobs()) })
			s.change(server, func() { server.Spec.Paused = true })
			s.change(backEnd, func() { backEnd.Spec.Paused = true })
			s.noticed(server)
			s.noticed(backEnd)
			s.mend(update)
			s.mend(installer)
			// The server in progress is finished, all its steps; of the stores only the one in progress.
			awaitReason(s.T, s.lab, server, v1alpha1.ReasonUpToDate)
			checkSteps(s.T, s.record(s.standardHost()), s.standardHost(), standardSteps, false)
			s.inService(s.standardHost())
			awaitReason(s.T, s.lab, backEnd, v1alpha1.ReasonPaused)
			s.databasesAt("rests-sql.contoso.com rtcxds 15.13.23", "rests-mon.contoso.com LcsCDR 39.85.2")
			s.staysHeld(backEnd, v1alpha1.ReasonPaused)
			if begun := updates(); begun != 1 {
				s.Errorf("%d updates of databases were begun, although a pause came in the first", begun)
			}
			for _, object := range []*v1alpha1.BackEndServer{server, backEnd} {
				s.change(object, func() { object.Spec.Paused = false })
			}
			awaitAllReady(s.T, s.lab, s.name, 6)
			s.finishes()
			s.databasesAt("rests-sql.contoso.com rtcxds 15.13.23", "rests-mon.contoso.com LcsCDR 39.85.3")
			if begun := updates(); begun != 2 {
				s.Errorf("%d updates of databases were begun for two SQL Servers", begun)
			}
			checkNoViolations(s.T, s.lab, s.standardHost())
		}},
		{"plain", "a Standard Edition server whose databases are current already", func(s *scenario) {
			server := s.standard()
			server.Spec.DesiredBuild, server.Spec.Package.Source, server.Spec.Package.SHA256 = plainBuild, plainSource, hashOf(plainContents)
			s.create(s.goodSecret(), s.authorityMap(s.authority), server)
			awaitAllReady(s.T, s.lab, s.name, 1)
			host := s.standardHost()
			checkSteps(s.T, s.record(host), host, slices.DeleteFunc(slices.Clone(standardSteps), func(step string) bool { return step == "update-databases" }), false)
			checkNoViolations(s.T, s.lab, host)
			checkBuild(s.T, s.lab, plainBuild, host)
			s.inService(host)
		}},
		{"single", "a broken installer leaves local databases in single-user mode", func(s *scenario) {
			host := s.standardHost()
			for _, target := range []string{s.frontEnds[0], host} {
				s.fault(lab.Fault{Kind: "installerLeavesSingleUser", Target: target, ExitCode: 1603, Count: 1})
			}
			server := s.standard()
			s.declare()
			s.create(server)
			s.held(s.domain(1), v1alpha1.ReasonLocalDatabasesBroken)
			s.held(server, v1alpha1.ReasonLocalDatabasesBroken)
			for _, hold := range []*v1alpha1.Hold{server.Status.Hold} {
				if !strings.Contains(hold.Message, `rtc of .\RTCLOCAL is ONLINE, SINGLE_USER`) || !strings.Contains(hold.Message, v1alpha1.AnnotationRetry) {
					s.Errorf("says %q", hold.Message)
				}
			}
			s.untouched(s.frontEnds[1:]...)
			s.acknowledge()
			s.retry(s.pool)
			s.retry(server)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			checkNoViolations(s.T, s.lab, host)
			checkBuild(s.T, s.lab, build, host)
			s.inService(host)
		}},
		{"unseen", "an installer that reports success leaves local databases in single-user mode", func(s *scenario) {
			host := s.standardHost()
			for _, target := range []string{s.frontEnds[0], host} {
				s.fault(lab.Fault{Kind: "installerLeavesSingleUser", Target: target, Count: 1})
			}
			domain, server := s.domain(1), s.standard()
			s.declare()
			s.create(server)
			s.held(domain, v1alpha1.ReasonLocalDatabasesBroken)
			s.held(server, v1alpha1.ReasonLocalDatabasesBroken)
			for of, hold := range map[string]*v1alpha1.Hold{s.frontEnds[0]: domain.Status.Hold, host: server.Status.Hold} {
				for _, words := range []string{of, `rtc of .\RTCLOCAL is ONLINE, SINGLE_USER`, "Run the same update on it once more", "Install-CsDatabase does not help"} {
					if hold == nil || !strings.Contains(hold.Message, words) {
						s.Errorf("%s is not said of %s: %+v", words, of, hold)
					}
				}
			}
			jobs := s.record(s.frontEnds[0], host).jobs()
			s.staysHeld(domain, v1alpha1.ReasonLocalDatabasesBroken)
			s.staysHeld(server, v1alpha1.ReasonLocalDatabasesBroken)
			if later := s.record(s.frontEnds[0], host).jobs(); !slices.Equal(jobs, later) {
				s.Errorf("after the hold the jobs %q have become %q", jobs, later)
			}
			s.untouched(s.frontEnds[1:]...)
			// Somebody does as it says.
			for _, one := range []string{s.frontEnds[0], host} {
				s.setBuild(one, build, false)
				if err := s.lab.Simulator().Power(s.Context(), one, "reboot"); err != nil {
					s.Fatal(err)
				}
				awaitService(s.T, s.lab, one)
			}
			s.look(domain)
			s.look(server)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			s.onceEach(s.frontEnds[1:]...)
			checkNoViolations(s.T, s.lab, host)
			checkBuild(s.T, s.lab, build, host)
			s.inService(host)
			for _, one := range []string{s.frontEnds[0], host} {
				if begun := s.record(one).begun(); begun != 1 {
					s.Errorf("the installer was begun %d times on %s", begun, one)
				}
			}
		}},
	}
}

func (s *scenario) sqlServer() string { return s.name + "-sql.contoso.com" }

// backEnd is the SQL Server of the scenario's pool.
func (s *scenario) backEnd() *v1alpha1.BackEndServer {
	return &v1alpha1.BackEndServer{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "sql"}, Spec: v1alpha1.BackEndServerSpec{
		Edition: v1alpha1.EditionEnterprise, PoolRef: &v1alpha1.LocalObjectReference{Name: s.name}, DesiredBuild: build,
		SQL: &v1alpha1.SQLServer{FQDN: v1alpha1.FQDN(s.sqlServer()), InstanceName: "rtc"}}}
}

// databasesAt fails unless databases ("server name version", or "name version" on the pool's SQL Server) are at these versions.
func (s *scenario) databasesAt(wanted ...string) {
	s.Helper()
	var found []string
	for _, database := range readState(s.T, s.lab).Databases {
		if database.Server == s.sqlServer() {
			found = append(found, database.Name+" "+database.Installed)
		}
		found = append(found, database.Server+" "+database.Name+" "+database.Installed)
	}
	for _, one := range wanted {
		if !slices.Contains(found, one) {
			s.Errorf("no database is %q: %q", one, found)
		}
	}
}

// mirrorStands fails when anything that concerns mirrors was done wrong, on whatever server: a mirror is never removed, nor its
// databases updated with -Update.
func (s *scenario) mirrorStands() {
	s.Helper()
	violations, err := s.lab.Simulator().Violations(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, violation := range violations {
		if violation.Rule == "mirror" || violation.Rule == "databasesAndFrontEnds" {
			s.Errorf("%+v", violation)
		}
	}
}
