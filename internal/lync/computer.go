package lync

import (
	"context"
	"errors"
	"fmt"
)

// PatchVersion asks a server of Skype for Business what the product itself says is installed.
func (s *Servers) PatchVersion(ctx context.Context, access Access) ([]Component, error) {
	type versions struct {
		Components []Component `json:"components"`
	}
	answer, err := ask(ctx, s, access, "Get-LyncOpsPatchVersion", struct{}{}, func(answer versions) error {
		if len(answer.Components) == 0 {
			return errors.New("no component is named")
		}
		return nil
	})
	return answer.Components, err
}

// FailOverComputer are the parameters of ActionFailOverComputer.
type FailOverComputer struct {
	// ComputerName is the server that gets the order, as its topology names it: the cmdlet is never left to guess it.
	ComputerName string `json:"computerName"`
	// PoolFQDN is its pool.
	PoolFQDN string `json:"poolFqdn"`
	// WaitSeconds after which Invoke-CsComputerFailOver gives up and does nothing.
	WaitSeconds int `json:"waitSeconds"`
	// DrainingSeconds after which sessions that have not ended are cut; 0 is never.
	DrainingSeconds int `json:"drainingSeconds"`
}

// FailBackComputer are the parameters of ActionFailBackComputer.
type FailBackComputer struct {
	// ComputerName is the name that the server was failed over with.
	ComputerName string `json:"computerName"`
	// WaitSeconds after which Invoke-CsComputerFailBack gives up.
	WaitSeconds int `json:"waitSeconds"`
}

func (p FailOverComputer) check() error {
	if p.ComputerName == "" || p.PoolFQDN == "" {
		return errors.New("parameters.computerName or parameters.poolFqdn is empty")
	}
	if p.DrainingSeconds < 0 {
		return errors.New("parameters.drainingSeconds is negative")
	}
	return checkWait(p.WaitSeconds)
}

func (p FailBackComputer) check() error {
	if p.ComputerName == "" {
		return errors.New("parameters.computerName is empty")
	}
	return checkWait(p.WaitSeconds)
}

func checkWait(seconds int) error {
	if seconds <= 0 || seconds > 86400 {
		return fmt.Errorf("parameters.waitSeconds %d is not between a second and a day", seconds)
	}
	return nil
}
