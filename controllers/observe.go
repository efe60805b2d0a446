package controllers

import (
	"context"
	"sync"

	"lyncops.dev/operator/internal/credentials"
	"lyncops.dev/operator/internal/procedure"
)

// observation is one server as it was found, or why it was not.
type observation struct {
	fqdn    string
	server  *procedure.Server
	problem *procedure.Problem
}

// observeLimit is how many servers are asked at the same time for one object.
const observeLimit = 8

// observe asks servers for their facts, several at a time, and returns what was found in the order of the names.
func observe(ctx context.Context, servers Servers, with credentials.Credentials, names []string) []observation {
	found := make([]observation, len(names))
	places := make(chan struct{}, observeLimit)
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Add(1)
		go func() {
			defer asking.Done()
			places <- struct{}{}
			defer func() { <-places }()
			found[i] = observeOne(ctx, servers, with, name)
		}()
	}
	asking.Wait()
	return found
}

func observeOne(ctx context.Context, servers Servers, with credentials.Credentials, name string) observation {
	facts, err := servers.Facts(ctx, with.At(name))
	if err != nil {
		return observation{fqdn: name, problem: problemFrom(err)}
	}
	server := serverFrom(name, facts)
	return observation{fqdn: name, server: &server}
}
