package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

// apiServer answers what the plugin asks an API server: which kinds there are, and single objects. It notes who asked.
type apiServer struct {
	t       *testing.T
	objects map[string]any // by the path of their address

	lock      sync.Mutex
	asked     []string // methods and paths of what was not discovery
	askedAs   map[string]bool
	forbidden string // a path that nobody may read
}

// kubeconfig starts the server and writes a kubeconfig whose current context leads nowhere and whose context "lab" leads to it.
func (s *apiServer) kubeconfig() string {
	s.t.Helper()
	s.askedAs = map[string]bool{}
	server := httptest.NewServer(s)
	s.t.Cleanup(server.Close)
	content, err := yaml.Marshal(clientcmdapi.Config{
		APIVersion: "v1", Kind: "Config", CurrentContext: "nowhere",
		Clusters: []clientcmdapi.NamedCluster{
			{Name: "lab", Cluster: clientcmdapi.Cluster{Server: server.URL}}, {Name: "nowhere", Cluster: clientcmdapi.Cluster{Server: "http://127.0.0.1:1"}},
		},
		AuthInfos: []clientcmdapi.NamedAuthInfo{{Name: "somebody"}},
		Contexts: []clientcmdapi.NamedContext{
			{Name: "lab", Context: clientcmdapi.Context{Cluster: "lab", AuthInfo: "somebody", Namespace: "elsewhere"}},
			{Name: "nowhere", Context: clientcmdapi.Context{Cluster: "nowhere", AuthInfo: "somebody"}},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// put stores an object under the address at which a client reads it.
func (s *apiServer) put(resource string, object metav1.Object) {
	prefix := "/api/v1"
	if strings.Contains(resource, "/") {
		prefix, resource = "/apis/"+resource[:strings.LastIndex(resource, "/")], resource[strings.LastIndex(resource, "/")+1:]
	}
	if s.objects == nil {
		s.objects = map[string]any{}
	}
	s.objects[fmt.Sprintf("%s/namespaces/%s/%s/%s", prefix, object.GetNamespace(), resource, object.GetName())] = object
}

func (s *apiServer) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/json")
	write := func(status int, body any) {
		answer.WriteHeader(status)
		if err := json.NewEncoder(answer).Encode(body); err != nil {
			s.t.Error(err)
		}
	}
	if known := discovery()[request.URL.Path]; known != nil {
		write(http.StatusOK, known)
		return
	}
	s.lock.Lock()
	s.asked = append(s.asked, request.Method+" "+request.URL.Path)
	s.askedAs[request.Header.Get("Impersonate-User")] = true
	s.lock.Unlock()
	object, found := s.objects[request.URL.Path]
	switch {
	case request.URL.Path == s.forbidden:
		write(http.StatusForbidden, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden,
			Code: http.StatusForbidden, Message: "you may not read this"})
	case !found:
		write(http.StatusNotFound, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound,
			Code: http.StatusNotFound, Message: "there is no such object"})
	default:
		write(http.StatusOK, object)
	}
}

func discovery() map[string]any {
	group := metav1.APIGroup{Name: "lyncops.dev", Versions: []metav1.GroupVersionForDiscovery{{GroupVersion: "lyncops.dev/v1alpha1", Version: "v1alpha1"}}}
	group.PreferredVersion = group.Versions[0]
	list := func(groupVersion string, kinds map[string]string) metav1.APIResourceList {
		result := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: groupVersion}
		for name, kind := range kinds {
			result.APIResources = append(result.APIResources, metav1.APIResource{Name: name, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"get"}})
		}
		return result
	}
	return map[string]any{
		"/api":                       metav1.APIVersions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIVersions"}, Versions: []string{"v1"}},
		"/apis":                      metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}, Groups: []metav1.APIGroup{group}},
		"/apis/lyncops.dev":          group,
		"/api/v1":                    list("v1", map[string]string{"secrets": "Secret", "configmaps": "ConfigMap"}),
		"/apis/lyncops.dev/v1alpha1": list("lyncops.dev/v1alpha1", map[string]string{"lyncpools": "LyncPool", "backendservers": "BackEndServer"}),
	}
}
