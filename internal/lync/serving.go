package lync

import (
	"context"
	"fmt"
	"slices"
)

// Serving is whether a server takes new connections, as far as it can be seen on the server itself.
type Serving struct {
	// Listening are those of the TCP ports asked for on which something listens.
	Listening []int `json:"listening"`
	// Activity is what the services say they do, for people.
	Activity []Activity `json:"activity"`
	// ActivityProblem is why Activity could not be read; empty when it was.
	ActivityProblem string `json:"activityProblem"`
}

// Activity is what one service says it does.
type Activity struct {
	Name string `json:"name"`
	// Level is a list such as "Incoming Requests per Second=0,Messages in Server=0".
	Level string `json:"activityLevel"`
}

// Replica is one copy of the central management store.
type Replica struct {
	FQDN     string `json:"replicaFqdn"`
	UpToDate bool   `json:"upToDate"`
}

// Serving asks a server on which of these TCP ports something listens, and what its services do. Nothing is connected to.
func (s *Servers) Serving(ctx context.Context, access Access, ports []int) (Serving, error) {
	type argument struct {
		Ports []int `json:"ports"`
	}
	return ask(ctx, s, access, "Get-LyncOpsServing", argument{append([]int{}, ports...)}, func(answer Serving) error {
		for _, port := range answer.Listening {
			if !slices.Contains(ports, port) {
				return fmt.Errorf("port %d was not asked for", port)
			}
		}
		return nil
	})
}

// Replication asks a server which copies of the central management store are up to date. The question reads the store itself,
// which a WinRM logon may not be able to reach.
func (s *Servers) Replication(ctx context.Context, access Access) ([]Replica, error) {
	type replicas struct {
		Replicas []Replica `json:"replicas"`
	}
	answer, err := ask(ctx, s, access, "Get-LyncOpsReplication", struct{}{}, func(answer replicas) error {
		for _, replica := range answer.Replicas {
			if replica.FQDN == "" {
				return fmt.Errorf("a replica has no name")
			}
		}
		return nil
	})
	return answer.Replicas, err
}
