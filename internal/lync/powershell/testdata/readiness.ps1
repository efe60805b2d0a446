# What Get-CsPoolUpgradeReadinessState may answer and what becomes of it. Its complete output is published nowhere, so every
# spelling that a source names is understood, and everything else is refused as UnknownShape.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))

enum PoolState { Busy = 1; Ready = 2 }
class Fqdn { [string]$Fqdn; Fqdn([string]$name) { $this.Fqdn = $name } [string] ToString() { return $this.Fqdn } }
class Opaque { hidden [int]$n; [string] ToString() { return 'fe09.contoso.com' } }

$verb = 'Get-LyncOpsPoolReadiness'
function Get-Readiness {
    param($Answer)
    $global:Answers['Get-CsPoolUpgradeReadinessState'] = { , $Answer }.GetNewClosure()
    $answer = Invoke-Ask $verb '{"poolFqdn":"pool01.contoso.com"}'
    if (-not $answer.ok) { return $answer.error.code }
    $result = $answer.result
    $domains = foreach ($domain in @($result.upgradeDomains)) { $domain.name + '=' + $domain.isReadyForUpgrade + '(' + (@($domain.frontends) -join ',') + ')' }
    return "$($result.state) $($result.totalActiveFrontends)/$($result.totalFrontends) " + (@($domains) -join ' ')
}
function New-Pool { param($Domains, $State = 'Ready') [pscustomobject]@{ PoolFqdn = 'pool01.contoso.com'; State = $State; TotalFrontends = 6; TotalActiveFrontends = 5; UpgradeDomains = $Domains } }
$one = [pscustomobject]@{ Name = 'UpgradeDomain1'; IsReadyForUpgrade = $true; Frontends = @('fe01.contoso.com', 'fe02.contoso.com') }
$two = [pscustomobject]@{ Name = '2'; IsReadyForUpgrade = $false; Frontends = @('fe03.contoso.com') }
$usual = 'Ready 5/6 UpgradeDomain1=True(fe01.contoso.com,fe02.contoso.com) 2=False(fe03.contoso.com)'

Test-That 'the published names' (Get-Readiness (New-Pool @($one, $two))) $usual
$global:Line
Test-That 'raw is the cmdlet''s answer' ($global:Line -cmatch '"raw":"\{\\"PoolFqdn\\":\\"pool01.contoso.com\\",\\"State\\":\\"Ready\\"') 'True'
Test-That 'PoolUpgradeState, ReadyForUpgrade and FrontEndServers' (Get-Readiness ([pscustomobject]@{ PoolUpgradeState = 'Ready'; TotalFrontEnds = 6; TotalActiveFrontEnds = 5; UpgradeDomains = @(
                [pscustomobject]@{ UpgradeDomain = 'UpgradeDomain1'; ReadyForUpgrade = $true; FrontEndServers = @('fe01.contoso.com', 'fe02.contoso.com') }
                [pscustomobject]@{ UpgradeDomainName = '2'; ReadyforUpgrade = $false; FrontEnds = @('fe03.contoso.com') }) })) $usual
Test-That 'an enumeration is its name' (Get-Readiness (New-Pool @($one, $two) ([PoolState]::Ready))) $usual
Test-That 'an enumeration is its name in raw' ($global:Line -cmatch '\\"State\\":\\"Ready\\"') 'True'
Test-That 'a domain named by a number' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = 3; IsReadyForUpgrade = $true; Frontends = @('fe01.contoso.com') }))) 'Ready 5/6 3=True(fe01.contoso.com)'
Test-That 'a flag that is text' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = 'TRUE'; Frontends = @('fe01.contoso.com') }))) 'Ready 5/6 1=True(fe01.contoso.com)'
Test-That 'one domain that is no list' (Get-Readiness (New-Pool $one)) 'Ready 5/6 UpgradeDomain1=True(fe01.contoso.com,fe02.contoso.com)'
Test-That 'one front end that is no list' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = 'fe01.contoso.com' }))) 'Ready 5/6 1=True(fe01.contoso.com)'
Test-That 'lists stay lists of one' ($global:Line -cmatch '"upgradeDomains":\[\{[^]]*"frontends":\["fe01.contoso.com"\]\}\]') 'True'
Test-That 'front ends that are Fqdn objects' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @([Fqdn]::new('fe01.contoso.com'), [Fqdn]::new('fe02.contoso.com')) }))) 'Ready 5/6 1=True(fe01.contoso.com,fe02.contoso.com)'
Test-That 'front ends that only print as names' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @([Opaque]::new()) }))) 'Ready 5/6 1=True(fe09.contoso.com)'
Test-That 'front ends that carry an Identity' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @([pscustomobject]@{ Identity = 'fe01.contoso.com' }) }))) 'Ready 5/6 1=True(fe01.contoso.com)'
Test-That 'a generic list' (Get-Readiness (New-Pool ([System.Collections.Generic.List[object]]@($one, $two)))) $usual
Test-That 'dictionaries in the place of objects' (Get-Readiness (New-Pool @(@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @('fe01.contoso.com') }))) 'Ready 5/6 1=True(fe01.contoso.com)'
Test-That 'duplicates as reported' (Get-Readiness (New-Pool @($two, $two))) 'Ready 5/6 2=False(fe03.contoso.com) 2=False(fe03.contoso.com)'
Test-That 'an unknown state as reported' (Get-Readiness (New-Pool @($one, $two) 'Rebalancing')) ($usual -replace '^Ready', 'Rebalancing')
Test-That 'an insufficient pool without domains' (Get-Readiness (New-Pool $null 'InsufficientActiveFrontEnds')) 'InsufficientActiveFrontEnds 5/6 '
Test-That 'no domains are an empty list' ($global:Line -cmatch '"upgradeDomains":\[\]') 'True'
Test-That 'a domain without front ends' (Get-Readiness (New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @() }))) 'Ready 5/6 1=True()'
Test-That 'absent totals are null' (Get-Readiness ([pscustomobject]@{ State = 'Busy'; UpgradeDomains = @() })) 'Busy / '
Test-That 'absent totals are null in the answer' ($global:Line -cmatch '"totalFrontends":null,"totalActiveFrontends":null') 'True'

