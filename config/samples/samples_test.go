// Package samples_test shows that a real API server takes the samples, and says in plain words why it refuses objects
// that cannot work; what the operator does with the objects is tested elsewhere.
package samples_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
	"lyncops.dev/operator/test/lab"
	"lyncops.dev/operator/test/rendered"
)

const namespace = "default"

func TestSamplesFitTheSimulatedServers(t *testing.T) {
	var simulated struct {
		Accounts []struct{ User, Domain, Password string }
		Packages []struct {
			Sources         []string
			Contents, Build string
		}
		Pools []struct{ FQDN string }
	}
	text, err := os.ReadFile("../../internal/simulator/testdata/contoso.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &simulated); err != nil {
		t.Fatal(err)
	}

	var secret corev1.Secret
	read(t, "contoso/credentials-secret.yaml", &secret)
	if !slices.ContainsFunc(simulated.Accounts, func(account struct{ User, Domain, Password string }) bool {
		return account.Domain+`\`+account.User == secret.StringData[v1alpha1.SecretKeyUserName] && account.Password == secret.StringData[v1alpha1.SecretKeyPassword]
	}) {
		t.Errorf("no simulated server lets %s with the sample's password in", secret.StringData[v1alpha1.SecretKeyUserName])
	}

	var pool v1alpha1.LyncPool
	read(t, "contoso/lyncpool.yaml", &pool)
	var standard v1alpha1.BackEndServer
	read(t, "contoso/backendserver-standard.yaml", &standard)
	for _, declared := range []struct {
		name        string
		fqdn        v1alpha1.FQDN
		build       v1alpha1.Build
		declaration *v1alpha1.UpdatePackage
	}{
		{pool.Name, pool.Spec.PoolFQDN, pool.Spec.DesiredBuild, pool.Spec.Package},
		{standard.Name, standard.Spec.ServerFQDN, standard.Spec.DesiredBuild, standard.Spec.Package},
	} {
		if !slices.ContainsFunc(simulated.Pools, func(pool struct{ FQDN string }) bool { return declared.fqdn.Is(pool.FQDN) }) {
			t.Errorf("%s: there is no simulated %s", declared.name, declared.fqdn)
		}
		found := false
		for _, offered := range simulated.Packages {
			if !slices.Contains(offered.Sources, declared.declaration.Source) || offered.Build != string(declared.build) {
				continue
			}
			found = true
			sum := sha256.Sum256([]byte(offered.Contents))
			if want := hex.EncodeToString(sum[:]); declared.declaration.SHA256 != want {
				t.Errorf("%s: sha256 %s, want %s, that of the simulated package", declared.name, declared.declaration.SHA256, want)
			}
		}
		if !found {
			t.Errorf("%s: the simulator has no package %s of build %s", declared.name, declared.declaration.Source, declared.build)
		}
	}
}

func TestSamplesOfSkypeFitTheSimulatedServers(t *testing.T) {
	var simulated struct {
		Accounts []struct{ User, Domain, Password string }
		Packages []struct {
			Sources         []string
			Contents, Build string
		}
		Pools []struct {
			FQDN, Role string
			FrontEnds  []string `json:"frontEnds"`
		}
	}
	text, err := os.ReadFile("../../internal/simulator/testdata/skype.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &simulated); err != nil {
		t.Fatal(err)
	}
	secrets, err := os.ReadFile("skype/credentials-secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range simulated.Accounts {
		for _, want := range []string{account.User, account.Password} {
			if !strings.Contains(string(secrets), want) {
				t.Errorf("no Secret of the samples says %s", want)
			}
		}
	}
	for _, name := range []string{"skype/lyncpool-2019.yaml", "skype/lyncpool-edge.yaml"} {
		var declared v1alpha1.LyncPool
		read(t, name, &declared)
		found := false
		for _, offered := range simulated.Packages {
			sum := sha256.Sum256([]byte(offered.Contents))
			found = found || slices.Contains(offered.Sources, declared.Spec.Package.Source) && offered.Build == string(declared.Spec.DesiredBuild) &&
				hex.EncodeToString(sum[:]) == declared.Spec.Package.SHA256
		}
		if !found {
			t.Errorf("%s: the simulator has no package of that build and hash at %s", name, declared.Spec.Package.Source)
		}
		found = false
		for _, pool := range simulated.Pools {
			found = found || declared.Spec.PoolFQDN.Is(pool.FQDN) && (pool.Role == "" && declared.Spec.Role.IsFrontEnd() || pool.Role == string(declared.Spec.Role))
			for _, server := range slices.Concat(declared.Spec.Servers, declared.Spec.DiscoveryServers) {
				if declared.Spec.PoolFQDN.Is(pool.FQDN) && !slices.Contains(pool.FrontEnds, string(server)) {
					t.Errorf("%s: the simulated pool has no server %s", name, server)
				}
			}
		}
		if !found {
			t.Errorf("%s: there is no such simulated pool", name)
		}
	}
}

func TestPauseIsNotPartOfAnySample(t *testing.T) {
	var paths []string
	for _, kind := range []string{"lyncpool", "backendserver", "upgradedomain"} {
		found, err := filepath.Glob("*/" + kind + "*.yaml")
		if err != nil || len(found) == 0 {
			t.Fatalf("no samples of %s: %v", kind, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		object := &unstructured.Unstructured{}
		read(t, path, &object.Object)
		if _, found, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "paused"); found {
			t.Errorf("%s has spec.paused: with the next apply it undoes what a person has set", path)
		}
	}
}

// TestAPIServer starts one API server for everything that only a real one can answer.
func TestAPIServer(t *testing.T) {
	rendered.Assets(t)
	environment := &envtest.Environment{CRDDirectoryPaths: []string{"../crd/bases"}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: lab.StartTimeout, ControlPlaneStopTimeout: lab.StopTimeout}
	configuration, err := environment.Start()
	if err != nil {
		t.Fatalf("start the control plane: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stop the control plane: %v", err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict, err := client.NewWithWatch(configuration, client.Options{Scheme: scheme, FieldOwner: "samples-test", FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		t.Fatal(err)
	}
	cluster := &verdicts{Client: lab.Persistent(strict), refused: map[string][]metav1.StatusCause{}}

	t.Run("takes the samples", func(t *testing.T) { takesSamples(t, cluster) })
	t.Run("writes the documented defaults", func(t *testing.T) { writesDefaults(t, cluster) })
	t.Run("refuses what cannot work", func(t *testing.T) { refuses(t, cluster) })
	t.Run("takes what can", func(t *testing.T) { takesVariants(t, cluster) })
	t.Run("refuses changes of what an object stands for", func(t *testing.T) { refusesChanges(t, cluster) })
	t.Run("has an object for every rule", func(t *testing.T) { hasObjectForEveryRule(t, cluster) })
}

func takesSamples(t *testing.T, cluster client.Client) {
	documents := map[string][]*unstructured.Unstructured{
		"config/samples":                            rendered.Objects(t, "."),
		"config/samples/simulated":                  rendered.Objects(t, "simulated"),
		"config/samples/skype":                      rendered.Objects(t, "skype"),
		"config/samples/backends":                   rendered.Objects(t, "backends"),
		"config/samples/failover":                   rendered.Objects(t, "failover"),
		"config/samples/contoso/upgradedomain.yaml": {sample(t, "upgradedomain")},
	}
	for name, objects := range documents {
		for _, object := range objects {
			// Apply writes the answer into what it is given.
			sent := object.DeepCopy()
			sent.SetNamespace(namespace)
			if err := cluster.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(sent), client.DryRunAll, client.ForceOwnership); err != nil {
				t.Errorf("%s: %s %s: %v", name, object.GetKind(), object.GetName(), err)
			}
		}
	}

	// The overlay may change how long is waited, and nothing else.
	shortened := 0
	for i, object := range documents["config/samples/simulated"] {
		base := documents["config/samples"][i]
		if object.GetKind() != "LyncPool" {
			if difference := cmp.Diff(base.Object, object.Object); difference != "" {
				t.Errorf("config/samples/simulated changes %s %s:\n%s", object.GetKind(), object.GetName(), difference)
			}
			continue
		}
		shortened++
		var pool v1alpha1.LyncPool
		convert(t, object, &pool)
		if policy := pool.Spec.Rollout; policy.Readiness.Interval.Seconds() != 2 || policy.Readiness.Attempts != 10 || policy.Soak.Seconds() != 4 {
			t.Errorf("readiness %+v and soak %v, want 10 questions 2s apart and 4s", policy.Readiness, policy.Soak)
		}
	}
	if shortened == 0 {
		t.Error("config/samples/simulated has no LyncPool")
	}
}

func writesDefaults(t *testing.T, cluster client.Client) {
	t.Run("LyncPool", func(t *testing.T) {
		object := create(t, cluster, poolWith(nil))
		want := map[string]any{
			"poolFQDN": "pool01.contoso.com", "desiredBuild": "5.0.8308.1149", "management": "Upgrade",
			"product": "LyncServer2013", "role": "FrontEnd",
			"package": map[string]any{
				"source": `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, "sha256": sha, "arguments": []any{"/silentmode"},
			},
			"connection": map[string]any{
				"transport": "HTTPS", "authentication": "NTLM", "credentialsSecretRef": map[string]any{"name": "lync-credentials"},
			},
			"jobs": map[string]any{"runAs": "LocalSystem"},
			"rollout": map[string]any{
				"drain":   map[string]any{"mode": "Graceful", "timeout": "30m", "onTimeout": "Hold"},
				"restart": "Computer", "readiness": map[string]any{"interval": "10m", "attempts": int64(3)}, "soak": "20m",
				"serversAtATime": int64(1), "centralManagement": "Last", "whenUnready": "Hold",
				"failOver":       map[string]any{"timeout": "1h", "failBackTimeout": "2h", "coldStartTimeout": "1h"},
				"verify":         map[string]any{"ports": []any{int64(5061), int64(5090)}, "timeout": "15m", "activeFrontEnds": "All", "fabric": "Wait", "replication": "Wait", "driftInterval": "30m"},
				"installTimeout": "1h", "restartTimeout": "1h",
			},
		}
		checkStored(t, object, want)

		// What the sample writes out as "the value it would have" must be that.
		if written := sample(t, "lyncpool"); !cmp.Equal(written.Object["spec"].(map[string]any)["rollout"], want["rollout"]) {
			t.Errorf("contoso/lyncpool.yaml has other values than the defaults:\n%s", cmp.Diff(want["rollout"], written.Object["spec"].(map[string]any)["rollout"]))
		}
	})
	t.Run("LyncPool with a certificate authority", func(t *testing.T) {
		object := create(t, cluster, poolWith(map[string]any{"spec.connection.certificateAuthority": map[string]any{"name": "authority"}}))
		got, _, _ := unstructured.NestedMap(object.Object, "spec", "connection", "certificateAuthority")
		if want := map[string]any{"kind": "ConfigMap", "name": "authority", "key": "ca.crt"}; !cmp.Equal(got, want) {
			t.Errorf("certificateAuthority %v, want %v", got, want)
		}
	})
	t.Run("BackEndServer", func(t *testing.T) {
		checkStored(t, create(t, cluster, enterpriseWith(nil)), map[string]any{
			"edition": "Enterprise", "product": "LyncServer2013", "poolRef": map[string]any{"name": "pool01"}, "sql": map[string]any{"fqdn": "sql01.contoso.com", "availability": "Standalone"},
			"desiredBuild": "5.0.8308.1149", "collocatedStores": "Detect", "outageBudget": "30m", "management": "Upgrade",
		})
	})
	t.Run("UpgradeDomain", func(t *testing.T) {
		object := domainWith(nil)
		checkStored(t, create(t, cluster, object.DeepCopy()), object.Object["spec"].(map[string]any))
	})
}

