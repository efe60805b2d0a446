package e2e_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
)

// checkValidation applies, as a person would, objects with one mistake each: the API server must refuse them, and kubectl must say where
// the mistake is and what to write instead.
func checkValidation(s *scenario) {
	var pool, server map[string]any
	for _, one := range []struct {
		object any
		kind   string
		into   *map[string]any
	}{{s.pool, "LyncPool", &pool}, {s.standard(), "BackEndServer", &server}} {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(one.object)
		if err != nil {
			s.Fatal(err)
		}
		delete(fields, "status")
		fields["apiVersion"], fields["kind"] = v1alpha1.GroupVersion.String(), one.kind
		*one.into = fields
	}
	// They are valid before they are spoilt.
	applyObject(s, pool)
	applyObject(s, server)
	for _, test := range []struct {
		name    string
		object  map[string]any
		value   any    // nil removes the field
		where   string // the start of what kubectl says of the field
		message string
		path    []string
	}{
		{"a build of three parts", pool, "5.0.8308", "spec.desiredBuild: Invalid value", "must be a build number of four parts, for example 5.0.8308.1149", []string{"desiredBuild"}},
		{"no build", pool, nil, "spec: Invalid value", "desiredBuild is needed to upgrade; or set management: Observe to report only", []string{"desiredBuild"}},
		{"no package", pool, nil, "spec: Invalid value", "package is needed to upgrade: its source and sha256; or set management: Observe to report only", []string{"package"}},
		{"a package over HTTP", pool, "http://packages.contoso.com/update.exe", "spec.package.source: Invalid value", "must be an https:// URL, a UNC path", []string{"package", "source"}},
		{"half a hash", pool, "c7b55dd0", "spec.package.sha256: Invalid value", "must be a SHA-256: 64 hexadecimal digits", []string{"package", "sha256"}},
		{"another pool", pool, "other.contoso.com", "spec.poolFQDN: Invalid value", "poolFQDN cannot be changed; make another LyncPool for another pool", []string{"poolFQDN"}},
		{"a short server name", pool, []any{"fe01"}, "spec.discoveryServers[0]: Invalid value", "must be a fully qualified name such as fe01.contoso.com", []string{"discoveryServers"}},
		{"a time without a unit", pool, "20", "spec.rollout.soak: Invalid value", "must be a duration such as 20m or 1h30m", []string{"rollout", "soak"}},
		{"an account without a name", pool, "GroupManagedServiceAccount", "spec.jobs: Invalid value", "runAs GroupManagedServiceAccount needs accountName", []string{"jobs", "runAs"}},
		{"an unknown drain mode", pool, "Gently", "spec.rollout.drain.mode: Unsupported value", `supported values: "Graceful", "Immediate"`, []string{"rollout", "drain", "mode"}},
		{"no servers at a time", pool, int64(-1), "spec.rollout.serversAtATime: Invalid value", "should be greater than or equal to 1", []string{"rollout", "serversAtATime"}},
		{"a misspelt field", pool, int64(1), "unknown field", `"spec.rollout.serverAtATime"`, []string{"rollout", "serverAtATime"}},
		{"a back end of another edition", server, "Enterprise", "spec.edition: Invalid value", "edition cannot be changed; make another BackEndServer", []string{"edition"}},
		{"a back end without a pool", server, "Enterprise", "spec: Invalid value", "an Enterprise back end needs poolRef: its databases are updated after, and from, the front ends of that pool", []string{"edition"}},
		{"a standard server without a name", server, nil, "spec: Invalid value", "a Standard Edition server needs serverFQDN", []string{"serverFQDN"}},
		{"a Standard Edition server with a mirror", server, map[string]any{"databases": "Present"}, "spec: Invalid value", "mirror, otherStores and centralManagement are for edition Enterprise", []string{"mirror"}},
		{"an unknown way of being unready", pool, "Wait", "spec.rollout.whenUnready: Unsupported value", `supported values: "Hold", "FailOver"`, []string{"rollout", "whenUnready"}},
		{"a time of a failover without a unit", pool, "60", "spec.rollout.failOver.timeout: Invalid value", "must be a duration such as 20m or 1h30m", []string{"rollout", "failOver", "timeout"}},
		{"a server without a package", server, nil, "spec: Invalid value", "without poolRef both connection and package must be given", []string{"package"}},
	} {
		s.Run(test.name, func(t *testing.T) {
			object := runtime.DeepCopyJSON(test.object)
			path := append([]string{"spec"}, test.path...)
			if test.value == nil {
				unstructured.RemoveNestedField(object, path...)
			} else if err := unstructured.SetNestedField(object, test.value, path...); err != nil {
				t.Fatal(err)
			}
			applyObject(&scenario{T: t, field: s.field}, object, test.where, test.message)
		})
	}
}

// applyObject applies an object, and expects to be refused with the messages where some are given.
func applyObject(s *scenario, object map[string]any, messages ...string) {
	s.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		s.Fatal(err)
	}
	err = s.lab.Apply(s.Context(), string(text))
	if len(messages) == 0 && err != nil {
		s.Fatal(err)
	}
	for _, message := range messages {
		if err == nil || !strings.Contains(err.Error(), message) {
			s.Errorf("kubectl said %v, want %q", err, message)
		}
	}
}
