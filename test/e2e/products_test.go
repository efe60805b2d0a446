package e2e_test

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// productPool is a pool of another product or role among the servers of the scenarios.
type productPool struct {
	product, role, build, source, contents string
}

const (
	build2015     = "6.0.9319.869"
	build2019     = "7.0.2046.530"
	buildSE       = "7.0.2046.879"
	edgeUser      = "edge-lyncops"
	edgePassword  = "Perimeter-Only-3-Walls"
	skypePackages = "https://packages.contoso.com/skype/"
)

// productPools are the pools of productStories, by name. Each has three servers like the others, and no SQL Server but alwaysOn.
var productPools = map[string]productPool{
	"skype15":     {"Skype for Business Server 2015", "FrontEnd", build2015, skypePackages + "2015/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server 2015"},
	"skype19":     {"Skype for Business Server 2019", "FrontEnd", build2019, skypePackages + "2019/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server 2019"},
	"skypair":     {"Skype for Business Server 2019", "FrontEnd", build2019, skypePackages + "2019/pair/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server 2019 for a paired pool"},
	standardSkype: {"Skype for Business Server 2019", "FrontEnd", build2019, skypePackages + "2019/standard/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server 2019 for a Standard Edition server"},
	"skypese":     {"Skype for Business Server Subscription Edition", "FrontEnd", buildSE, skypePackages + "se/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server Subscription Edition"},
	"edge":        {"Microsoft Lync Server 2013", "Edge", build, packageSource, packageContents},
	alwaysOn:      {"Skype for Business Server 2019", "FrontEnd", build2019, skypePackages + "2019/databases/SkypeServerUpdateInstaller.exe", "MZ an update of Skype for Business Server 2019 with databases"},
	"direct":      {"Microsoft Lync Server 2013", "Director", build, packageSource, packageContents},
	"mediate":     {"Microsoft Lync Server 2013", "Mediation", build, packageSource, packageContents},
	"chat":        {"Microsoft Lync Server 2013", "PersistentChat", build, packageSource, packageContents},
}

// standardSkype is the scenario with a Standard Edition server of Skype for Business Server.
const standardSkype = "skype2"

// alwaysOn is the pool whose databases are in an availability group.
const alwaysOn = "always"

// alwaysOnSQLServer describes its SQL Server, among names that have it.
func alwaysOnSQLServer(names []string) string {
	if !slices.Contains(names, alwaysOn) {
		return ""
	}
	return "- {fqdn: always-sql.contoso.com, listener: always-ag.contoso.com, instances: [{name: rtc}]}\n"
}

// productDeployment describes the pools and packages of productPools that are among names.
func productDeployment(names []string) (packages, pools string) {
	for _, name := range names {
		p, ok := productPools[name]
		if !ok {
			continue
		}
		if p.source != packageSource {
			packages += fmt.Sprintf("- {sources: [%s], contents: %q, build: %s, databases: {rtcxds: 15.13.23}, duration: 180s}\n", p.source, p.contents, p.build)
		}
		sql := ""
		if name == alwaysOn {
			sql = "sqlServer: always-ag.contoso.com, sqlInstance: rtc, "
		}
		backup := ""
		if slices.Contains(pairedPools, name) {
			backup = fmt.Sprintf("backupPool: %s-backup.contoso.com, ", name)
			pools += fmt.Sprintf("- {fqdn: %[1]s-backup.contoso.com, product: %[2]q, backupPool: %[1]s.contoso.com, frontEnds: [%[1]s-b1.contoso.com, %[1]s-b2.contoso.com, %[1]s-b3.contoso.com]}\n", name, p.product)
		}
		if name == standardSkype {
			pools += fmt.Sprintf("- {fqdn: %s-se.contoso.com, edition: Standard, product: %q}\n", name, p.product)
		}
		pools += fmt.Sprintf("- {fqdn: %[1]s.contoso.com, product: %[2]q, role: %[3]s, %[4]s%[5]sfrontEnds: [%[1]s-fe1.contoso.com, %[1]s-fe2.contoso.com, %[1]s-fe3.contoso.com]}\n", name, p.product, p.role, sql, backup)
	}
	return packages, pools
}

