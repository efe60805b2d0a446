# Stands in for the Skype for Business module as Modules\Lync does for Lync's. $env:LYNC_PRODUCT says which product it is: 2015 or 2019.

function Add-Call { param([string]$Text) $global:Calls += $Text }

function Get-Answer {
    param([string]$Name)
    $global:Answers[$Name] | ForEach-Object { if ($_ -is [scriptblock]) { & $_ } else { $_ } }
}

function Get-CsPoolUpgradeReadinessState {
    [CmdletBinding(SupportsShouldProcess = $true)] param([switch]$Force, [switch]$SkipIdleSecondaryVerification)
    Add-Call "Get-CsPoolUpgradeReadinessState $($PSBoundParameters.Keys | Sort-Object)"; , (Get-Answer 'readiness')
}
function Get-CsUpgradeDomainInfo { [CmdletBinding(SupportsShouldProcess = $true)] param($QueryTimeout) Add-Call "Get-CsUpgradeDomainInfo $($PSBoundParameters.Keys | Sort-Object)".TrimEnd(); , (Get-Answer 'readiness') }
function Get-CsPoolFabricState { [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$PoolFqdn, [string]$Type) Add-Call "Get-CsPoolFabricState $PoolFqdn"; Get-Answer 'fabric' }
function Get-CsServerPatchVersion { [CmdletBinding()] param() Get-Answer 'patch' }
function Invoke-CsComputerFailOver {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string]$ComputerName, [timespan]$WaitTime = '01:00:00', [timespan]$DrainingTimeout, [switch]$NoStop, [switch]$Force, [string]$Report, [switch]$SkipFabricHealthCheck)
    if (-not $PSCmdlet.ShouldProcess($ComputerName)) { return }
    $text = "Invoke-CsComputerFailOver $ComputerName $WaitTime"
    foreach ($name in 'DrainingTimeout', 'NoStop', 'Force', 'SkipFabricHealthCheck') { if ($PSBoundParameters.ContainsKey($name)) { $text += " -$name $($PSBoundParameters[$name])" } }
    Add-Call $text
    Write-Verbose 'Moving users.'
    Get-Answer 'failover'
}
function Invoke-CsComputerFailBack {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string]$ComputerName, [timespan]$WaitTime = '01:00:00', [switch]$NoStart, [string]$Report, [switch]$SkipFabricHealthCheck)
    if (-not $PSCmdlet.ShouldProcess($ComputerName)) { return }
    $text = "Invoke-CsComputerFailBack $ComputerName $WaitTime"
    foreach ($name in 'NoStart', 'SkipFabricHealthCheck') { if ($PSBoundParameters.ContainsKey($name)) { $text += " -$name" } }
    Add-Call $text
    Get-Answer 'failback'
}
function Start-CsWindowsService {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string]$Name, [string]$ComputerName, [switch]$NoWait, [switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('services')) { return }
    Add-Call 'Start-CsWindowsService'
    Get-Answer 'start'
}
$common = 'Get-CsPoolFabricState', 'Get-CsServerPatchVersion', 'Invoke-CsComputerFailOver', 'Invoke-CsComputerFailBack', 'Start-CsWindowsService'
if ($env:LYNC_PRODUCT -eq '2015') { Export-ModuleMember -Function ($common + 'Get-CsPoolUpgradeReadinessState') }
else { Export-ModuleMember -Function ($common + 'Get-CsUpgradeDomainInfo') }
