package controllers

import (
	"os"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/internal/lync"
)

// operations.md: the manager's role may be bound in the one namespace that it watches.
func TestAnOperatorOfOneNamespaceNeedsItsRightsInThatOnly(t *testing.T) {
	w := newWorld(t, threeFrontEnds())
	text, err := os.ReadFile("../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(text, role); err != nil {
		t.Fatal(err)
	}
	role.Name = w.namespace
	if err := w.client.Create(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	w.create(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "operator"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.namespace}}})
	w.rights = rest.CopyConfig(apiServer)
	w.rights.Impersonate = rest.ImpersonationConfig{UserName: w.namespace, Groups: []string{"system:authenticated"}}
	narrow, err := client.New(w.rights, client.Options{Scheme: w.scheme})
	if err != nil {
		t.Fatal(err)
	}
	w.eventually("the binding is known", func() error {
		return narrow.List(t.Context(), &v1alpha1.LyncPoolList{}, client.InNamespace(w.namespace))
	})
	if err := narrow.List(t.Context(), &v1alpha1.LyncPoolList{}); err == nil {
		t.Fatal("it may list the pools of all namespaces")
	}
	// A failover asks about other pools as well.
	servers := w.servers
	servers.change(func(f *fakeServers) { f.state, f.pair.backup = lync.ReadinessBusy, testBackupPool })
	w.startOperator()
	pool := w.pool(failsOver)
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	checkFailedOverOnce(t, servers)
	servers.change(func(f *fakeServers) { f.packageBuild, f.state = string(laterBuild), lync.ReadinessReady })
	edit(w, pool, func(pool *v1alpha1.LyncPool) {
		pool.Spec.DesiredBuild, pool.Spec.Package.SHA256 = laterBuild, strings.Repeat("0b", 32)
	})
	w.ready(pool, "True", v1alpha1.ReasonUpToDate)
	backEnd := w.backEnd(func(backEnd *v1alpha1.BackEndServer) { backEnd.Spec.DesiredBuild = laterBuild })
	w.ready(backEnd, "True", v1alpha1.ReasonUpToDate)
	if strings.Contains(w.logged.String(), "forbidden") {
		t.Error("the operator was refused something: see what it needs in all namespaces")
	}
}
