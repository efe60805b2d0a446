package e2e_test

import (
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
)

// deletionStories are about objects that are deleted in the middle of a rollout.
func deletionStories() []story {
	return []story{
		{"deleted", "the pool is deleted in mid-rollout and declared again", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			// The garbage collector of a cluster deletes what belongs to the pool; this control plane has none.
			s.delete(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.says(s.pool, v1alpha1.ReasonDeleting, "UpgradeDomain deleted-upgradedomain1 is not finished with a server")
			s.mend(installer)
			s.gone(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.onceEach(s.frontEnds[0])
			s.untouched(s.frontEnds[1:]...)
			s.inService(s.frontEnds...)
			s.pool.ObjectMeta = metav1.ObjectMeta{Namespace: s.name, Name: s.name}
			s.create(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"delud", "an upgrade domain is deleted in mid-rollout", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			s.delete(s.domain(1))
			s.says(s.domain(1), v1alpha1.ReasonDeleting, s.frontEnds[0]+" is half way")
			s.mend(installer)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"delse", "a Standard Edition server is deleted in mid-rollout", func(s *scenario) {
			server, host := s.standard(), s.standardHost()
			installer := s.keepInstaller(host)
			s.create(s.goodSecret(), s.authorityMap(s.authority), server)
			awaitInstaller(s.T, s.lab, host, "")
			// As with its namespace: the Secret is gone first.
			s.delete(s.goodSecret(), server)
			s.says(server, v1alpha1.ReasonDeleting, host+" is half way")
			s.mend(installer)
			s.gone(server)
			checkNoViolations(s.T, s.lab, host)
			checkBuild(s.T, s.lab, build, host)
			s.inService(host)
		}},
		{"forced", "a deleted pool whose server does not answer is let go by force", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			fault := s.fault(lab.Fault{Kind: "hostUnreachable", Target: s.frontEnds[0]})
			s.delete(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.says(s.pool, v1alpha1.ReasonDeletionBlocked, s.frontEnds[0])
			time.Sleep(3 * time.Second)
			s.says(s.pool, v1alpha1.ReasonDeletionBlocked, v1alpha1.AnnotationForceDelete+"="+v1alpha1.ForceDeleteValue)
			s.change(s.pool, func() {
				s.pool.Annotations = map[string]string{v1alpha1.AnnotationForceDelete: v1alpha1.ForceDeleteValue}
			})
			s.gone(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.untouched(s.frontEnds[1:]...)
			s.mend(installer)
			s.mend(fault)
			s.pool.ObjectMeta = metav1.ObjectMeta{Namespace: s.name, Name: s.name}
			s.create(s.pool)
			s.finishes()
			s.onceEach(s.frontEnds...)
		}},
		{"twice", "another build is declared, and then the pool is deleted", func(s *scenario) {
			installer := s.keepInstaller(s.frontEnds[0])
			s.declare()
			awaitInstaller(s.T, s.lab, string(s.pool.Spec.PoolFQDN), "")
			s.change(s.pool, func() {
				s.pool.Spec.DesiredBuild = nextBuild
				s.pool.Spec.Package.Source, s.pool.Spec.Package.SHA256 = nextSource, hashOf(nextContents)
			})
			s.delete(s.pool, s.domain(1), s.domain(2), s.domain(3))
			s.mend(installer)
			s.gone(s.pool, s.domain(1), s.domain(2), s.domain(3))
			for _, step := range s.record(s.frontEnds[1:]...).steps() {
				if step != "stage-package" {
					s.Errorf("a further server was begun with: %s", step)
				}
			}
			s.inService(s.frontEnds...)
			checkNoViolations(s.T, s.lab, s.frontEnds...)
		}},
	}
}

func (s *scenario) delete(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		if err := s.lab.Client().Delete(s.Context(), object); err != nil {
			s.Fatal(err)
		}
	}
}

// gone waits until objects are there no longer.
func (s *scenario) gone(objects ...client.Object) {
	s.Helper()
	for _, object := range objects {
		eventually(s.T, "the end of "+object.GetName(), func() (bool, string) {
			err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object)
			if err == nil {
				_, _, text := says(object)
				s.collect(object)
				return false, text
			}
			return apierrors.IsNotFound(err), err.Error()
		})
	}
}

// collect is the garbage collector, which is not part of this control plane: what a pool made anew while it was being deleted goes with it.
func (s *scenario) collect(object client.Object) {
	s.Helper()
	owner := metav1.GetControllerOf(object)
	if owner == nil || !object.GetDeletionTimestamp().IsZero() {
		return
	}
	var pool v1alpha1.LyncPool
	err := s.lab.Client().Get(s.Context(), client.ObjectKey{Namespace: object.GetNamespace(), Name: owner.Name}, &pool)
	if apierrors.IsNotFound(err) || err == nil && pool.UID != owner.UID {
		if err := s.lab.Client().Delete(s.Context(), object); client.IgnoreNotFound(err) != nil {
			s.Fatal(err)
		}
	}
}

// says waits until an object gives a reason, and a message with certain words.
func (s *scenario) says(object client.Object, reason, words string) {
	s.Helper()
	eventually(s.T, object.GetName()+" says "+reason, func() (bool, string) {
		if err := s.lab.Client().Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			return false, err.Error()
		}
		_, found, text := says(object)
		return found == reason && strings.Contains(text, words), text
	})
}
