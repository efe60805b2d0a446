package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Namespace holds the objects of the samples.
const Namespace = "default"

// The object in which the samples look for the certificate authority, and its key.
const (
	authorityName = "winrm-certificate-authority"
	authorityKey  = "ca.crt"
)

// Kubectl runs kubectl as an administrator and returns what it printed. An error holds what it complained about.
func (l *Lab) Kubectl(ctx context.Context, arguments ...string) (string, error) {
	return l.kubectl(ctx, "", arguments...)
}

// kubectl runs kubectl again, with the same input, when all it has to say is that the control plane did not manage to answer.
func (l *Lab) kubectl(ctx context.Context, input string, arguments ...string) (printed string, err error) {
	err = Persist(ctx, func(bool) error {
		printed, err = l.kubectlOnce(ctx, input, arguments...)
		return err
	})
	return printed, err
}

func (l *Lab) kubectlOnce(ctx context.Context, input string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, l.options.Binaries.Kubectl, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+l.plane.kubeconfig, "KUBECACHEDIR="+filepath.Join(l.options.Directory, "kubectl"))
	command.Dir, command.Stdin = l.root, strings.NewReader(input)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	printed, err := command.Output()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(complaints.String()))
		for _, words := range outOfBreath {
			if strings.Contains(complaints.String(), words) {
				err = apierrors.NewTimeoutError(err.Error(), 0)
			}
		}
		return string(printed), err
	}
	return string(printed), nil
}

// outOfBreath is what kubectl says when a control plane that runs does not manage to answer.
var outOfBreath = []string{"etcdserver: request timed out", "etcdserver: leader changed", "http2: client connection lost", "TLS handshake timeout", "unexpected EOF",
	"connection reset by peer", "the server is currently unable to handle the request", "request did not complete within"}

// Apply is kubectl apply for the documents of a text.
func (l *Lab) Apply(ctx context.Context, text string) error {
	_, err := l.kubectl(ctx, text, "apply", "-f", "-")
	return err
}

// ApplySamples is kubectl apply -k for a folder, relative to the repository, except that the ConfigMap with the certificate
// authority holds that of the simulated servers.
func (l *Lab) ApplySamples(ctx context.Context, kustomization string) error {
	l.options.Progress("applying " + kustomization)
	built, err := l.Kubectl(ctx, "kustomize", kustomization)
	if err != nil {
		return err
	}
	text, err := l.withAuthority(built)
	if err != nil {
		return err
	}
	return l.Apply(ctx, text)
}

func (l *Lab) withAuthority(documents string) (string, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(documents)))
	var result strings.Builder
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return result.String(), nil
		}
		if err != nil {
			return "", err
		}
		var object unstructured.Unstructured
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return "", err
		}
		if object.GetKind() == "ConfigMap" && object.GetName() == authorityName {
			if err := unstructured.SetNestedField(object.Object, string(l.authority), "data", authorityKey); err != nil {
				return "", err
			}
		}
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return "", err
		}
		result.WriteString("---\n" + string(text))
	}
}

func (l *Lab) publishAuthority(ctx context.Context) error {
	authority := corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: authorityName}, Data: map[string]string{authorityKey: string(l.authority)}}
	text, err := yaml.Marshal(authority)
	if err != nil {
		return err
	}
	return l.Apply(ctx, string(text))
}
