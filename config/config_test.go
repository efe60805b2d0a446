// Package config_test checks what config/ renders to: that a real API server
// takes it, and that it asks for no more rights than the operator needs.
package config_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"lyncops.dev/operator/test/lab"
	"lyncops.dev/operator/test/rendered"
)

const (
	systemNamespace = "lyncops-system"
	managerAccount  = "lyncops-controller-manager"

	// rightsTimeout is how long the API server may take to notice new roles.
	rightsTimeout = 2 * time.Minute
)

func TestNoRoleUsesWildcards(t *testing.T) {
	for _, role := range roles(t, rendered.Objects(t, "default")) {
		for _, rule := range role.rules {
			for _, names := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs} {
				for _, name := range names {
					if strings.Contains(name, "*") {
						t.Errorf("%s: %+v has the wildcard %q; name what is meant", role.name, rule, name)
					}
				}
			}
		}
	}
}

func TestManagerHasNoMoreThanItNeeds(t *testing.T) {
	objects := rendered.Objects(t, "default")
	granted := managerRoles(t, objects)
	if len(granted) == 0 {
		t.Fatal("no role is bound to the manager's service account")
	}

	// What the manager may do outside its own API group, and how.
	allowed := map[string][]string{
		"/secrets":                                  {"get", "list", "watch"},
		"/configmaps":                               {"get", "list", "watch"},
		"/events":                                   {"create", "patch"},
		"events.k8s.io/events":                      {"create", "patch"},
		"coordination.k8s.io/leases":                {"create", "get", "update"},
		"authentication.k8s.io/tokenreviews":        {"create"},
		"authorization.k8s.io/subjectaccessreviews": {"create"},
	}
	// Nothing in the operator's own group is made or removed by the manager
	// but status, finalizers and the objects it derives from others.
	own := []string{"create", "delete", "get", "list", "patch", "update", "watch"}

	for _, role := range granted {
		for _, rule := range role.rules {
			if len(rule.NonResourceURLs) > 0 {
				t.Errorf("%s: the manager asks for URLs %v, and needs none", role.name, rule.NonResourceURLs)
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					verbs, known := allowed[group+"/"+resource]
					if group == "lyncops.dev" {
						verbs, known = own, true
					}
					if !known {
						t.Errorf("%s: the manager may %v %s in group %q, and is not known to need that", role.name, rule.Verbs, resource, group)
						continue
					}
					for _, verb := range rule.Verbs {
						if !slices.Contains(verbs, verb) {
							t.Errorf("%s: the manager may %s %s in group %q; of these it needs no more than %v", role.name, verb, resource, group, verbs)
						}
					}
				}
			}
		}
	}
}

func TestManagerWritesLeasesInItsOwnNamespaceOnly(t *testing.T) {
	for _, role := range managerRoles(t, rendered.Objects(t, "default")) {
		for _, rule := range role.rules {
			if slices.Contains(rule.Resources, "leases") && role.namespace != systemNamespace {
				t.Errorf("%s grants leases in namespace %q, want only %q", role.name, role.namespace, systemNamespace)
			}
		}
	}
}

func TestEveryKindHasRolesForPeople(t *testing.T) {
	byName := map[string]role{}
	for _, role := range roles(t, rendered.Objects(t, "default")) {
		byName[role.name] = role
	}
	for _, kind := range []string{"backendserver", "lyncpool", "upgradedomain"} {
		// Whoever may change these objects has programs run as SYSTEM on the servers: only reading comes with the cluster's own roles.
		for level, aggregate := range map[string]string{"admin": "", "editor": "", "viewer": "view"} {
			name := "lyncops-" + kind + "-" + level
			role, found := byName[name]
			if !found {
				t.Errorf("there is no role %s", name)
				continue
			}
			for _, own := range []string{"admin", "edit", "view"} {
				label := "rbac.authorization.k8s.io/aggregate-to-" + own
				if wanted := own == aggregate; (role.labels[label] == "true") != wanted {
					t.Errorf("%s: the label %s is %q; that it is part of the role %s must be %t", name, label, role.labels[label], own, wanted)
				}
			}
			for _, rule := range role.rules {
				for _, verb := range rule.Verbs {
					readOnly := slices.Contains([]string{"get", "list", "watch"}, verb)
					if level == "viewer" && !readOnly {
						t.Errorf("%s may %s %v", name, verb, rule.Resources)
					}
					if slices.Contains(rule.Resources, kind+"s/status") && !readOnly {
						t.Errorf("%s may %s status, which only the manager writes", name, verb)
					}
				}
			}
		}
	}
}

