# A pool and the pool it is paired with: what is known of the pair, and the jobs that move users and the central management store.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))

function New-Registrar { param($Pool, $State) [pscustomobject]@{ Identity = "Service:Registrar:$Pool"; PoolState = $State } }
# The module lists come as one object where there is one, and their states as enumerations.
function New-Module { param($Name, $Export, $Import) [pscustomobject]@{ Identity = $Name; ExportStatus = $Export; ImportStatus = $Import } }

# --- what is known of the pair
$pool = '{"poolFqdn":"pool01.contoso.com"}'
function Set-Pair {
    Reset-Machine
    $global:Answers['Get-CsService Registrar'] = [pscustomobject]@{ Identity = 'Registrar:pool01.contoso.com'; BackupRegistrar = 'Registrar:pool02.contoso.com' }
    $global:Answers['Get-CsService EdgeServer'] = @([pscustomobject]@{ Identity = 'EdgeServer:edge.contoso.com'; PoolFqdn = 'edge.contoso.com'; Registrar = 'Registrar:POOL01.contoso.com' },
        [pscustomobject]@{ Identity = 'EdgeServer:edge2.contoso.com'; PoolFqdn = 'edge2.contoso.com'; Registrar = [pscustomobject]@{ ServiceId = 'Registrar:pool02.contoso.com' } })
    $global:Answers['Get-CsService CentralManagement'] = @([pscustomobject]@{ PoolFqdn = 'pool09.contoso.com'; Active = $false }, [pscustomobject]@{ PoolFqdn = 'pool02.contoso.com'; Active = $true })
    $global:Answers['Get-CsComputer'] = @([pscustomobject]@{ Fqdn = 'fe11.contoso.com' }, 'fe01.contoso.com')
    $global:Answers['Get-CsRegistrarConfiguration'] = @([pscustomobject]@{ Identity = 'Global'; PoolState = 'FailedOver' }, (New-Registrar 'pool02.contoso.com' 'FailingOver'), (New-Registrar 'Pool01.contoso.com' 'FailedOver'))
    $global:Answers['Get-CsBackupServiceStatus pool01.contoso.com'] = [pscustomobject]@{ BackupModules = @((New-Module 'UserServices.PresenceFocus' ([System.DayOfWeek]::Monday) 'NormalState'), (New-Module 'CentralMgmt.CMSMaster' 'NotInitialized' 'NormalState')) }
    $global:Answers['Get-CsBackupServiceStatus pool02.contoso.com'] = [pscustomobject]@{ BackupModules = (New-Module 'UserServices.PresenceFocus' 'SteadyState' $null) }
}
Set-Pair
$answer = Invoke-Ask Get-LyncOpsPartner $pool
$global:Line
$pair = $answer.result
Test-That 'the partner and its computers' "$($pair.backupPoolFqdn) $(@($pair.backupComputers) -join ',')" 'pool02.contoso.com fe11.contoso.com,fe01.contoso.com'
Test-That 'the state of this pool, not the global one' $pair.poolState 'FailedOver'
Test-That 'the backup service of both pools, words as they are' @($pair.modules | ForEach-Object { "$($_.poolFqdn) $($_.name) $($_.exportStatus) '$($_.importStatus)'" }) @("pool01.contoso.com UserServices.PresenceFocus Monday 'NormalState'", "pool01.contoso.com CentralMgmt.CMSMaster NotInitialized 'NormalState'", "pool02.contoso.com UserServices.PresenceFocus SteadyState ''")
Test-That 'the Edge pools whose next hop it is' @($pair.edgePools) @('edge.contoso.com')
Test-That 'where the active central management store is' $pair.centralManagementPoolFqdn 'pool02.contoso.com'
$global:Answers['Get-CsRegistrarConfiguration'] = [pscustomobject]@{ Identity = 'Global' }
Test-That 'a pool that was never failed over is Active' (Invoke-Ask Get-LyncOpsPartner $pool).result.poolState 'Active'
$global:Answers['Get-CsRegistrarConfiguration'] = [pscustomobject]@{ Identity = 'Service:Registrar:pool01.contoso.com' }
Test-That 'a configuration of its own without a state' (Invoke-Ask Get-LyncOpsPartner $pool).error.code 'UnknownShape'
Set-Pair
$global:Answers['Get-CsBackupServiceStatus pool02.contoso.com'] = [pscustomobject]@{ Health = 'Good' }
Test-That 'a backup service without modules' (Invoke-Ask Get-LyncOpsPartner $pool).error.code 'UnknownShape'
$global:Answers['Get-CsBackupServiceStatus pool02.contoso.com'] = { Write-Error 'You do not have permission.' }
$answer = Invoke-Ask Get-LyncOpsPartner $pool
Test-That 'a backup service that cannot be asked' "$($answer.error.code) $($answer.error.message)" 'CmdletFailed You do not have permission.'
Reset-Machine
$answer = Invoke-Ask Get-LyncOpsPartner $pool
Test-That 'without a partner nothing is asked of a backup service' ($answer.ok -and $global:Line.Contains('"backupPoolFqdn":null,"backupComputers":[],"poolState":"Active","modules":[],"edgePools":[],"centralManagementPoolFqdn":null')) 'True'

