# What scripts see of the cmdlets that the simulator answers: types, lists, streams, errors.
param([string]$Module)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module -DisableNameChecking
$pool = Get-CsPool -Identity pool01.contoso.com
"pool: $($pool.Identity), $($pool.Computers.Count) computers, first $($pool.Computers[0])"
"positional: $((Get-CsPool pool01.contoso.com).Fqdn)"
"a switch before a name: $(@(Get-CsComputer -LocalStore -Pool pool01.contoso.com).Count) computers"
"a switch that is off: $(@(Get-CsComputer -Local:$false -Pool pool01.contoso.com).Count) computers"
$arguments = @{ Pool = 'pool01.contoso.com'; Local = $true }
"splatted: $(@(Get-CsComputer @arguments).Identity)"
$readiness = Get-CsPoolUpgradeReadinessState -Confirm:$false -ErrorAction Stop
"readiness: $($readiness.State) is $($readiness.State.GetType().FullName), enumeration $($readiness.State -is [enum]); $($readiness.TotalFrontends.GetType().Name)"
"domains: $(@($readiness.UpgradeDomains | ForEach-Object { "$($_.Name)=$($_.IsReadyForUpgrade)($($_.Frontends -join ','))" }) -join ' ')"
$replica = @(Get-CsManagementStoreReplicationStatus)[0]
"a time: $($replica.LastStatusReport.GetType().Name) $($replica.LastStatusReport.Kind)"
"from the pipeline: $(@(Get-CsWindowsService | Where-Object { $_.Name -eq 'RTCRGS' } | Stop-CsWindowsService -NoWait -Verbose 4>&1))"
"an absent value: $($null -eq (Get-CsService -Registrar -PoolFqdn se01.contoso.com).BackupRegistrar)"
try { Get-CsPool -Identity nowhere.contoso.com } catch { "failed: $($_.Exception.Message)" }
# In a runspace of its own, as the module LyncOps updates databases.
$shell = [powershell]::Create()
[void]$shell.AddCommand('Import-Module').AddParameter('Name', $Module).AddParameter('DisableNameChecking', $true).Invoke()
$shell.Commands.Clear()
[void]$shell.AddCommand('Test-CsDatabase').AddParameter('ConfiguredDatabases', $true).AddParameter('SqlServerFqdn', 'sql01.contoso.com')
"in a runspace of its own: $(@($shell.Invoke() | ForEach-Object { $_.DatabaseName }) -join ' ')"
