# What is different on a server of Skype for Business: the readiness cmdlets, failover and failback of one server, the patch version.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
$env:PSModulePath = [System.IO.Path]::Combine($PSScriptRoot, 'ModulesOfSkype') + [System.IO.Path]::PathSeparator + ($env:PSModulePath -split [System.IO.Path]::PathSeparator | Where-Object { $_ -notlike '*testdata*' } | ForEach-Object { $_ + [System.IO.Path]::PathSeparator })

function Set-Product {
    param($Year)
    Get-Module -Name SkypeForBusiness | Remove-Module
    $env:LYNC_PRODUCT = $Year
    Reset-Machine
}
function Get-StartMode { param($Name) ($global:Machine.services | Where-Object { $_.Name -eq $Name }).StartMode }
function Set-Everything { param($State, $StartMode) foreach ($service in $global:Machine.services) { if ($service.Name -match '^(RTCSRV|REPLICA|W3SVC)$') { $service.State = $State; $service.StartMode = $StartMode } } }

# --- readiness
$pool = [pscustomobject]@{ PoolFqdn = 'pool01.contoso.com'; State = 'Ready'; TotalFrontends = 3; TotalActiveFrontends = 3
    UpgradeDomains = @([pscustomobject]@{ Name = 'UpgradeDomain1'; IsReadyForUpgrade = $true; Frontends = @('fe01.contoso.com') }) }
foreach ($pair in @(@('2015', 'Get-CsPoolUpgradeReadinessState Confirm SkipIdleSecondaryVerification'), @('2019', 'Get-CsUpgradeDomainInfo ErrorAction'))) {
    Set-Product $pair[0]
    $global:Answers['readiness'] = { , $pool }.GetNewClosure()
    $answer = Invoke-Ask Get-LyncOpsPoolReadiness '{"poolFqdn":"pool01.contoso.com"}'
    Test-That "$($pair[0]): the answer" "$($answer.ok) $($answer.result.state) $(@($answer.result.upgradeDomains)[0].name)" 'True Ready UpgradeDomain1'
    Test-Like "$($pair[0]): the cmdlet of the product" $global:Calls[-1] ($pair[1].Split(' ')[0])
    Test-That "$($pair[0]): idle secondaries are not waited for where that can be said" ($global:Calls[-1].Contains('SkipIdleSecondaryVerification')) ($pair[0] -eq '2015')
    Test-That "$($pair[0]): no query timeout, whose type is documented as two" ($global:Calls[-1].Contains('QueryTimeout')) 'False'
    $global:Answers['readiness'] = { [pscustomobject]@{ Health = 'Good' } }
    $answer = Invoke-Ask Get-LyncOpsPoolReadiness '{"poolFqdn":"pool01.contoso.com"}'
    Test-Like "$($pair[0]): an unknown shape names the cmdlet" "$($answer.error.code) $($answer.error.message)" ('^UnknownShape ' + $pair[1].Split(' ')[0])
}

# --- the patch version
Set-Product '2019'
$global:Answers['patch'] = { [pscustomobject]@{ ComponentName = 'Skype for Business Server 2019, Core Components'; Version = '7.0.2046.530' }; [pscustomobject]@{ ComponentName = 'Skype for Business Server 2019, Web Components Server'; Version = [version]'7.0.2046.524' } }
$answer = Invoke-Ask Get-LyncOpsPatchVersion
Test-That 'what the product says is installed' (@($answer.result.components | ForEach-Object { $_.name + ' ' + $_.version })) @('Skype for Business Server 2019, Core Components 7.0.2046.530', 'Skype for Business Server 2019, Web Components Server 7.0.2046.524')
$global:Answers['patch'] = { [pscustomobject]@{ ComponentName = 'Skype for Business Server 2019, Core Components' } }
Test-That 'a component without a version' (Invoke-Ask Get-LyncOpsPatchVersion).error.code 'UnknownShape'
$global:Answers['patch'] = $null
Test-That 'no component at all' (Invoke-Ask Get-LyncOpsPatchVersion).error.code 'UnknownShape'

