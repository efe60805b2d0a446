package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lyncops.dev/operator/internal/lync"
)

// between is what a test may change about the time between two servers and between two domains.
type between struct {
	// silent are ports that do not listen, by server.
	silent map[string][]int
	// fabric replaces what Get-CsPoolFabricState prints.
	fabric string
	// late are replicas that are not up to date.
	late []string
}

func (f *fakeServers) Serving(_ context.Context, access lync.Access, ports []int) (lync.Serving, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	host, err := f.enter(fakeCall{method: "Serving", server: access.FQDN})
	if err != nil {
		return lync.Serving{}, err
	}
	serving := lync.Serving{Listening: []int{}, Activity: []lync.Activity{}}
	for _, port := range ports {
		if host.serves() && !slices.Contains(f.between.silent[strings.ToLower(access.FQDN)], port) {
			serving.Listening = append(serving.Listening, port)
		}
	}
	return serving, nil
}

func (f *fakeServers) PoolFabric(_ context.Context, access lync.Access, _ string) (string, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "PoolFabric", server: access.FQDN}); err != nil {
		return "", err
	}
	if f.between.fabric != "" {
		return f.between.fabric, nil
	}
	var text strings.Builder
	for i, name := range f.computer {
		fmt.Fprintf(&text, "RoutingGroup %08x-0000-4000-8000-000000000000: Primary=%s Secondary=%s\n%s OK UP\n", i, name, f.computer[(i+1)%len(f.computer)], name)
	}
	return text.String(), nil
}

func (f *fakeServers) Replication(_ context.Context, access lync.Access) ([]lync.Replica, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, err := f.enter(fakeCall{method: "Replication", server: access.FQDN}); err != nil {
		return nil, err
	}
	var replicas []lync.Replica
	for _, name := range f.computer {
		replicas = append(replicas, lync.Replica{FQDN: name, UpToDate: !slices.Contains(f.between.late, name)})
	}
	return replicas, nil
}
