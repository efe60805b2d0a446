package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// story is a scenario by the name of its pool.
type story struct {
	pool string
	what string
	tell func(*scenario)
}

// TestTrouble goes through what people and servers get wrong, all at the same time under one operator: each must be named, nothing may
// be stopped because of it, and the rollout must go on once it is mended.
func TestTrouble(t *testing.T) {
	t.Parallel()
	stories := slices.Concat(inputStories(), policyStories(), deletionStories(), backEndStories(), productStories(), failOverStories(), orderStories(), betweenStories(), topologyStories())
	names := slices.Clone(otherPools)
	for _, story := range stories {
		names = append(names, story.pool)
	}
	f := startField(t, names)
	t.Run("stories", func(t *testing.T) {
		for _, story := range stories {
			t.Run(story.what, func(t *testing.T) {
				t.Parallel()
				story.tell(newScenario(t, f, story.pool))
			})
		}
	})
	// An operator that crashed in between would have ended by itself.
	if err := f.lab.StopOperator(); err != nil {
		t.Error(err)
	}
}

func inputStories() []story {
	return []story{
		{"mistakes", "kubectl refuses what cannot be meant", checkValidation},
		{"unreach", "a server does not answer", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "hostUnreachable", Target: s.frontEnds[1]})
			s.declare()
			awaitReason(s.T, s.lab, s.domain(2), v1alpha1.ReasonServerUnreachable)
			checkEvent(s.T, s.lab, s.domain(2), v1alpha1.ReasonServerUnreachable)
			awaitReason(s.T, s.lab, s.pool, v1alpha1.ReasonServerUnreachable)
			s.untouched(s.frontEnds...)
			s.mend(fault)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"wrongpw", "the password is wrong", func(s *scenario) {
			secret := s.secret(map[string]string{"username": userName, "password": "Wrong-Horse-1-Battery"})
			server := s.standard()
			s.create(secret, s.authorityMap(s.authority), s.pool, server)
			s.refused(s.pool, v1alpha1.ReasonLoginRefused)
			s.refused(server, v1alpha1.ReasonLoginRefused)
			checkTypedStage(s.T, "refused", "LyncPool", s.pool)
			checkTypedStage(s.T, "refused", "BackEndServer", server)
			for range 5 {
				s.look(s.pool)
				s.look(server)
				time.Sleep(200 * time.Millisecond)
			}
			s.noLockout(2)
			s.untouched(s.standardHost())
			s.change(secret, func() { secret.StringData = map[string]string{"password": password} })
			s.look(server)
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"nokey", "the Secret has no password", func(s *scenario) {
			secret := s.secret(map[string]string{"username": userName})
			s.create(secret, s.authorityMap(s.authority), s.pool)
			s.refused(s.pool, v1alpha1.ReasonCredentialsMissing)
			s.change(secret, func() { secret.StringData = map[string]string{"password": password} })
			s.finishes()
		}},
		{"nosecret", "there is no Secret", func(s *scenario) {
			s.create(s.authorityMap(s.authority), s.pool)
			s.awaits(s.pool, v1alpha1.ReasonCredentialsMissing)
			s.create(s.goodSecret())
			s.finishes()
		}},
		{"emptyca", "the certificate authority cannot be read", func(s *scenario) {
			authority := s.authorityMap("replace this text with the certificate")
			s.create(s.goodSecret(), authority, s.pool)
			s.refused(s.pool, v1alpha1.ReasonCertificateAuthorityMissing)
			s.change(authority, func() { authority.Data[authorityKey] = s.authority })
			s.finishes()
		}},
		{"noca", "there is no certificate authority", func(s *scenario) {
			s.create(s.goodSecret(), s.pool)
			s.awaits(s.pool, v1alpha1.ReasonCertificateAuthorityMissing)
			s.create(s.authorityMap(s.authority))
			s.finishes()
		}},
		{"wrongca", "the certificate authority is another one", func(s *scenario) {
			authority := s.authorityMap(anotherAuthority(s.T))
			s.create(s.goodSecret(), authority, s.pool)
			s.refused(s.pool, v1alpha1.ReasonCertificateRejected)
			s.change(authority, func() { authority.Data[authorityKey] = s.authority })
			s.finishes()
		}},
		{"hash", "the package has another hash", func(s *scenario) {
			good := s.pool.Spec.Package.SHA256
			s.pool.Spec.Package.SHA256 = strings.Repeat("0", len(good))
			s.declare()
			domain := s.domain(1)
			s.refused(domain, v1alpha1.ReasonPackageRefused)
			s.refused(s.pool, v1alpha1.ReasonPackageRefused)
			checkTypedStage(s.T, "refused", "UpgradeDomain", domain)
			s.change(s.pool, func() { s.pool.Spec.Package.SHA256 = good })
			s.finishes()
		}},
		{"source", "the package cannot be fetched", func(s *scenario) {
			fault := s.fault(lab.Fault{Kind: "sourceUnreachable", Target: s.frontEnds[0]})
			s.declare()
			s.refused(s.domain(1), v1alpha1.ReasonPackageRefused)
			s.mend(fault)
			s.retry(s.pool)
			s.finishes()
		}},
		{"twodom", "the pool reports a domain twice", unusableAnswer(lab.Fault{Kind: "duplicateDomain"}, v1alpha1.ReasonInvalidTopology)},
		{"twofe", "the pool reports a front end twice", unusableAnswer(lab.Fault{Kind: "duplicateFrontEnd"}, v1alpha1.ReasonInvalidTopology)},
		{"shape", "the readiness answer has an unknown shape", unusableAnswer(lab.Fault{Kind: "readinessShape"}, v1alpha1.ReasonUnknownReadinessShape)},
		{"down", "the declared build is older, then the one that is installed", func(s *scenario) {
			s.pool.Spec.DesiredBuild = "5.0.8200.1"
			s.declare()
			s.refused(s.domain(1), v1alpha1.ReasonDowngradeRefused)
			s.refused(s.pool, v1alpha1.ReasonDowngradeRefused)
			s.change(s.pool, func() { s.pool.Spec.DesiredBuild = oldBuild })
			awaitAllReady(s.T, s.lab, s.name, 4)
			checkNoViolations(s.T, s.lab, s.frontEnds...)
			if effects := s.record(s.frontEnds...); len(effects) > 0 {
				s.Errorf("servers that had the build were touched: %v", effects)
			}
		}},
		{"observe", "only observed", func(s *scenario) {
			s.pool.Spec.Management = v1alpha1.ManagementObserve
			s.declare()
			awaitReason(s.T, s.lab, s.pool, v1alpha1.ReasonObserving)
			if effects := s.record(s.frontEnds...); len(effects) > 0 {
				s.Errorf("servers that are only observed were touched: %v", effects)
			}
		}},
		{"nopool", "a back end is declared before its pool", func(s *scenario) {
			backEnd := &v1alpha1.BackEndServer{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "sql"}, Spec: v1alpha1.BackEndServerSpec{
				Edition: v1alpha1.EditionEnterprise, PoolRef: &v1alpha1.LocalObjectReference{Name: s.name}, DesiredBuild: build,
				SQL: &v1alpha1.SQLServer{FQDN: v1alpha1.FQDN(s.name + "-sql.contoso.com"), InstanceName: "rtc"}}}
			s.create(backEnd)
			s.awaits(backEnd, v1alpha1.ReasonPoolNotFound)
			s.declare()
			awaitAllReady(s.T, s.lab, s.name, 5)
			s.finishes()
		}},
	}
}

// unusableAnswer is the story of an answer of the pool that cannot be acted on, and later can.
func unusableAnswer(fault lab.Fault, reason string) func(*scenario) {
	return func(s *scenario) {
		fault.Target = string(s.pool.Spec.PoolFQDN)
		id := s.fault(fault)
		s.declare()
		s.refused(s.pool, reason)
		s.mend(id)
		s.finishes()
		s.onceEach(s.frontEnds...)
	}
}

// noLockout fails when a server saw more than so many attempts to log in. An attempt over NTLM takes three requests, all of which are
// answered with 401 when the password is wrong.
func (s *scenario) noLockout(attempts int64) {
	s.Helper()
	counters, err := s.lab.Simulator().Counters(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	asked := 0
	for _, host := range append([]string{string(s.pool.Spec.PoolFQDN), s.standardHost()}, s.frontEnds...) {
		if counters[host].HTTPRequests > 0 {
			asked++
		}
		if refusals := counters[host].Refusals; refusals > 3*attempts || counters[host].Authentications > 0 {
			s.Errorf("%s saw a wrong password too often: %+v", host, counters[host])
		}
	}
	if asked == 0 {
		s.Error("no server was asked")
	}
}

func anotherAuthority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
}
