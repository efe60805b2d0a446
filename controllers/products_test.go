package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
	"lyncops.dev/operator/internal/procedure"
)

// withServices makes every server one of another role.
func withServices(servers *fakeServers, names ...string) *fakeServers {
	for _, host := range servers.hosts {
		host.services = nil
		for _, name := range names {
			host.services = append(host.services, lync.Service{Name: name, Status: lync.ServiceRunning, StartType: lync.StartAutomatic})
		}
	}
	return servers
}

func edgeServers() *fakeServers {
	return withServices(newFakeServers([]string{"edge01.contoso.com", "edge02.contoso.com", "edge03.contoso.com"}), "RTCSRV", "RTCMRAUTH", "RTCMEDIARELAY", "REPLICA")
}

func edgePool(pool *v1alpha1.LyncPool) {
	pool.Spec.Role, pool.Spec.DiscoveryServers = v1alpha1.RoleEdge, nil
	pool.Spec.Servers = []v1alpha1.FQDN{"edge02.contoso.com", "edge01.contoso.com", "edge03.contoso.com"}
}

// installed lists the servers on which the installer ran, in that order.
func installed(servers *fakeServers) string {
	var names []string
	for _, call := range servers.called("StartJob") {
		if name := strings.TrimSuffix(call.server, ".contoso.com"); call.request.Action == lync.ActionInstall && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestAnEdgePoolIsTakenServerByServer(t *testing.T) {
	w := startedWorld(t, edgeServers())
	pool := w.pool(edgePool)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	if got := installed(w.servers); got != "edge02 edge01 edge03" {
		t.Errorf("the servers were taken in the order %q", got)
	}
	if asked := w.servers.called("Topology", "PoolReadiness"); len(asked) > 0 {
		t.Errorf("servers outside the domain were asked %v", asked)
	}
	var domains []string
	for _, domain := range pool.Status.Domains {
		domains = append(domains, domain.Name+" "+domain.Object)
	}
	if got := strings.Join(domains, ", "); got != "edge02 pool01-edge02, edge01 pool01-edge01, edge03 pool01-edge03" {
		t.Errorf("the domains are %s", got)
	}
	told := w.toldUntil(pool, v1alpha1.ReasonUpToDate)
	if want := []string{"DomainOpened", "DomainOpened", "DomainOpened", "UpToDate"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestNoEdgeServerIsTakenWhileAnotherOneDoesNotServe(t *testing.T) {
	servers := edgeServers()
	servers.hosts["edge03.contoso.com"].services[0].Status = lync.ServiceStopped
	w := startedWorld(t, servers)
	pool := w.pool(edgePool)
	domain := func() *v1alpha1.UpgradeDomain { return w.domain("pool01-edge02") }
	w.eventually("the pool's only declared domain waits", func() error {
		if err := w.look(pool); err != nil {
			return err
		}
		if pool.Status.OpenDomain == nil {
			return fmt.Errorf("no domain is open: %s", pool.Status.Now)
		}
		for _, row := range domain().Status.Servers {
			if strings.Contains(row.Message, "edge03.contoso.com does not serve") {
				return nil
			}
		}
		return fmt.Errorf("it says %+v", domain().Status.Servers)
	})
	if got := installed(servers); got != "" {
		t.Errorf("installed on %s", got)
	}
	servers.change(func(f *fakeServers) { f.hosts["edge03.contoso.com"].services[0].Status = lync.ServiceRunning })
	w.nudge(domain())
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}

func TestServersOfAnotherRoleAreLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		servers *fakeServers
		change  func(*v1alpha1.LyncPool)
		reason  string
	}{
		"front ends declared as Edge": {withServices(edgeServers(), "RTCSRV", "RTCIMMCU", "RTCCAA"), edgePool, v1alpha1.ReasonRoleMismatch},
		"front ends declared as Directors": {withServices(edgeServers(), "RTCSRV", "RTCIMMCU", "RTCCAA"), func(pool *v1alpha1.LyncPool) {
			edgePool(pool)
			pool.Spec.Role = v1alpha1.RoleDirector
		}, v1alpha1.ReasonRoleMismatch},
		"2013 declared as 2019": {threeFrontEnds(), func(pool *v1alpha1.LyncPool) {
			pool.Spec.Product, pool.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2019, "7.0.2046.530"
		}, v1alpha1.ReasonProductMismatch},
		"one Edge Server, and no announced downtime": {edgeServers(), func(pool *v1alpha1.LyncPool) {
			edgePool(pool)
			pool.Spec.Servers = pool.Spec.Servers[:1]
		}, v1alpha1.ReasonLastServer},
	} {
		t.Run(name, func(t *testing.T) {
			w := startedWorld(t, test.servers)
			pool := w.pool(test.change)
			w.ready(pool, "False", test.reason)
			if orders := w.servers.called("StartJob", "ClearJobs"); len(orders) > 0 {
				t.Errorf("touched: %v", orders)
			}
		})
	}
}

func TestASkypeForBusinessPoolIsFailedOverAndBack(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com", "fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.product, servers.packageBuild = "Skype for Business Server 2019", "7.0.2046.530"
	for _, host := range servers.hosts {
		host.build = "7.0.2046.216"
	}
	w := startedWorld(t, servers)
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Product, pool.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2019, "7.0.2046.530"
		pool.Spec.Rollout.ServersAtATime = 4
	})
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	var story []string
	for _, call := range servers.called("StartJob", "ClearJobs") {
		if call.request.Action == lync.ActionStagePackage {
			continue
		}
		line := call.String()
		switch parameters := call.request.Parameters.(type) {
		case lync.FailOverComputer:
			line += fmt.Sprintf(" %s of %s", parameters.ComputerName, parameters.PoolFQDN)
		case lync.FailBackComputer:
			line += " " + parameters.ComputerName
		}
		if len(story) == 0 || story[len(story)-1] != line {
			story = append(story, line)
		}
	}
	var want []string
	for _, name := range []string{"fe01.contoso.com", "fe02.contoso.com", "fe03.contoso.com"} {
		want = append(want, name+" FailOverComputer "+name+" of "+testPool, name+" Install", name+" RestartComputer", name+" FailBackComputer "+name, name+" put away")
	}
	if !slices.Equal(story, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(story, "\n  "), strings.Join(want, "\n  "))
	}
	for _, host := range servers.hosts {
		for _, service := range host.services {
			if service.StartType != lync.StartAutomatic || service.Status != lync.ServiceRunning {
				t.Errorf("%s on %s is %s, %s", service.Name, host.fqdn, service.Status, service.StartType)
			}
		}
	}
}

