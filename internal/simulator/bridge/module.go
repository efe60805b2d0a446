package bridge

import (
	_ "embed"
	"fmt"
	"strings"

	"lyncops.dev/operator/internal/simulator/cmdlets"
	"lyncops.dev/operator/internal/simulator/deployment"
)

//go:embed client.ps1
var client string

// Environment variables that tell the functions of the modules where to ask, and with which token.
const (
	AddressVariable = "LYNCSIM_BRIDGE"
	TokenVariable   = "LYNCSIM_TOKEN" //nolint:gosec // the name of a variable
)

// LyncModule is the text of a PowerShell module named Lync: one function for each cmdlet of Lync that package cmdlets gives the host. Each
// sends its name and what it was given to the bridge, and writes what comes back to the streams it belongs to. It needs no other
// file, and works in every runspace that imports it. Address and token are used where the environment variables are not set;
// both may be empty. It is for PowerShell 7, and not for a server.
func LyncModule(host *deployment.Host, address, token string) string {
	names := cmdlets.LyncCommands(host)
	var functions strings.Builder
	for _, name := range names {
		functions.WriteString(function("", name, cmdlets.DeclaredSwitches(host, name)))
	}
	return clientText(address, token) + functions.String() + "Export-ModuleMember -Function @('" + strings.Join(names, "', '") + "')\n"
}

// Client is the PowerShell text of the functions that ask the bridge, for a session (not a module) that needs more than cmdlets.
func Client(address, token string) string {
	return strings.ReplaceAll(clientText(address, token), "$script:", "$global:")
}

func clientText(address, token string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "$script:LyncSimAddress = if ($env:%s) { $env:%[1]s } else { '%s' }\n", AddressVariable, address)
	fmt.Fprintf(&text, "$script:LyncSimToken = if ($env:%s) { $env:%[1]s } else { '%s' }\n", TokenVariable, token)
	fmt.Fprintf(&text, "$script:LyncSimSwitches = '%s'.Split(' ')\n", strings.Join(cmdlets.Switches(), " "))
	text.WriteString(client)
	return text.String()
}

// Functions is the PowerShell text of one function for each name; each calls the command of its name. scope is empty or "global:".
func Functions(scope string, names []string) string {
	var text strings.Builder
	for _, name := range names {
		text.WriteString(function(scope, name, nil))
	}
	return text.String()
}

func function(scope, name string, switches []string) string {
	declared := ""
	for _, one := range switches {
		declared += "[switch]$" + one + ", "
	}
	return fmt.Sprintf(`function %[1]s%[2]s {
    [CmdletBinding(PositionalBinding = $false, SupportsShouldProcess = $true)]
    param(%[3]s[Parameter(ValueFromPipeline = $true)]$InputObject, [Parameter(ValueFromRemainingArguments = $true)][object[]]$LyncSimRest)
    begin { $given = [System.Collections.ArrayList]::new() }
    process { if ($PSBoundParameters.ContainsKey('InputObject')) { [void]$given.Add($InputObject) } }
    end { Invoke-LyncSimCmdlet '%[2]s' $PSCmdlet $PSBoundParameters $LyncSimRest $given @('WhatIf', '%[4]s') }
}
`, scope, name, declared, strings.Join(switches, "', '"))
}