# --- RecordServices
Reset-Machine
$job = Invoke-Job RecordServices '{}'
Test-That 'the services are written down' "$(Get-Outcome $job) $(@((Invoke-Ask Get-LyncOpsFacts).result.baseline | Where-Object { $_.name -eq 'RTCSRV' })[0].status) $($global:Calls.Count)" 'Succeeded Running 0'
Set-ServiceState '^RTCSRV$' 'Stopped'
$job = Invoke-Job RecordServices '{}' 'job-2'
Test-That 'what is written down already stays' "$(Get-Outcome $job) $(@((Invoke-Ask Get-LyncOpsFacts).result.baseline | Where-Object { $_.name -eq 'RTCSRV' })[0].status)" 'Succeeded Running'

# --- FailOverPool
Set-Pair
$global:Answers['Get-CsRegistrarConfiguration central'] = New-Registrar 'pool01.contoso.com' 'FailedOver'
$job = Invoke-Job FailOverPool $pool
Test-That 'failed over, with nothing forced' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded Invoke-CsPoolFailOver pool01.contoso.com, Get-CsRegistrarConfiguration'
Test-Like 'what the cmdlet said is in the log' $job.logTail 'Moving users\.'
Set-Pair
$global:Answers['Invoke-CsPoolFailOver'] = { Write-Error ("This Front-end pool `"pool01.contoso.com`" is specified in topology as the next hop for the Edge`r`n server. Change it.") }
$job = Invoke-Job FailOverPool $pool
Test-Like 'a next hop of Edge is named, however the text is wrapped' "$(Get-Outcome $job) $($job.message)" '^Failed EdgeNextHop This Front-end pool .* next hop for the Edge server\. Change it\.$'
Set-Pair
$global:Answers['Invoke-CsPoolFailOver'] = { throw 'The backup pool does not answer.' }
$job = Invoke-Job FailOverPool $pool
Test-That 'any other refusal' "$(Get-Outcome $job) $($job.message)" 'Failed FailOverFailed The backup pool does not answer.'
Set-Pair
$global:Answers['Get-CsRegistrarConfiguration central'] = New-Registrar 'pool01.contoso.com' 'FailingOver'
$job = Invoke-Job FailOverPool $pool
Test-Like 'a cmdlet that ended well is not believed without the state' "$(Get-Outcome $job) $($job.message)" '^Failed FailOverFailed .* is FailingOver\.$'

# --- FailBackPool
Set-Pair
$global:Answers['Get-CsRegistrarConfiguration central'] = New-Registrar 'pool01.contoso.com' 'Active'
$job = Invoke-Job FailBackPool $pool
Test-That 'failed back, with nothing forced' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded Invoke-CsPoolFailBack pool01.contoso.com, Get-CsRegistrarConfiguration'
Set-Pair
$global:Answers['Invoke-CsPoolFailBack'] = { throw 'Unable to complete hydration process after repeated attempt' }
$job = Invoke-Job FailBackPool $pool
Test-That 'hydration that did not end' "$(Get-Outcome $job) $($job.message)" 'Failed FailBackFailed Unable to complete hydration process after repeated attempt'
Set-Pair
$global:Answers['Get-CsRegistrarConfiguration central'] = New-Registrar 'pool01.contoso.com' 'FailingBack'
Test-That 'the state decides here too' (Get-Outcome (Invoke-Job FailBackPool $pool)) 'Failed FailBackFailed'

# --- MoveCentralManagement
$move = '{"poolFqdn":"pool02.contoso.com","timeoutSeconds":60}'
Set-Pair
$global:Answers['Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus'] = [pscustomobject]@{ ActiveMasterFqdn = 'FE11.contoso.com' }
$job = Invoke-Job MoveCentralManagement $move
Test-That 'the planned move, without a word of a disaster' "$(Get-Outcome $job) $($global:Calls[-1])" 'Succeeded Invoke-CsManagementServerFailover Planned'
Set-Pair
$global:Answers['Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus'] = [pscustomobject]@{ ActiveMasterFqdn = 'fe05.contoso.com' }
$job = Invoke-Job MoveCentralManagement $move
Test-Like 'a master elsewhere is awaited, and then told' "$(Get-Outcome $job) $($job.message)" "^Failed MoveFailed After 60 seconds the active master is 'fe05\.contoso\.com'"
Set-Pair
$global:Answers['Invoke-CsManagementServerFailover'] = { throw 'Access is denied.' }
$job = Invoke-Job MoveCentralManagement $move
Test-That 'a move that is refused' "$(Get-Outcome $job) $($job.message)" 'Failed MoveFailed Access is denied.'
Set-Pair
$global:Answers['Get-CsComputer'] = @([pscustomobject]@{ Fqdn = 'fe11.contoso.com' })
$job = Invoke-Job MoveCentralManagement $move
Test-Like 'an order for a computer of another pool' "$(Get-Outcome $job) $($job.message)" '^Failed MoveFailed The order is for a computer of pool02\.contoso\.com'

# --- what is refused
foreach ($case in @(@('FailOverPool', '{"poolFqdn":"pool01.contoso.com","force":true}', 'parameters.force'), @('FailOverPool', '{"poolFqdn":"a b"}', 'parameters.poolFqdn'), @('FailBackPool', '{}', 'parameters.poolFqdn'),
        @('MoveCentralManagement', '{"poolFqdn":"pool02.contoso.com","timeoutSeconds":0}', 'parameters.timeoutSeconds'), @('RecordServices', '{"poolFqdn":"pool01.contoso.com"}', 'parameters.poolFqdn'))) {
    $refused = Invoke-Job $case[0] $case[1] 'job-9'
    Test-Like "refused: $($case[0]) $($case[1])" "$($refused.code) $($refused.message)" ('^BadArgument ' + $case[2])
}
[System.Console]::Out.WriteLine('done')