# --- FailOverComputer
$over = '{"computerName":"fe01.contoso.com","poolFqdn":"pool01.contoso.com","waitSeconds":1800,"drainingSeconds":0}'
Set-Product '2019'
$global:Answers['fabric'] = 'fe01.contoso.com OK UP'
$global:Answers['failover'] = { Set-Everything 'Stopped' 'Disabled' }
$job = Invoke-Job FailOverComputer $over
Test-That 'the computer and hh:mm:ss are always given, nothing is forced' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded Get-CsPoolFabricState pool01.contoso.com, Invoke-CsComputerFailOver fe01.contoso.com 00:30:00'
Test-Like 'the fabric before and what the cmdlet said are in the log' $job.logTail 'fe01\.contoso\.com OK UP[\s\S]*-WaitTime 00:30:00[\s\S]*Moving users\.'
Test-That 'the baseline tells how it was' (@((Invoke-Ask Get-LyncOpsFacts).result.baseline | Where-Object { $_.name -eq 'RTCSRV' } | ForEach-Object { "$($_.status) $($_.startType)" })) 'Running Automatic'
Set-Product '2019'
$global:Answers['failover'] = { Set-Everything 'Stopped' 'Disabled' }
$job = Invoke-Job FailOverComputer $over.Replace('"drainingSeconds":0', '"drainingSeconds":90')
Test-That 'sessions are cut after a while where that is declared' "$(Get-Outcome $job) $($global:Calls[-1])" 'Succeeded Invoke-CsComputerFailOver fe01.contoso.com 00:30:00 -DrainingTimeout 00:01:30'
Set-Product '2019'
$global:Answers['failover'] = { throw 'The wait time has elapsed.' }
$job = Invoke-Job FailOverComputer $over
Test-That 'what exceeds the wait time has done nothing' "$(Get-Outcome $job) $($job.message)" 'Failed FailOverRefused The wait time has elapsed.'
Test-That 'and the server serves' "$(Get-ServiceState 'RTCSRV') $(Get-StartMode 'RTCSRV')" 'Running Auto'
Set-Product '2019'
$global:Answers['failover'] = { $global:Machine.services[1].State = 'Stopped'; $global:Machine.services[1].StartMode = 'Disabled'; Write-Error 'Access is denied.' }
$job = Invoke-Job FailOverComputer $over
Test-That 'what failed half way says so' "$(Get-Outcome $job) $($job.message)" 'Failed CmdletFailed Access is denied. Meanwhile REPLICA is Stopped.'
Set-Product '2019'
$job = Invoke-Job FailOverComputer $over
Test-Like 'services that run on after it ended' "$(Get-Outcome $job) $($job.message)" '^Failed ServiceStuck Invoke-CsComputerFailOver ended, and '
Set-Product '2019'
$global:Answers['fabric'] = { throw 'The fabric does not answer.' }
$job = Invoke-Job FailOverComputer $over
Test-That 'nothing is failed over when the fabric cannot be asked' "$(Get-Outcome $job) $(@($global:Calls | Where-Object { $_ -like 'Invoke-*' }).Count)" 'Failed FailOverRefused 0'
Set-Product '2019'
$job = Invoke-Job FailOverComputer $over.Replace('fe01.contoso.com', 'fe02.contoso.com')
Test-That 'an order for another computer' "$(Get-Outcome $job) $($job.message) $($global:Calls.Count)" 'Failed FailOverRefused The order is for fe02.contoso.com, and this computer is fe01.contoso.com. 0'
foreach ($pair in @(@('"waitSeconds":1800', '"waitSeconds":0', 'parameters.waitSeconds'), @('"waitSeconds":1800', '"waitSeconds":"00:30:00"', 'parameters.waitSeconds'), @('"computerName":"fe01.contoso.com",', '', 'parameters.computerName'), @('"drainingSeconds":0', '"drainingSeconds":0,"force":true', 'parameters.force'))) {
    $refused = Invoke-Job FailOverComputer $over.Replace($pair[0], $pair[1]) 'job-9'
    Test-Like "refused: $($pair[1])" "$($refused.code) $($refused.message)" ('^BadArgument ' + $pair[2])
}

# --- FailBackComputer
$back = '{"computerName":"fe01.contoso.com","waitSeconds":3600}'
function Set-FailedOver {
    Set-Product '2019'
    $global:Answers['failover'] = { Set-Everything 'Stopped' 'Disabled' }
    $null = Invoke-Job FailOverComputer $over
    $global:Calls = @()
}
Set-FailedOver
$global:Answers['failback'] = { Set-Everything 'Running' 'Auto' }
$job = Invoke-Job FailBackComputer $back 'job-2'
Test-That 'with the same name, and it starts everything itself' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded Invoke-CsComputerFailBack fe01.contoso.com 01:00:00'
Set-FailedOver
$global:Answers['failback'] = { Set-Everything 'Running' 'Auto'; foreach ($service in $global:Machine.services) { if ($service.Name -eq 'RTCRGS') { $service.StartMode = 'Auto' } } }
$job = Invoke-Job FailBackComputer $back 'job-2'
Test-That 'start types become what they were before' "$(Get-Outcome $job) $($global:Calls[-1])" 'Succeeded type RTCRGS Manual'
Set-FailedOver
$global:Answers['failback'] = { throw 'The wait time has elapsed.' }
$global:Answers['start'] = { Set-Everything 'Running' 'Auto' }
$job = Invoke-Job FailBackComputer $back 'job-2'
Test-That 'in vain: the services are enabled and started without it, and it still counts as failed' "$(Get-Outcome $job) $($job.message)" 'Failed FailBackFailed The wait time has elapsed. The services were started without it.'
Test-That 'and the server serves again' "$(Get-ServiceState 'RTCSRV') $(Get-StartMode 'RTCSRV')" 'Running Auto'
Set-FailedOver
$global:Answers['failback'] = { throw 'The wait time has elapsed.' }
$job = Invoke-Job FailBackComputer $back 'job-2'
Test-Like 'in vain, and they do not start either' "$(Get-Outcome $job) $($job.message)" '^Failed FailBackFailed The wait time has elapsed\. After 1800 seconds '
Test-That 'no service is left disabled' "$(Get-StartMode 'RTCSRV') $(Get-StartMode 'REPLICA') $(Get-StartMode 'W3SVC')" 'Auto Auto Auto'
Set-FailedOver
$global:Answers['failback'] = { }
$job = Invoke-Job FailBackComputer $back 'job-2'
Test-Like 'it says that it succeeded, and nothing runs' "$(Get-Outcome $job) $($job.message)" '^Failed ServiceStuck After 1800 seconds '
[System.Console]::Out.WriteLine('done')