// checkStored compares the spec that was stored, and looks for the status that keeps kstatus from taking an object that
// nobody has seen for finished.
func checkStored(t *testing.T, object *unstructured.Unstructured, spec map[string]any) {
	t.Helper()
	if difference := cmp.Diff(spec, object.Object["spec"]); difference != "" {
		t.Errorf("spec (-want +got):\n%s", difference)
	}
	if want := map[string]any{"observedGeneration": int64(-1)}; !cmp.Equal(object.Object["status"], any(want)) {
		t.Errorf("status of a new object %v, want %v", object.Object["status"], want)
	}
}

const sha = "c7b55dd0c94883964f80a4695218377b52afc5161d488a63e093d5f73b6190f5"

func refuses(t *testing.T, cluster client.Client) {
	const (
		buildMessage    = "must be a build number of four parts"
		fqdnMessage     = "must be a fully qualified name such as fe01.contoso.com"
		durationMessage = "must be a duration such as 20m or 1h30m"
		sourceMessage   = "must be an https:// URL, a UNC path such as"
		shaMessage      = "must be a SHA-256: 64 hexadecimal digits"
	)
	absent := any(nil)
	for _, test := range []struct {
		name    string
		object  *unstructured.Unstructured
		message string
	}{
		{"a build of three parts", poolWith(map[string]any{"spec.desiredBuild": "5.0.8308"}), buildMessage},
		{"a build with a letter", poolWith(map[string]any{"spec.desiredBuild": "5.0.8308.1149a"}), buildMessage},
		{"an empty build", poolWith(map[string]any{"spec.desiredBuild": ""}), buildMessage},
		{"a build with a part that is too long", poolWith(map[string]any{"spec.desiredBuild": "5.0.8308.1234567890"}), buildMessage},
		{"no build to upgrade to", poolWith(map[string]any{"spec.desiredBuild": absent}), "desiredBuild is needed to upgrade; or set management: Observe"},
		{"no package to upgrade with", poolWith(map[string]any{"spec.package": absent}), "package is needed to upgrade: its source and sha256; or set management: Observe"},

		{"a build of another product", poolWith(map[string]any{"spec.product": "SkypeForBusinessServer2015"}), "desiredBuild does not fit product: builds of LyncServer2013 begin with 5.0"},
		{"a build of 2019 for Lync Server 2013", poolWith(map[string]any{"spec.desiredBuild": "7.0.2046.530"}), "desiredBuild does not fit product"},
		{"an unknown product", poolWith(map[string]any{"spec.product": "LyncServer2010"}), `supported values: "LyncServer2013", "SkypeForBusinessServer2015"`},
		{"an unknown role", poolWith(map[string]any{"spec.role": "Archiving"}), `supported values: "FrontEnd", "Edge", "Director", "Mediation", "PersistentChat"`},
		{"an Edge pool without servers", poolWith(map[string]any{"spec.role": "Edge"}), "an Edge pool needs servers"},
		{"an Edge pool with an empty list of servers", poolWith(map[string]any{"spec.role": "Edge", "spec.servers": []any{}}), "should have at least 1 items"},
		{"declared front ends", poolWith(map[string]any{"spec.servers": []any{"fe01.contoso.com"}}), "servers is for pools of another role"},
		{"an Edge pool that is failed over", poolWith(map[string]any{"spec.role": "Edge", "spec.servers": []any{"edge01.contoso.com"}, "spec.rollout.whenUnready": "FailOver"}), "whenUnready: FailOver is for Front End pools"},
		{"Persistent Chat of 2019", poolWith(map[string]any{"spec.product": "SkypeForBusinessServer2019", "spec.desiredBuild": "7.0.2046.530", "spec.role": "PersistentChat"}), "there is no Persistent Chat in Skype for Business Server 2019"},

		{"a short name", poolWith(map[string]any{"spec.poolFQDN": "pool01"}), fqdnMessage},
		{"an empty name", poolWith(map[string]any{"spec.poolFQDN": ""}), "not a short name and not empty"},
		{"a name with a space", poolWith(map[string]any{"spec.poolFQDN": "pool 01.contoso.com"}), fqdnMessage},
		{"a name with a quote", poolWith(map[string]any{"spec.poolFQDN": "pool01';.contoso.com"}), fqdnMessage},
		{"a short name of a server to ask", poolWith(map[string]any{"spec.discoveryServers": []any{"fe01"}}), fqdnMessage},
		{"a server to ask twice", poolWith(map[string]any{"spec.discoveryServers": []any{"fe01.contoso.com", "fe01.contoso.com"}}), "Duplicate value"},

		{"a package by HTTP", poolWith(map[string]any{"spec.package.source": "http://packages.contoso.com/a.exe"}), sourceMessage},
		{"a package without a file name", poolWith(map[string]any{"spec.package.source": "https://packages.contoso.com/"}), sourceMessage},
		{"a package by a relative path", poolWith(map[string]any{"spec.package.source": `Updates\a.exe`}), sourceMessage},
		{"a package on a share without a file", poolWith(map[string]any{"spec.package.source": `\\files\lync`}), sourceMessage},
		{"a package in a folder without a file", poolWith(map[string]any{"spec.package.source": `C:\Updates\`}), sourceMessage},
		{"a package with one backslash in front", poolWith(map[string]any{"spec.package.source": `\files\lync\a.exe`}), sourceMessage},
		{"a SHA-256 that is too short", poolWith(map[string]any{"spec.package.sha256": sha[1:]}), shaMessage},
		{"a SHA-256 with a prefix", poolWith(map[string]any{"spec.package.sha256": "sha256:" + sha}), shaMessage},
		{"an empty SHA-256", poolWith(map[string]any{"spec.package.sha256": ""}), shaMessage},
		{"no SHA-256", poolWith(map[string]any{"spec.package.sha256": absent}), "spec.package.sha256: Required value"},

		{"Basic by HTTP", poolWith(map[string]any{"spec.connection.transport": "HTTP", "spec.connection.authentication": "Basic"}), "transport HTTP is for authentication NTLM only"},
		{"Kerberos by HTTP", poolWith(map[string]any{"spec.connection.transport": "HTTP", "spec.connection.authentication": "Kerberos"}), "transport HTTP is for authentication NTLM only"},
		{"a certificate by HTTP", poolWith(map[string]any{"spec.connection.transport": "HTTP", "spec.connection.authentication": "Certificate"}), "transport HTTP is for authentication NTLM only"},
		{"an unknown transport", poolWith(map[string]any{"spec.connection.transport": "SSH"}), `supported values: "HTTPS", "HTTP"`},
		{"CredSSP", poolWith(map[string]any{"spec.connection.authentication": "CredSSP"}), `supported values: "NTLM", "Basic", "Kerberos", "Certificate"`},
		{"Kerberos settings for NTLM", poolWith(map[string]any{"spec.connection.kerberos": map[string]any{"realm": "CONTOSO.COM"}}), "kerberos is for authentication Kerberos"},
		{"a realm with a space", poolWith(map[string]any{"spec.connection.authentication": "Kerberos", "spec.connection.kerberos": map[string]any{"realm": "CONTOSO COM"}}), "spec.connection.kerberos.realm"},
		{"no credentials", poolWith(map[string]any{"spec.connection.credentialsSecretRef": absent}), "spec.connection.credentialsSecretRef: Required value"},
		{"credentials without a name", poolWith(map[string]any{"spec.connection.credentialsSecretRef.name": ""}), "should be at least 1 chars long"},
		{"a port that cannot be", poolWith(map[string]any{"spec.connection.port": int64(65536)}), "less than or equal to 65535"},
		{"a certificate authority in a Pod", poolWith(map[string]any{"spec.connection.certificateAuthority": map[string]any{"kind": "Pod", "name": "a"}}), `supported values: "ConfigMap", "Secret"`},
		{"a stored account without a Secret", poolWith(map[string]any{"spec.jobs.runAs": "StoredAccount"}), "runAs StoredAccount needs credentialsSecretRef"},
		{"a gMSA without a name", poolWith(map[string]any{"spec.jobs.runAs": "GroupManagedServiceAccount"}), `runAs GroupManagedServiceAccount needs accountName, for example CONTOSO\gmsa-lyncops$`},
		{"a gMSA with an empty name", poolWith(map[string]any{"spec.jobs": map[string]any{"runAs": "GroupManagedServiceAccount", "accountName": ""}}), "needs accountName"},

		{"a duration without a unit", poolWith(map[string]any{"spec.rollout.soak": "20"}), durationMessage},
		{"an empty duration", poolWith(map[string]any{"spec.rollout.soak": ""}), durationMessage},
		{"a duration in days", poolWith(map[string]any{"spec.rollout.drain.timeout": "1d"}), durationMessage},
		{"a negative duration", poolWith(map[string]any{"spec.rollout.readiness.interval": "-10m"}), durationMessage},
		{"a duration that no program can hold", poolWith(map[string]any{"spec.rollout.installTimeout": "99999999999h"}), durationMessage},
		{"a duration as a number", poolWith(map[string]any{"spec.rollout.restartTimeout": int64(60)}), "must be of type string"},
		{"no attempt", poolWith(map[string]any{"spec.rollout.readiness.attempts": int64(0)}), "greater than or equal to 1"},
		{"no server at a time", poolWith(map[string]any{"spec.rollout.serversAtATime": int64(0)}), "greater than or equal to 1"},
		{"an unknown drain mode", poolWith(map[string]any{"spec.rollout.drain.mode": "Gently"}), `supported values: "Graceful", "Immediate"`},
		{"an unknown management", poolWith(map[string]any{"spec.management": "Ignore"}), `supported values: "Upgrade", "Observe"`},

		{"an Enterprise back end without its pool", enterpriseWith(map[string]any{"spec.poolRef": absent}), "an Enterprise back end needs poolRef"},
		{"an Enterprise back end without SQL Server", enterpriseWith(map[string]any{"spec.sql": absent}), "an Enterprise back end needs sql.fqdn"},
		{"a back end with a short SQL Server name", enterpriseWith(map[string]any{"spec.sql.fqdn": "sql01"}), fqdnMessage},
		{"a back end without a build", enterpriseWith(map[string]any{"spec.desiredBuild": absent}), "spec.desiredBuild: Required value"},
		{"a back end with a build of another product", enterpriseWith(map[string]any{"spec.product": "SkypeForBusinessServer2019"}), "desiredBuild does not fit product"},
		{"a back end with a bad outage budget", enterpriseWith(map[string]any{"spec.outageBudget": "half an hour"}), durationMessage},
		{"a back end of an unknown edition", enterpriseWith(map[string]any{"spec.edition": "Express"}), `supported values: "Enterprise", "Standard"`},
		{"a Standard Edition server without a name", standardWith(map[string]any{"spec.serverFQDN": absent}), "a Standard Edition server needs serverFQDN"},
		{"a Standard Edition server without a connection", standardWith(map[string]any{"spec.connection": absent}), "without poolRef both connection and package must be given"},
		{"a Standard Edition server without a package", standardWith(map[string]any{"spec.package": absent}), "without poolRef both connection and package must be given"},

		{"an Enterprise back end by HTTP with a certificate", enterpriseWith(map[string]any{"spec.connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "a"}, "transport": "HTTP", "authentication": "Certificate"}}), "transport HTTP is for authentication NTLM only"},
		{"a back end by HTTP with names of certificates", enterpriseWith(map[string]any{"spec.connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "a"}, "transport": "HTTP", "certificateNames": otherNames}}), "with transport HTTP no certificate is shown"},
		{"a pool by HTTP with names of certificates", poolWith(map[string]any{"spec.connection.transport": "HTTP", "spec.connection.certificateNames": otherNames}), "with transport HTTP no certificate is shown"},
		{"Kerberos settings for NTLM of a back end", enterpriseWith(map[string]any{"spec.connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "a"}, "kerberos": map[string]any{"realm": "CONTOSO.COM"}}}), "kerberos is for authentication Kerberos"},
		{"a back end with a stored account without a Secret", enterpriseWith(map[string]any{"spec.jobs": map[string]any{"runAs": "StoredAccount"}}), "runAs StoredAccount needs credentialsSecretRef"},
		{"a back end with a gMSA without a name", enterpriseWith(map[string]any{"spec.jobs": map[string]any{"runAs": "GroupManagedServiceAccount"}}), "runAs GroupManagedServiceAccount needs accountName"},
		{"an availability group without its listener", alwaysOnWith(map[string]any{"spec.sql.listener": absent}), "sql.listener goes with availability AlwaysOn"},
		{"a listener without an availability group", alwaysOnWith(map[string]any{"spec.sql.availability": "Standalone"}), "sql.listener goes with availability AlwaysOn"},
		{"an availability group of Lync Server 2013", enterpriseWith(map[string]any{"spec.sql.availability": "AlwaysOn", "spec.sql.listener": "sql-ag.contoso.com"}), "Lync Server 2013 knows no availability groups"},
		{"mirrored databases in an availability group", alwaysOnWith(map[string]any{"spec.product": "SkypeForBusinessServer2015", "spec.desiredBuild": "6.0.9319.869", "spec.mirror": map[string]any{"databases": "Present"}}), "databases in one are not mirrored"},
		{"mirrored databases of 2019", alwaysOnWith(map[string]any{"spec.sql": map[string]any{"fqdn": "sql19.contoso.com"}, "spec.mirror": map[string]any{"databases": "Present"}}), "know no mirrored databases"},
		{"another store on the same server", enterpriseWith(map[string]any{"spec.otherStores": []any{map[string]any{"fqdn": "SQL01.contoso.com"}}}), "stores on the same server are collocated"},
		{"a store twice", enterpriseWith(map[string]any{"spec.otherStores": []any{map[string]any{"fqdn": "sql03.contoso.com"}, map[string]any{"fqdn": "sql03.contoso.com"}}}), "Duplicate value"},
		{"a Standard Edition server with a mirror", standardWith(map[string]any{"spec.mirror": map[string]any{"databases": "Present"}}), "mirror, otherStores and centralManagement are for edition Enterprise"},
		{"a Standard Edition server with other stores", standardWith(map[string]any{"spec.otherStores": []any{map[string]any{"fqdn": "sql03.contoso.com"}}}), "mirror, otherStores and centralManagement are for edition Enterprise"},
		{"a Standard Edition server with the central management store", standardWith(map[string]any{"spec.centralManagement": map[string]any{"fqdn": "sql01.contoso.com"}}), "mirror, otherStores and centralManagement are for edition Enterprise"},
		{"an unknown command for mirrored databases", enterpriseWith(map[string]any{"spec.mirror.command": "Remove"}), `supported values: "WithoutUpdate", "Update", "Hold"`},
		{"an instance with a quote", enterpriseWith(map[string]any{"spec.centralManagement": map[string]any{"fqdn": "sql01.contoso.com", "instanceName": "rtc'"}}), "spec.centralManagement.instanceName"},
		{"a pool that depends on itself", named("pool01", poolWith(map[string]any{"spec.dependsOn": []any{map[string]any{"kind": "LyncPool", "name": "pool01"}}})), "a pool cannot depend on itself"},
		{"a server that depends on itself", named("se01", standardWith(map[string]any{"spec.dependsOn": []any{map[string]any{"kind": "BackEndServer", "name": "se01"}}})), "a server cannot depend on itself"},

		{"a domain without servers", domainWith(map[string]any{"spec.frontEnds": []any{}}), "should have at least 1 items"},
		{"a domain with a short server name", domainWith(map[string]any{"spec.frontEnds": []any{"fe01"}}), fqdnMessage},
		{"a domain with a server twice", domainWith(map[string]any{"spec.frontEnds": []any{"fe01.contoso.com", "fe01.contoso.com"}}), "Duplicate value"},
		{"a domain without a name", domainWith(map[string]any{"spec.domainName": ""}), "should be at least 1 chars long"},
		{"a domain with a bad build", domainWith(map[string]any{"spec.desiredBuild": "latest"}), buildMessage},
		{"a field that does not exist", domainWith(map[string]any{"spec.clean": true}), `unknown field "spec.clean"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := cluster.Create(t.Context(), test.object, client.DryRunAll)
			if err == nil {
				t.Fatalf("%s was taken:\n%v", test.object.GetKind(), test.object.Object["spec"])
			}
			if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
				t.Errorf("error %v is not about the object", err)
			}
			if !strings.Contains(err.Error(), test.message) {
				t.Errorf("refused with\n  %v\nwant a message with\n  %s", err, test.message)
			}
		})
	}
}

