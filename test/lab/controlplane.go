package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"lyncops.dev/operator/api/v1alpha1"
)

const (
	// StartTimeout is how long a control plane may take to start, and StopTimeout to end, on a loaded machine that may stand still for a
	// minute in between.
	StartTimeout = 5 * time.Minute
	StopTimeout  = 3 * time.Minute
	// operatorUser is who the operator is to the API server; it has the rights of config/rbac/role.yaml and no others.
	operatorUser = "lyncops-controller-manager"
)

// controlPlane is a kube-apiserver with its etcd.
type controlPlane struct {
	environment        *envtest.Environment
	client             client.WithWatch
	kubeconfig         string
	operatorKubeconfig string
	log                *os.File
}

// startControlPlane starts an empty control plane and installs the CRDs and the operator's role. Where it fails, what was started
// is returned with the error, to be stopped.
func startControlPlane(ctx context.Context, options Options, root string) (*controlPlane, error) {
	log, err := os.OpenFile(filepath.Join(options.Directory, "controlplane.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	plane := &controlPlane{log: log, environment: &envtest.Environment{
		BinaryAssetsDirectory: options.Binaries.Assets, ControlPlaneStartTimeout: StartTimeout, ControlPlaneStopTimeout: StopTimeout,
		CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
	}}
	server := plane.environment.ControlPlane.GetAPIServer()
	server.Out, server.Err = log, log
	config, err := plane.environment.Start()
	if err != nil {
		return plane, fmt.Errorf("starting the control plane: %w; the end of %s:\n%s", err, log.Name(), tail(log.Name(), tailLines))
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return plane, err
		}
	}
	asked, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return plane, err
	}
	plane.client = Persistent(asked)
	plane.kubeconfig = filepath.Join(options.Directory, "kubeconfig")
	if err := os.WriteFile(plane.kubeconfig, plane.environment.KubeConfig, 0o600); err != nil {
		return plane, err
	}
	err = plane.admitOperator(ctx, options, root)
	return plane, err
}

// admitOperator lets the operator in as a user of its own.
func (p *controlPlane) admitOperator(ctx context.Context, options Options, root string) error {
	text, err := os.ReadFile(filepath.Join(root, "config", "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		return fmt.Errorf("reading the operator's role: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: operatorUser},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}}}
	for _, object := range []client.Object{&role, binding} {
		if err := p.client.Create(ctx, object); err != nil {
			return fmt.Errorf("giving the operator its rights: %w", err)
		}
	}
	user, err := p.environment.AddUser(envtest.User{Name: operatorUser}, &rest.Config{})
	if err != nil {
		return fmt.Errorf("making a user for the operator: %w", err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return err
	}
	p.operatorKubeconfig = filepath.Join(options.Directory, "operator.kubeconfig")
	return os.WriteFile(p.operatorKubeconfig, kubeconfig, 0o600)
}

// stop ends the control plane and removes its data.
func (p *controlPlane) stop() error {
	defer p.log.Close()
	if err := p.environment.Stop(); err != nil {
		return fmt.Errorf("stopping the control plane: %w", err)
	}
	return nil
}
