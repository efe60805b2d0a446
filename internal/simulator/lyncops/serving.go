package lyncops

import (
	"context"
	"slices"

	"lyncops.dev/operator/internal/simulator/deployment"
)

const mostPorts = 32

type activityFact struct {
	Name          string `json:"name"`
	ActivityLevel string `json:"activityLevel"`
}

type servingResult struct {
	Listening       []int          `json:"listening"`
	Activity        []activityFact `json:"activity"`
	ActivityProblem string         `json:"activityProblem"`
}

func serving(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	var a struct {
		Ports *[]int `json:"ports"`
	}
	if err := read(argument, &a); err != nil {
		return nil, err
	}
	if a.Ports == nil || len(*a.Ports) > mostPorts || slices.ContainsFunc(*a.Ports, func(port int) bool { return port < 1 || port > 65535 }) {
		return nil, wrongArgument("ports", "must be a list of ports from 1 to 65535")
	}
	result := servingResult{Listening: []int{}, Activity: []activityFact{}}
	open := host.Listening()
	for _, port := range *a.Ports {
		if slices.Contains(open, port) && !slices.Contains(result.Listening, port) {
			result.Listening = append(result.Listening, port)
		}
	}
	if err := mayLoadLync(host); err != nil {
		result.ActivityProblem = err.Error()
		return result, nil //nolint:nilerr // the ports are told all the same
	}
	if err := host.Cmdlet(ctx); err != nil {
		return nil, err
	}
	for _, s := range host.Services() {
		if level := s.Activity(); s.Lync && level != "" {
			result.Activity = append(result.Activity, activityFact{s.Name, level})
		}
	}
	return result, nil
}

func replication(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	if err := read(argument, &struct{}{}); err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	rows, err := host.Replication(ctx)
	if err != nil {
		return nil, err
	}
	type replica struct {
		ReplicaFQDN string `json:"replicaFqdn"`
		UpToDate    bool   `json:"upToDate"`
	}
	result := struct {
		Replicas []replica `json:"replicas"`
	}{[]replica{}}
	for _, row := range rows {
		result.Replicas = append(result.Replicas, replica{row.ReplicaFQDN, row.UpToDate})
	}
	return result, nil
}