func takesVariants(t *testing.T, cluster client.Client) {
	absent := any(nil)
	for _, test := range []struct {
		name   string
		object *unstructured.Unstructured
	}{
		{"a pool that is only observed, without build and package", poolWith(map[string]any{"spec.management": "Observe", "spec.desiredBuild": absent, "spec.package": absent})},
		{"a pool of Skype for Business Server 2015", poolWith(map[string]any{"spec.product": "SkypeForBusinessServer2015", "spec.desiredBuild": "6.0.9319.869"})},
		{"a pool of Subscription Edition", poolWith(map[string]any{"spec.product": "SkypeForBusinessServerSubscriptionEdition", "spec.desiredBuild": "7.0.2046.879"})},
		{"an Edge pool", poolWith(map[string]any{"spec.role": "Edge", "spec.servers": []any{"edge01.contoso.com", "edge02.contoso.com"}})},
		{"a Mediation pool whose servers the topology lists", poolWith(map[string]any{"spec.role": "Mediation"})},
		{"a package by HTTPS", poolWith(map[string]any{"spec.package.source": "https://packages.contoso.com:8443/lync/LyncServerUpdateInstaller.exe"})},
		{"a package on a share of a short name", poolWith(map[string]any{"spec.package.source": `\\files\lync updates\2024 July\LyncServerUpdateInstaller.exe`})},
		{"a package on the server's own disk", poolWith(map[string]any{"spec.package.source": `D:\Updates\LyncServerUpdateInstaller.exe`})},
		{"a package at the top of a disk", poolWith(map[string]any{"spec.package.source": `C:\LyncServerUpdateInstaller.exe`})},
		{"a SHA-256 as Get-FileHash writes it", poolWith(map[string]any{"spec.package.sha256": strings.ToUpper(sha)})},
		{"durations of several parts", poolWith(map[string]any{"spec.rollout.soak": "1h30m", "spec.rollout.drain.timeout": "90s", "spec.rollout.readiness.interval": "1.5h"})},
		{"no soak", poolWith(map[string]any{"spec.rollout.soak": "0s"})},
		{"a stored account", poolWith(map[string]any{"spec.jobs": map[string]any{"runAs": "StoredAccount", "credentialsSecretRef": map[string]any{"name": "a"}}})},
		{"a gMSA", poolWith(map[string]any{"spec.jobs": map[string]any{"runAs": "GroupManagedServiceAccount", "accountName": `CONTOSO\gmsa-lyncops$`}})},
		{"a pool of which much is said", named("pool01", poolWith(map[string]any{"spec.discoveryServers": []any{"fe01.contoso.com"}, "spec.connection.certificateNames": otherNames,
			"spec.minimumBuilds": []any{map[string]any{"component": "Web Components Server", "build": "5.0.8308.1130"}}, "spec.dependsOn": []any{map[string]any{"kind": "BackEndServer", "name": "pool01"}}}))},
		{"Kerberos", poolWith(map[string]any{"spec.connection.authentication": "Kerberos", "spec.connection.kerberos": map[string]any{"realm": "CONTOSO.COM"}})},
		{"HTTP with NTLM, which seals the messages", poolWith(map[string]any{"spec.connection.transport": "HTTP", "spec.connection.authentication": "NTLM"})},
		{"Persistent Chat of 2015", poolWith(map[string]any{"spec.product": "SkypeForBusinessServer2015", "spec.desiredBuild": "6.0.9319.869", "spec.role": "PersistentChat"})},
		{"a pool that is failed over", poolWith(map[string]any{"spec.rollout.whenUnready": "FailOver", "spec.rollout.failOver.moveCentralManagement": true})},
		{"a back end that is mirrored, with other stores and the central management store", enterpriseWith(map[string]any{"spec.mirror": map[string]any{"databases": "Present", "command": "Hold"},
			"spec.otherStores": []any{map[string]any{"fqdn": "sql03.contoso.com"}}, "spec.centralManagement": map[string]any{"fqdn": "sql01.contoso.com", "instanceName": "rtc"}})},
		{"a back end in an availability group", alwaysOnWith(nil)},
		{"a back end of 2019 that says that nothing is mirrored", alwaysOnWith(map[string]any{"spec.sql": map[string]any{"fqdn": "sql19.contoso.com"}, "spec.mirror": map[string]any{"databases": "Absent"}})},
		{"a back end with an account and a connection of its own", enterpriseWith(map[string]any{"spec.jobs": map[string]any{"runAs": "GroupManagedServiceAccount", "accountName": `CONTOSO\gmsa-lyncops$`},
			"spec.connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "a"}, "certificateNames": otherNames}})},
		{"a server that depends on a pool of its name", named("se01", standardWith(map[string]any{"spec.dependsOn": []any{map[string]any{"kind": "LyncPool", "name": "se01"}}}))},
		{"an Enterprise back end with Lync components", enterpriseWith(map[string]any{"spec.serverFQDN": "sql01.contoso.com"})},
		{"a Standard Edition server that is only observed", standardWith(map[string]any{"spec.management": "Observe", "spec.package": absent})},
		{"a Standard Edition server with the package of a pool", standardWith(map[string]any{"spec.poolRef": map[string]any{"name": "se01"}, "spec.package": absent, "spec.connection": absent})},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := cluster.Create(t.Context(), test.object, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func refusesChanges(t *testing.T, cluster client.Client) {
	for _, test := range []struct {
		object  *unstructured.Unstructured
		path    string
		value   any
		message string
	}{
		{poolWith(nil), "spec.poolFQDN", "pool02.contoso.com", "poolFQDN cannot be changed"},
		{enterpriseWith(map[string]any{"spec.serverFQDN": "sql01.contoso.com"}), "spec.serverFQDN", "sql02.contoso.com", "serverFQDN cannot be changed"},
		{standardWith(map[string]any{"spec.poolRef": map[string]any{"name": "a"}, "spec.sql": map[string]any{"fqdn": "se01.contoso.com"}}), "spec.edition", "Enterprise", "edition cannot be changed"},
		{poolWith(map[string]any{"spec.product": "SkypeForBusinessServer2019", "spec.desiredBuild": "7.0.2046.530"}), "spec.product", "SkypeForBusinessServerSubscriptionEdition", "product cannot be changed"},
		{poolWith(map[string]any{"spec.role": "Mediation"}), "spec.role", "Director", "role cannot be changed"},
		{alwaysOnWith(nil), "spec.product", "SkypeForBusinessServerSubscriptionEdition", "product cannot be changed"},
		{domainWith(nil), "spec.domainName", "UpgradeDomain2", "domainName cannot be changed"},
		{domainWith(nil), "spec.poolRef.name", "pool02", "poolRef cannot be changed"},
	} {
		t.Run(test.object.GetKind()+" "+test.path, func(t *testing.T) {
			object := create(t, cluster, test.object)
			change(object, test.path, test.value)
			if err := cluster.Update(t.Context(), object); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %v, want one with %q", err, test.message)
			}
		})
	}

	t.Run("and takes another build", func(t *testing.T) {
		object := create(t, cluster, poolWith(nil))
		change(object, "spec.desiredBuild", "5.0.8308.1182")
		if err := cluster.Update(t.Context(), object); err != nil {
			t.Error(err)
		}
	})
}

// poolWith returns a LyncPool with the fewest fields that can work, after changes by path; nil removes a field.
func poolWith(changes map[string]any) *unstructured.Unstructured {
	return objectWith("LyncPool", changes, map[string]any{
		"poolFQDN": "pool01.contoso.com", "desiredBuild": "5.0.8308.1149",
		"package":    map[string]any{"source": `\\files.contoso.com\lync\LyncServerUpdateInstaller.exe`, "sha256": sha},
		"connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "lync-credentials"}},
	})
}

func enterpriseWith(changes map[string]any) *unstructured.Unstructured {
	return objectWith("BackEndServer", changes, map[string]any{
		"edition": "Enterprise", "desiredBuild": "5.0.8308.1149",
		"poolRef": map[string]any{"name": "pool01"}, "sql": map[string]any{"fqdn": "sql01.contoso.com"},
	})
}

// alwaysOnWith is the back end of a pool of Skype for Business Server 2019 in an availability group.
func alwaysOnWith(changes map[string]any) *unstructured.Unstructured {
	return objectWith("BackEndServer", changes, map[string]any{
		"edition": "Enterprise", "product": "SkypeForBusinessServer2019", "desiredBuild": "7.0.2046.530", "poolRef": map[string]any{"name": "pool19"},
		"sql": map[string]any{"fqdn": "sql19.contoso.com", "availability": "AlwaysOn", "listener": "sql19-ag.contoso.com"},
	})
}

// otherNames are names of certificates that are not those of their servers.
var otherNames = []any{map[string]any{"server": "fe01.contoso.com", "name": "winrm.contoso.com"}}

func named(name string, object *unstructured.Unstructured) *unstructured.Unstructured {
	object.SetGenerateName("")
	object.SetName(name)
	return object
}

func standardWith(changes map[string]any) *unstructured.Unstructured {
	return objectWith("BackEndServer", changes, map[string]any{
		"edition": "Standard", "desiredBuild": "5.0.8308.1149", "serverFQDN": "se01.contoso.com",
		"package":    map[string]any{"source": `C:\Updates\LyncServerUpdateInstaller.exe`, "sha256": sha},
		"connection": map[string]any{"credentialsSecretRef": map[string]any{"name": "lync-credentials"}},
	})
}

func domainWith(changes map[string]any) *unstructured.Unstructured {
	return objectWith("UpgradeDomain", changes, map[string]any{
		"poolRef": map[string]any{"name": "pool01"}, "domainName": "UpgradeDomain1",
		"frontEnds": []any{"fe01.contoso.com", "fe02.contoso.com"}, "desiredBuild": "5.0.8308.1149",
	})
}

func objectWith(kind string, changes, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetNamespace(namespace)
	object.SetGenerateName("sample-")
	for path, value := range changes {
		change(object, path, value)
	}
	return object
}

func change(object *unstructured.Unstructured, path string, value any) {
	fields := strings.Split(path, ".")
	if value == nil {
		unstructured.RemoveNestedField(object.Object, fields...)
		return
	}
	if err := unstructured.SetNestedField(object.Object, value, fields...); err != nil {
		panic(err)
	}
}

func create(t *testing.T, cluster client.Client, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if err := cluster.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func sample(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("contoso", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return rendered.Decode(t, text)
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func convert(t *testing.T, object *unstructured.Unstructured, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
}
