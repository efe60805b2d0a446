package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd starts a single etcd member in this process and returns it once it
// serves requests. It does not wait for the disk: losing the last writes of a
// throw-away control plane in a power cut is worth the speed.
func startEtcd(ctx context.Context, directory string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = directory
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	clients, err := loopbackURL(ctx)
	if err != nil {
		return nil, err
	}
	peers, err := loopbackURL(ctx)
	if err != nil {
		return nil, err
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(etcdStartTimeout)
	defer deadline.Stop()
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err = <-etcd.Err():
	case <-deadline.C:
		err = fmt.Errorf("not ready after %s", etcdStartTimeout)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	etcd.Close()
	return nil, err
}

// etcdEndpoint returns the URL under which etcd serves clients.
func etcdEndpoint(etcd *embed.Etcd) string {
	return etcd.Config().AdvertiseClientUrls[0].String()
}

func loopbackURL(ctx context.Context) (url.URL, error) {
	port, err := freePort(ctx)
	return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}, err
}