func TestManagerRunsWithoutPrivileges(t *testing.T) {
	deployment := managerDeployment(t, rendered.Objects(t, "default"))
	pod := deployment.Spec.Template.Spec
	if pod.ServiceAccountName != managerAccount {
		t.Errorf("service account %q, want %q", pod.ServiceAccountName, managerAccount)
	}
	if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		t.Error("the pod may run as root")
	}
	if pod.SecurityContext == nil || pod.SecurityContext.SeccompProfile == nil ||
		pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("the pod does not use the seccomp profile RuntimeDefault")
	}
	for _, container := range pod.Containers {
		security := container.SecurityContext
		if security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem {
			t.Errorf("container %s can write to its root file system", container.Name)
		}
		if security == nil || security.Capabilities == nil || !slices.Contains(security.Capabilities.Drop, "ALL") {
			t.Errorf("container %s keeps capabilities", container.Name)
		}
		if container.LivenessProbe == nil || container.ReadinessProbe == nil {
			t.Errorf("container %s lacks a probe", container.Name)
		}
		if container.Resources.Requests.Cpu().IsZero() || container.Resources.Requests.Memory().IsZero() || container.Resources.Limits.Memory().IsZero() {
			t.Errorf("container %s has resources %+v, want requests for CPU and memory and a limit for memory", container.Name, container.Resources)
		}
	}
	if deployment.Spec.Replicas != nil && *deployment.Spec.Replicas > 1 && !slices.Contains(pod.Containers[0].Args, "--leader-elect") {
		t.Error("more than one copy runs without leader election")
	}
}

// TestClusterTakesConfiguration applies everything to a real API server and
// asks it, not the text of the roles, what the manager may do.
func TestClusterTakesConfiguration(t *testing.T) {
	objects := rendered.Objects(t, "default")
	ctx := t.Context()
	environment := &envtest.Environment{ControlPlaneStartTimeout: lab.StartTimeout, ControlPlaneStopTimeout: lab.StopTimeout}
	configuration, err := environment.Start()
	if err != nil {
		t.Fatalf("start the control plane: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stop the control plane: %v", err)
		}
	})
	strict, err := client.NewWithWatch(configuration, client.Options{FieldOwner: "config-test", FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		t.Fatal(err)
	}
	cluster := lab.Persistent(strict)
	for _, object := range objects {
		if err := cluster.Apply(ctx, client.ApplyConfigurationFromUnstructured(object)); err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}

	t.Run("the namespace admits the manager's pod", func(t *testing.T) {
		template := managerDeployment(t, objects).Spec.Template
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "manager", Namespace: systemNamespace, Labels: template.Labels}, Spec: template.Spec}
		if err := cluster.Create(ctx, pod, client.DryRunAll); err != nil {
			t.Error(err)
		}
	})

	t.Run("rights", func(t *testing.T) {
		for _, test := range []struct {
			verb, group, resource, subresource, namespace string
			allowed                                       bool
		}{
			{"watch", "lyncops.dev", "lyncpools", "", "", true},
			{"watch", "lyncops.dev", "upgradedomains", "", "", true},
			{"watch", "lyncops.dev", "backendservers", "", "", true},
			{"patch", "lyncops.dev", "lyncpools", "status", "team-a", true},
			{"get", "", "secrets", "", "team-a", true},
			{"update", "coordination.k8s.io", "leases", "", systemNamespace, true},
			// By now the roles are known to the server, so a refusal means something.
			{"create", "", "secrets", "", "team-a", false},
			{"update", "", "secrets", "", "team-a", false},
			{"delete", "", "secrets", "", "team-a", false},
			{"update", "", "configmaps", "", "team-a", false},
			{"create", "", "pods", "", systemNamespace, false},
			{"create", "", "pods", "exec", systemNamespace, false},
			{"create", "", "serviceaccounts", "token", systemNamespace, false},
			{"create", "rbac.authorization.k8s.io", "clusterrolebindings", "", "", false},
			{"update", "apiextensions.k8s.io", "customresourcedefinitions", "", "", false},
			{"update", "coordination.k8s.io", "leases", "", "kube-system", false},
		} {
			attributes := &authorizationv1.ResourceAttributes{
				Verb: test.verb, Group: test.group, Resource: test.resource, Subresource: test.subresource, Namespace: test.namespace,
			}
			may := managerMay(ctx, t, cluster, attributes)
			for deadline := time.Now().Add(rightsTimeout); test.allowed && !may && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
				may = managerMay(ctx, t, cluster, attributes)
			}
			if may != test.allowed {
				t.Errorf("manager may %s %s.%s/%s in namespace %q: %t, want %t",
					test.verb, test.resource, test.group, test.subresource, test.namespace, may, test.allowed)
			}
		}
	})
}