func TestPersistentChatGetsTimeToStop(t *testing.T) {
	short := v1alpha1.RolloutPolicy{Drain: v1alpha1.DrainPolicy{Timeout: duration(2 * time.Minute)}}
	for role, want := range map[v1alpha1.Role]time.Duration{v1alpha1.RolePersistentChat: 15 * time.Minute, v1alpha1.RoleEdge: 2 * time.Minute} {
		work := &domainWork{object: &v1alpha1.UpgradeDomain{}, pool: &v1alpha1.LyncPool{Spec: v1alpha1.LyncPoolSpec{Role: role, Rollout: short}}}
		if got := domainFrom(work, nil).Plan.DrainTimeout; got != want {
			t.Errorf("%s gets %s, want %s", role, got, want)
		}
	}
}

func TestABackEndBelongsToAPoolOfItsProduct(t *testing.T) {
	pool := &v1alpha1.LyncPool{Spec: v1alpha1.LyncPoolSpec{Product: v1alpha1.ProductSkypeForBusinessServer2019}}
	edge := &v1alpha1.LyncPool{Spec: v1alpha1.LyncPoolSpec{Role: v1alpha1.RoleEdge}}
	cases := []struct {
		name    string
		product v1alpha1.Product
		pool    *v1alpha1.LyncPool
		fits    bool
	}{
		{"the same product", v1alpha1.ProductSkypeForBusinessServer2019, pool, true},
		{"another product", v1alpha1.ProductSkypeForBusinessServer2015, pool, false},
		{"no product, which is Lync Server 2013", "", pool, false},
		{"no pool", "", nil, true},
		{"a pool without databases", "", edge, false},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			problem := fitsPool(v1alpha1.BackEndServerSpec{Product: test.product}, test.pool)
			if (problem == nil) != test.fits {
				t.Errorf("got %+v", problem)
			}
		})
	}
}

func TestServersWithTheSameFirstNameGetDomainsOfTheirOwn(t *testing.T) {
	work := &poolWork{object: &v1alpha1.LyncPool{}, before: &v1alpha1.LyncPool{}}
	work.noteServers([]string{"Edge01.contoso.com", "edge01.fabrikam.com", "edge02.contoso.com"})
	var got []string
	for _, domain := range procedure.Members(placesOf(work.object), nil).Domains {
		got = append(got, domain.Name)
	}
	if want := []string{"edge01.contoso.com", "edge01.fabrikam.com", "edge02"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestThePatchVersionIsAskedWhenAServerIsBack(t *testing.T) {
	servers := newFakeServers([]string{"fe01.contoso.com"}, []string{"fe02.contoso.com"}, []string{"fe03.contoso.com"})
	servers.product, servers.packageBuild = "Skype for Business Server 2015", "6.0.9319.869"
	for _, host := range servers.hosts {
		host.build = "6.0.9319.628"
	}
	servers.patchVersion = "6.0.9319.628"
	w := startedWorld(t, servers)
	pool := w.pool(func(pool *v1alpha1.LyncPool) {
		pool.Spec.Product, pool.Spec.DesiredBuild = v1alpha1.ProductSkypeForBusinessServer2015, "6.0.9319.869"
	})
	if message := w.ready(pool, "False", v1alpha1.ReasonBuildNotReached); !strings.Contains(message, "Get-CsServerPatchVersion says 6.0.9319.628") {
		t.Errorf("it says %s", message)
	}
	if got := installed(servers); got != "fe01" {
		t.Errorf("installed on %s", got)
	}
	// A product that cannot say does not stand in the way.
	servers.breaks(fakeFault{method: "PatchVersion", fails: troubleWith(lync.KindCmdletMissing, "fe01.contoso.com", "Get-LyncOpsPatchVersion", "there is no such command")})
	w.nudge(w.domain("pool01-upgradedomain1"))
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
}

func TestPortsOfFrontEndsAreNotAskedOfOtherRoles(t *testing.T) {
	for name, test := range map[string]struct {
		role  v1alpha1.Role
		ports []int32
		want  int
	}{
		"a front end":    {v1alpha1.RoleFrontEnd, []int32{5061, 5090}, 2},
		"an Edge Server": {v1alpha1.RoleEdge, []int32{5061, 5090}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pool := &v1alpha1.LyncPool{Spec: v1alpha1.LyncPoolSpec{Role: test.role}}
			pool.Spec.Rollout.Verify.Ports = test.ports
			if got := domainFrom(&domainWork{object: &v1alpha1.UpgradeDomain{}, pool: pool}, nil).Plan.Ports; len(got) != test.want {
				t.Errorf("asked for %v", got)
			}
		})
	}
}