// productStories are about the products after Lync Server 2013, and about servers that are no front ends.
func productStories() []story {
	skype := func(s *scenario, product v1alpha1.Product) {
		p := productPools[s.name]
		s.pool.Spec.Product, s.pool.Spec.DesiredBuild = product, v1alpha1.Build(p.build)
		s.pool.Spec.Package = &v1alpha1.UpdatePackage{Source: p.source, SHA256: hashOf(p.contents)}
		s.pool.Spec.Jobs = v1alpha1.JobAccount{RunAs: v1alpha1.RunAsStoredAccount, CredentialsSecretRef: &v1alpha1.LocalObjectReference{Name: secretName}}
	}
	failedOverAndBack := func(s *scenario, frontEnds ...string) {
		s.Helper()
		for _, frontEnd := range frontEnds {
			checkSteps(s.T, s.record(frontEnd), frontEnd, frontEndSteps, false)
			for effect, times := range map[string]int{"is failed over": 1, "is failed back": 1} {
				if got := len(s.record(frontEnd).withEffect(effect)); got != times {
					s.Errorf("%s %s %d times, not %d", frontEnd, effect, got, times)
				}
			}
		}
	}
	return []story{
		{"skype19", "Skype for Business Server 2019 is failed over and back, one server at a time", func(s *scenario) {
			skype(s, v1alpha1.ProductSkypeForBusinessServer2019)
			s.pool.Spec.Rollout.ServersAtATime = 4
			s.declare()
			s.finishes()
			failedOverAndBack(s, s.frontEnds...)
		}},
		{"skypair", "a paired pool of Skype for Business Server 2019 stays Busy: it is failed over as a whole, and no front end by itself", func(s *scenario) {
			s.mayFailOver()
			skype(s, v1alpha1.ProductSkypeForBusinessServer2019)
			s.pool.Spec.Rollout.WhenUnready = v1alpha1.UnreadyFailOver
			s.fault(lab.Fault{Kind: "poolBusy", Target: string(s.pool.Spec.PoolFQDN)})
			s.declare()
			s.failedOverAndBack()
			s.users("Active")
			if alone := s.record(s.frontEnds...).withEffect("users and data are moved away"); len(alone) > 0 {
				s.Errorf("front ends were failed over although their users were elsewhere: %v", alone)
			}
		}},
		{standardSkype, "a Standard Edition server of Skype for Business Server 2019, by the eleven steps", func(s *scenario) {
			skype(s, v1alpha1.ProductSkypeForBusinessServer2019)
			server, host := s.standard(), s.standardHost()
			server.Spec.Product, server.Spec.DesiredBuild = s.pool.Spec.Product, s.pool.Spec.DesiredBuild
			s.create(s.goodSecret(), s.authorityMap(s.authority), server)
			awaitAllReady(s.T, s.lab, s.name, 1)
			checkNoViolations(s.T, s.lab, host)
			checkSteps(s.T, s.record(host), host, standardSteps, false)
			checkBuild(s.T, s.lab, build2019, host)
			s.inService(host)
		}},
		{"skypese", "Skype for Business Server Subscription Edition, declared as 2019 first, with which it shares its builds", func(s *scenario) {
			skype(s, v1alpha1.ProductSkypeForBusinessServer2019)
			s.declare()
			s.refused(s.pool, v1alpha1.ReasonProductMismatch)
			s.delete(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.gone(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.pool.ObjectMeta = metav1.ObjectMeta{Namespace: s.name, Name: s.name}
			s.pool.Spec.Product = v1alpha1.ProductSkypeForBusinessServerSubscriptionEdition
			s.create(s.pool)
			s.finishes()
			failedOverAndBack(s, s.frontEnds...)
		}},
		{"skype15", "Skype for Business Server 2015: a failover that does nothing, and a failback in vain", func(s *scenario) {
			skype(s, v1alpha1.ProductSkypeForBusinessServer2015)
			s.pool.Spec.Rollout.Drain.Timeout = duration(4 * time.Second)
			refuses := s.fault(lab.Fault{Kind: "failOverRefused", Target: s.frontEnds[0]})
			s.declare()
			s.held(s.domain(1), v1alpha1.ReasonFailOverRefused)
			s.held(s.pool, v1alpha1.ReasonFailOverRefused)
			s.inService(s.frontEnds...)
			if begun := s.record(s.frontEnds...).begun(); begun != 0 {
				s.Errorf("%d installers were begun", begun)
			}
			s.mend(refuses)
			fails := s.fault(lab.Fault{Kind: "failBackFails", Target: s.frontEnds[0]})
			s.change(s.pool, func() { s.pool.Spec.Rollout.Drain.Timeout = duration(5 * time.Minute) })
			s.retry(s.pool)
			s.held(s.domain(1), v1alpha1.ReasonFailBackFailed)
			// Its services are enabled and run all the same; what is missing is that the pool knows.
			s.inService(s.frontEnds...)
			s.untouched(s.frontEnds[1:]...)
			s.mend(fails)
			s.retry(s.pool)
			s.finishes()
			if begun := s.record(s.frontEnds[0]).begun(); begun != 1 {
				s.Errorf("the installer was begun %d times on %s", begun, s.frontEnds[0])
			}
			failedOverAndBack(s, s.frontEnds[1:]...)
		}},
		{alwaysOn, "the databases of a pool are in an availability group, and are reached through its listener", func(s *scenario) {
			skype(s, v1alpha1.ProductSkypeForBusinessServer2019)
			backEnd := s.backEnd()
			backEnd.Spec.Product, backEnd.Spec.DesiredBuild = s.pool.Spec.Product, s.pool.Spec.DesiredBuild
			backEnd.Spec.SQL.Availability, backEnd.Spec.SQL.Listener = v1alpha1.SQLAvailabilityAlwaysOn, "always-ag.contoso.com"
			s.declare()
			s.create(backEnd)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			s.databasesAt("rtcxds 15.13.23")
			failedOverAndBack(s, s.frontEnds...)
			if updates := s.record(s.frontEnds...).withEffect("the update of databases begins"); len(updates) != 1 {
				s.Errorf("databases were updated by %d calls: %v", len(updates), updates)
			}
		}},
		{"direct", "Director, Mediation and Persistent Chat pools: one server after the other, without the gate", func(s *scenario) {
			pools := map[v1alpha1.Role]*v1alpha1.LyncPool{v1alpha1.RoleDirector: s.pool, v1alpha1.RoleMediation: s.otherPool("mediate"), v1alpha1.RolePersistentChat: s.otherPool("chat")}
			for role, pool := range pools {
				// The servers are those that the topology lists.
				pool.Spec.Role = role
			}
			s.declare()
			s.create(pools[v1alpha1.RoleMediation], pools[v1alpha1.RolePersistentChat])
			awaitAllReady(s.T, s.lab, s.name, 12)
			for _, pool := range pools {
				servers := frontEndsOf(pool.Name)
				checkNoViolations(s.T, s.lab, servers...)
				checkBuild(s.T, s.lab, build, servers...)
				s.inService(servers...)
				s.onceEach(servers...)
				var taken []string
				for _, event := range s.record(servers...).withEffect("the installer of ") {
					taken = append(taken, event.Host)
					if len(event.Out) > 1 {
						s.Errorf("%v were out together", event.Out)
					}
				}
				if !slices.Equal(taken, servers) {
					s.Errorf("the servers were taken in the order %v", taken)
				}
			}
		}},
		{"edge", "an Edge pool with a local account, server by server in the declared order", func(s *scenario) {
			s.pool.Spec.Role, s.pool.Spec.DiscoveryServers = v1alpha1.RoleEdge, nil
			order := []string{s.frontEnds[1], s.frontEnds[0], s.frontEnds[2]}
			for _, server := range order {
				s.pool.Spec.Servers = append(s.pool.Spec.Servers, v1alpha1.FQDN(server))
			}
			s.create(s.secret(map[string]string{"username": edgeUser, "password": edgePassword}), s.authorityMap(s.authority), s.pool)
			s.finishes()
			s.onceEach(s.frontEnds...)
			var taken []string
			for _, event := range s.record(s.frontEnds...).withEffect("the installer of ") {
				taken = append(taken, event.Host)
				if len(event.Out) > 1 {
					s.Errorf("%v were out together", event.Out)
				}
			}
			if !slices.Equal(taken, order) {
				s.Errorf("the servers were taken in the order %v, declared is %v", taken, order)
			}
			table, err := s.lab.Kubectl(s.Context(), "get", "lync", "-n", s.name)
			if err != nil {
				s.Fatal(err)
			}
			for _, want := range [][]string{{"lyncpool.lyncops.dev/edge", build, build, "3/3", "3/3", "True", "UpToDate"},
				{"upgradedomain.lyncops.dev/edge-edge-fe2", build, build, "1/1", "True", "UpToDate"}} {
				if !hasLine(table, want) {
					s.Errorf("no line with %q in:\n%s", want, table)
				}
			}
		}},
	}
}
