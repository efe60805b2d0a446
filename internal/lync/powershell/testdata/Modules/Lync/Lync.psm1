# Stands in for the Lync module: the published parameters, no effects but those written to $global:Calls and, for the command
# that runs in a runspace of its own, to the file $env:LYNC_CALLS.

function Add-Call { param([string]$Text) $global:Calls += $Text }

function Get-Answer {
    param([string]$Name)
    $global:Answers[$Name] | ForEach-Object { if ($_ -is [scriptblock]) { & $_ } else { $_ } }
}

function Get-CsPool { [CmdletBinding()] param([Parameter(Position = 0)][string]$Identity, [string]$Filter, [switch]$LocalStore) Add-Call "Get-CsPool $Identity"; Get-Answer 'Get-CsPool' }
function Get-CsComputer { [CmdletBinding()] param([Parameter(Position = 0)][string]$Identity, [string]$Pool, [switch]$Local, [switch]$LocalStore) Add-Call "Get-CsComputer $Pool"; Get-Answer 'Get-CsComputer' }
function Get-CsService {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$Identity, [string]$PoolFqdn, [switch]$UserServer, [switch]$UserDatabase, [switch]$Registrar, [switch]$CentralManagement, [switch]$EdgeServer, [switch]$LocalStore)
    foreach ($role in 'UserServer', 'UserDatabase', 'Registrar', 'CentralManagement', 'EdgeServer') { if ($PSBoundParameters.ContainsKey($role)) { Get-Answer "Get-CsService $role" } }
}
function Get-CsPoolUpgradeReadinessState { [CmdletBinding(SupportsShouldProcess = $true)] param([switch]$Force) Add-Call 'Get-CsPoolUpgradeReadinessState'; , (Get-Answer 'Get-CsPoolUpgradeReadinessState') }
function Get-CsPoolFabricState { [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$PoolFqdn, [string]$Type) Get-Answer 'Get-CsPoolFabricState' }
function Get-CsWindowsService { [CmdletBinding()] param([Parameter(Position = 0)][string]$Name, [string]$ComputerName, [switch]$ExcludeActivityLevel, [string]$Report) Get-Answer 'Get-CsWindowsService' }
function Get-CsManagementStoreReplicationStatus {
    [CmdletBinding()] param([string]$ReplicaFqdn, [switch]$CentralManagementStoreStatus)
    if ($CentralManagementStoreStatus) { Get-Answer 'Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus' } else { Get-Answer 'Get-CsManagementStoreReplicationStatus' }
}
function Get-CsRegistrarConfiguration {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$Identity, [string]$Filter, [switch]$LocalStore)
    if ($LocalStore) { Get-Answer 'Get-CsRegistrarConfiguration' } else { Add-Call 'Get-CsRegistrarConfiguration'; Get-Answer 'Get-CsRegistrarConfiguration central' }
}
function Get-CsBackupServiceStatus { [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$PoolFqdn, [string]$Category) Get-Answer "Get-CsBackupServiceStatus $PoolFqdn" }
function Invoke-CsManagementServerFailover {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High', DefaultParameterSetName = 'Planned')]
    param([Parameter(Mandatory = $true, ParameterSetName = 'Disaster')][string]$BackupSqlServerFqdn, [Parameter(ParameterSetName = 'Disaster')][string]$BackupSqlInstanceName,
        [Parameter(Mandatory = $true, ParameterSetName = 'Disaster')][switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('central management')) { return }
    Add-Call "Invoke-CsManagementServerFailover $($PSCmdlet.ParameterSetName)"; Get-Answer 'Invoke-CsManagementServerFailover'
}
function Invoke-CsPoolFailOver {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Mandatory = $true, Position = 0)][string]$PoolFqdn, [switch]$DisasterMode, [switch]$FlushStorageService, [timespan]$WaitTime, [switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('users')) { return }
    Write-Verbose 'Moving users.'
    Add-Call ("Invoke-CsPoolFailOver " + (($PSBoundParameters.Keys | Where-Object { 'DisasterMode', 'Force', 'WaitTime', 'FlushStorageService' -contains $_ }) -join ',') + $PoolFqdn); Get-Answer 'Invoke-CsPoolFailOver'
}
function Invoke-CsPoolFailBack {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Mandatory = $true, Position = 0)][string]$PoolFqdn, [switch]$DisasterMode, [timespan]$WaitTime, [switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('users')) { return }
    Add-Call ("Invoke-CsPoolFailBack " + (($PSBoundParameters.Keys | Where-Object { 'DisasterMode', 'Force', 'WaitTime' -contains $_ }) -join ',') + $PoolFqdn); Get-Answer 'Invoke-CsPoolFailBack'
}
function Test-CsDatabase {
    [CmdletBinding(DefaultParameterSetName = 'ByConfigured')]
    param([Parameter(ParameterSetName = 'ByConfigured')][switch]$ConfiguredDatabases, [Parameter(ParameterSetName = 'ByConfigured')][string]$SqlServerFqdn, [Parameter(ParameterSetName = 'ByLocal')][switch]$LocalService,
        [Parameter(ParameterSetName = 'ByCMS')][switch]$CentralManagementDatabase)
    Add-Call "Test-CsDatabase $($PSCmdlet.ParameterSetName) $SqlServerFqdn"; Get-Answer 'Test-CsDatabase'
}
function Get-CsDatabaseMirrorState {
    [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$PoolFqdn, [string]$DatabaseType, [switch]$LocalStore)
    Add-Call "Get-CsDatabaseMirrorState $PoolFqdn $DatabaseType"; Get-Answer 'Get-CsDatabaseMirrorState'
}
function Stop-CsWindowsService {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string]$Name, [string]$ComputerName, [switch]$Graceful, [switch]$NoWait, [switch]$Force, [string]$Report, [switch]$LeaveClsAgentRunning, [switch]$LeaveWebServerRunning)
    if (-not $PSCmdlet.ShouldProcess('services')) { return }
    Write-Verbose 'Stopping services.'
    $text = 'Stop-CsWindowsService'
    if ($Graceful) { $text += ' -Graceful' }
    if ($NoWait) { $text += ' -NoWait' }
    Add-Call $text
    Get-Answer $(if ($Graceful) { 'graceful' } else { 'stop' })
}
function Start-CsWindowsService {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string]$Name, [string]$ComputerName, [switch]$NoWait, [switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('services')) { return }
    Add-Call $(if ($NoWait) { 'Start-CsWindowsService -NoWait' } else { 'Start-CsWindowsService' })
    Get-Answer 'start'
}
function Install-CsDatabase {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(ParameterSetName = 'ByConfigured')][switch]$ConfiguredDatabases, [Parameter(ParameterSetName = 'ByConfigured')][Parameter(ParameterSetName = 'ByCMS')][string]$SqlServerFqdn,
        [Parameter(ParameterSetName = 'ByCMS')][switch]$CentralManagementDatabase, [Parameter(ParameterSetName = 'ByCMS')][string]$SqlInstanceName,
        [Parameter(ParameterSetName = 'ByConfigured')][switch]$ExcludeCollocatedStores, [Parameter(ParameterSetName = 'ByLocal')][switch]$LocalDatabases, [switch]$Update, [switch]$Force)
    if (-not $PSCmdlet.ShouldProcess('databases')) { return }
    $text = 'Install-CsDatabase'
    foreach ($name in 'Update', 'ConfiguredDatabases', 'CentralManagementDatabase', 'SqlServerFqdn', 'SqlInstanceName', 'ExcludeCollocatedStores', 'LocalDatabases') {
        if ($PSBoundParameters.ContainsKey($name)) { $text += ' -' + $name; if ($name -like 'Sql*') { $text += ' ' + $PSBoundParameters[$name] } }
    }
    [System.IO.File]::AppendAllText($env:LYNC_CALLS, $text + "`n")
    Write-Verbose 'Updating databases.'
    Write-Warning 'Collocated stores were found.'
    if ($env:LYNC_DATABASE -eq 'fail') { Write-Error -Message 'Login failed for user.' -ErrorId 'SqlConnection' -Category ConnectionError }
    # A mistake of a part of the cmdlet that the cmdlet itself does not stop at.
    if ($env:LYNC_DATABASE -eq 'complain') { Write-Error -Message 'Something is not as it should be.' -ErrorAction Continue }
    if ($env:LYNC_DATABASE -eq 'hang') { Start-Sleep -Seconds 600 }
}
Export-ModuleMember -Function *-Cs*
