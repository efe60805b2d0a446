package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

const (
	// discoveryPeriod bounds how long the garbage collector overlooks a new CRD.
	discoveryPeriod = 5 * time.Second
	// namespaceResync and monitorPeriod are what kube-controller-manager uses.
	namespaceResync = 5 * time.Minute
	monitorPeriod   = 30 * time.Second
)

// startControllers starts those controllers of kube-controller-manager without
// which an operator's objects behave differently than in a cluster: owner
// references, namespace deletion, default service accounts and aggregated
// cluster roles. They run until ctx ends. Workloads get no Pods: there is no
// scheduler, no kubelet and no deployment controller.
func startControllers(ctx context.Context, config *rest.Config) error {
	logger := klog.Background().V(4)
	ctx = klog.NewContext(ctx, logger)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	typed := informers.NewSharedInformerFactory(client, 0)
	untyped := metadatainformer.NewSharedInformerFactory(metadataClient, 0)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	informersStarted := make(chan struct{})

	garbage, err := garbagecollector.NewGarbageCollector(ctx, client, metadataClient, mapper,
		garbagecollector.DefaultIgnoredResources(), informerfactory.NewInformerFactory(typed, untyped), informersStarted)
	if err != nil {
		return fmt.Errorf("garbage collector: %w", err)
	}
	namespaces := namespace.NewNamespaceController(ctx, client, metadataClient,
		client.Discovery().ServerPreferredNamespacedResources, typed.Core().V1().Namespaces(),
		namespaceResync, corev1.FinalizerKubernetes)
	accounts, err := serviceaccount.NewServiceAccountsController(logger, typed.Core().V1().ServiceAccounts(),
		typed.Core().V1().Namespaces(), client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return fmt.Errorf("service accounts: %w", err)
	}
	roles := clusterroleaggregation.NewClusterRoleAggregation(typed.Rbac().V1().ClusterRoles(), client.RbacV1())

	typed.Start(ctx.Done())
	untyped.Start(ctx.Done())
	close(informersStarted)
	go garbage.Run(ctx, 4, monitorPeriod)
	go garbage.Sync(ctx, client.Discovery(), discoveryPeriod)
	go namespaces.Run(ctx, 2)
	go accounts.Run(ctx, 1)
	go roles.Run(ctx, 1)
	return nil
}
