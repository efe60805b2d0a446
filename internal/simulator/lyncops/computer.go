package lyncops

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// Outcomes of a failover or failback that did not succeed.
const (
	failOverRefused = "FailOverRefused"
	failBackFailed  = "FailBackFailed"
)

type computerParameters struct {
	ComputerName string `json:"computerName"`
	WaitSeconds  int    `json:"waitSeconds"`
}

func (p computerParameters) check() error {
	if p.ComputerName == "" {
		return wrongArgument("parameters.computerName", "is missing")
	}
	if p.WaitSeconds < 1 || p.WaitSeconds > 86400 {
		return wrongArgument("parameters.waitSeconds", "must be a number from 1 to 86400")
	}
	return nil
}

func (p computerParameters) wait() time.Duration { return time.Duration(p.WaitSeconds) * time.Second }

// otherComputer is why an order for somebody else is refused.
func (p computerParameters) otherComputer(host *deployment.Host) error {
	name, _, _ := strings.Cut(p.ComputerName, ".")
	if here, _, _ := strings.Cut(host.FQDN(), "."); !strings.EqualFold(name, here) {
		return errors.New("The order is for " + p.ComputerName + ", and this computer is " + host.FQDN() + ".")
	}
	return nil
}

func newFailOver(text json.RawMessage) (action, error) {
	var p struct {
		computerParameters
		PoolFQDN        string `json:"poolFqdn"`
		DrainingSeconds *int   `json:"drainingSeconds"`
	}
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.PoolFQDN == "" {
		return nil, wrongArgument("parameters.poolFqdn", "is missing")
	}
	if p.DrainingSeconds == nil || *p.DrainingSeconds < 0 || *p.DrainingSeconds > 86400 {
		return nil, wrongArgument("parameters.drainingSeconds", "must be a number from 0 to 86400")
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		if err := p.otherComputer(w.host); err != nil {
			return nil, failOverRefused, err
		}
		if err := writeBaseline(w.host); err != nil {
			return nil, internalError, err
		}
		before := lyncServices(w.host)
		fabric, err := w.host.FabricState(ctx, p.PoolFQDN)
		if err == nil {
			w.log.say("%s", fabric)
			err = w.host.FailOver(ctx, w.caller, deployment.FailOverRequest{WaitTime: p.wait(),
				DrainingTimeout: time.Duration(*p.DrainingSeconds) * time.Second, As: w.as})
		}
		switch {
		case err != nil && slices.Equal(before, lyncServices(w.host)):
			return nil, failOverRefused, err
		case err != nil:
			return nil, cmdletFailed, err
		}
		return nil, "", nil
	}, nil
}

func newFailBack(text json.RawMessage) (action, error) {
	var p computerParameters
	if err := read(text, &p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	start, err := newStartServices(json.RawMessage(`{"timeoutSeconds":1800}`))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w work) (*int, string, error) {
		if err := p.otherComputer(w.host); err != nil {
			return nil, failBackFailed, err
		}
		failed := w.host.FailBack(ctx, w.caller, deployment.FailBackRequest{WaitTime: p.wait(), As: w.as})
		// Start types are restored and services started whatever the cmdlet did.
		_, outcome, err := start(ctx, w)
		switch {
		case failed != nil && err != nil:
			return nil, failBackFailed, errors.New(failed.Error() + " " + err.Error())
		case failed != nil:
			return nil, failBackFailed, errors.New(failed.Error() + " The services were started without it.")
		}
		return nil, outcome, err
	}, nil
}

func patchVersion(ctx context.Context, host *deployment.Host, argument []byte) (any, error) {
	if err := read(argument, &struct{}{}); err != nil {
		return nil, err
	}
	if err := mayLoadLync(host); err != nil {
		return nil, err
	}
	if host.Is(deployment.LyncServer2013) {
		return nil, &failure{Code: cmdletMissing, Message: "The command Get-CsServerPatchVersion is not on this server."}
	}
	components, err := host.PatchVersions(ctx)
	if err != nil {
		return nil, err
	}
	return struct {
		Components []deployment.Component `json:"components"`
	}{components}, nil
}
