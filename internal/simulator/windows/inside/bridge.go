//go:build windows

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
)

const (
	serviceName = "LyncMachine"
	settings    = `C:\windows\lyncmachine\machine.json`
)

// machine is what the simulator wrote down for this machine: where to ask, with which token, and what to look at.
type machine struct {
	Address  string   `json:"address"`
	Token    string   `json:"token"`
	Product  string   `json:"product"`
	Domain   string   `json:"domain"`
	Services []string `json:"services"`
}

func readMachine() (machine, error) {
	var m machine
	text, err := os.ReadFile(settings)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// call asks the simulator for one command and gives the first value of its answer. The question lasts as long as this process.
func (m machine) call(ctx context.Context, command string, parameters map[string]any) (any, error) {
	body, err := json.Marshal(map[string]any{"command": command, "parameters": parameters})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.Address+"/call", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+m.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the simulator answers %s", response.Status)
	}
	var answer struct {
		Output []any `json:"output"`
		Error  *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, errors.New(answer.Error.Message)
	}
	if len(answer.Output) == 0 {
		return nil, nil
	}
	return answer.Output[0], nil
}