# What JSON makes of an answer on its way, and what a cmdlet says beside it.
Test-That 'a state that has become a number is reported as that' (Get-Readiness (New-Pool @($one, $two) 2)) ($usual -replace '^Ready', '2')
$dated = New-Pool @($one, $two)
$dated | Add-Member -MemberType NoteProperty -Name LastUpdated -Value ([datetime]::SpecifyKind([datetime]'2013-02-19T10:30:00', 'Utc'))
Test-That 'a date does no harm' (Get-Readiness $dated) $usual
Test-That 'a date is ISO 8601 in raw' ($global:Line -cmatch '\\"LastUpdated\\":\\"2013-02-19T10:30:00.000Z\\"') 'True'
foreach ($dialect in '\/Date(1361269800000)\/', '2013-02-19T10:30:00.000Z') {
    $text = '{"PoolFqdn":"pool01.contoso.com","State":"Ready","TotalFrontends":6,"TotalActiveFrontends":5,"LastUpdated":"' + $dialect + '","UpgradeDomains":[' +
    '{"Name":"UpgradeDomain1","IsReadyForUpgrade":true,"Frontends":["fe01.contoso.com","fe02.contoso.com"]},{"Name":"2","IsReadyForUpgrade":false,"Frontends":["fe03.contoso.com"]}]}'
    Test-That "read from JSON with a date as $dialect" (Get-Readiness ($text | ConvertFrom-Json)) $usual
    Test-That "raw of JSON with a date as $dialect" ($global:Line -cmatch '\\"LastUpdated\\":\\"2013-02-19T10:30:00.000Z\\"') 'True'
}
$global:Answers['Get-CsPoolUpgradeReadinessState'] = {
    Write-Warning 'Replication is slow.'; Write-Progress -Activity 'Asking' -Status 'fe01'; Write-Verbose 'asked' -Verbose; Write-Debug 'asked'; Write-Host 'LYNCOPS>>>'
    New-Pool @($one, $two)
}
# They stand before the marks, which is what the marks are for: the harness wants the marked line alone.
try { $null = Invoke-Ask $verb '{"poolFqdn":"pool01.contoso.com"}' } catch { $null = $_ }
Test-Like 'warnings, progress and messages stay outside of the marks' $global:Line '(?s)Replication is slow\..*<<<LYNCOPS \{[\x20-\x7e]*"ok":true,[\x20-\x7e]*"state":"Ready"[\x20-\x7e]* LYNCOPS>>>$'

$unknown = [ordered]@{
    'nothing' = $null
    'an empty list' = @()
    'two pools' = @((New-Pool @($one)), (New-Pool @($two)))
    'a text' = 'Ready'
    'no state' = [pscustomobject]@{ UpgradeDomains = @($one) }
    'an empty state' = New-Pool @($one) ''
    'no domain list' = [pscustomobject]@{ State = 'Ready' }
    'a domain without a name' = New-Pool @([pscustomobject]@{ IsReadyForUpgrade = $true; Frontends = @('fe01.contoso.com') })
    'a domain without a flag' = New-Pool @([pscustomobject]@{ Name = '1'; Frontends = @('fe01.contoso.com') })
    'a flag that is a number' = New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = 1; Frontends = @('fe01.contoso.com') })
    'a flag that is null' = New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $null; Frontends = @('fe01.contoso.com') })
    'a domain without a front end property' = New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true })
    'a front end that is no name' = New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @('two words') })
    'a front end that is null' = New-Pool @([pscustomobject]@{ Name = '1'; IsReadyForUpgrade = $true; Frontends = @($null) })
    'a domain that is null' = New-Pool @($null)
    'a total that is no number' = [pscustomobject]@{ State = 'Ready'; TotalFrontends = 'six'; UpgradeDomains = @($one) }
}
foreach ($name in $unknown.Keys) {
    Test-That "unknown: $name" (Get-Readiness $unknown[$name]) 'UnknownShape'
    Test-Like "unknown, with the raw answer: $name" $global:Line '"detail":"(null|\[|\{|\\").*"'
}

$global:Answers['Get-CsPoolUpgradeReadinessState'] = { throw 'The Windows Fabric service is not running.' }
$failed = Invoke-Ask $verb '{"poolFqdn":"pool01.contoso.com"}'
Test-That 'a cmdlet that throws' "$($failed.error.code) $($failed.error.message)" 'CmdletFailed The Windows Fabric service is not running.'
$global:Answers['Get-CsPoolUpgradeReadinessState'] = { Write-Error -Message 'Access denied.' -ErrorId 'Denied' }
Test-That 'a cmdlet that writes an error' (Invoke-Ask $verb '{"poolFqdn":"pool01.contoso.com"}').error.code 'CmdletFailed'
foreach ($state in 'Stopped', 'Start Pending', 'Paused') {
    Set-ServiceState '^RTCSRV$' $state
    $global:Calls = @()
    Test-That "a front end whose RTCSRV is $state is not asked" "$((Invoke-Ask $verb '{"poolFqdn":"pool01.contoso.com"}').error.code) $($global:Calls.Count)" 'NotInService 0'
}
[System.Console]::Out.WriteLine('done')