func managerMay(ctx context.Context, t *testing.T, cluster client.Client, attributes *authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + systemNamespace + ":" + managerAccount,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + systemNamespace, "system:authenticated"},
		ResourceAttributes: attributes,
	}}
	if err := cluster.Create(ctx, review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// role is a Role (with a namespace) or a ClusterRole (without one), or what a
// RoleBinding makes of a ClusterRole in its namespace.
type role struct {
	kind, name, namespace string
	labels                map[string]string
	rules                 []rbacv1.PolicyRule
}

func roles(t *testing.T, objects []*unstructured.Unstructured) []role {
	t.Helper()
	var found []role
	for _, object := range objects {
		if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
			continue
		}
		// A Role has the fields of a ClusterRole that are of interest here.
		var typed rbacv1.ClusterRole
		convert(t, object, &typed)
		found = append(found, role{kind: typed.Kind, name: typed.Name, namespace: typed.Namespace, labels: typed.Labels, rules: typed.Rules})
	}
	if len(found) == 0 {
		t.Fatal("config/default has no roles")
	}
	return found
}

// managerRoles returns what is bound to the manager's service account.
func managerRoles(t *testing.T, objects []*unstructured.Unstructured) []role {
	t.Helper()
	all := roles(t, objects)
	var granted []role
	for _, object := range objects {
		if object.GetKind() != "RoleBinding" && object.GetKind() != "ClusterRoleBinding" {
			continue
		}
		var binding rbacv1.RoleBinding
		convert(t, object, &binding)
		if !slices.ContainsFunc(binding.Subjects, func(subject rbacv1.Subject) bool {
			return subject.Kind == "ServiceAccount" && subject.Name == managerAccount && subject.Namespace == systemNamespace
		}) {
			t.Errorf("%s %s does not bind the manager's service account but %+v", binding.Kind, binding.Name, binding.Subjects)
			continue
		}
		at := slices.IndexFunc(all, func(r role) bool {
			return r.kind == binding.RoleRef.Kind && r.name == binding.RoleRef.Name && (r.kind == "ClusterRole" || r.namespace == binding.Namespace)
		})
		if at < 0 {
			t.Errorf("%s %s refers to %s %s, which config/default does not hold", binding.Kind, binding.Name, binding.RoleRef.Kind, binding.RoleRef.Name)
			continue
		}
		bound := all[at]
		bound.namespace = binding.Namespace
		granted = append(granted, bound)
	}
	return granted
}

func managerDeployment(t *testing.T, objects []*unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == "Deployment" && object.GetNamespace() == systemNamespace && object.GetName() == managerAccount {
			deployment := &appsv1.Deployment{}
			convert(t, object, deployment)
			return deployment
		}
	}
	t.Fatalf("config/default has no Deployment %s in namespace %s", managerAccount, systemNamespace)
	return nil
}

func convert(t *testing.T, object *unstructured.Unstructured, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
}
