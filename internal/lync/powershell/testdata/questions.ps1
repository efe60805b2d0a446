# The questions: what they answer, in which bytes, and what they refuse.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
$pool = '{"poolFqdn":"pool01.contoso.com"}'
$verbs = 'Get-LyncOpsFacts', 'Get-LyncOpsTopology', 'Get-LyncOpsPoolReadiness', 'Get-LyncOpsPoolFabric', 'Get-LyncOpsDatabase', 'Get-LyncOpsDatabaseMirror', 'Get-LyncOpsLocalDatabase', 'Get-LyncOpsServing', 'Get-LyncOpsReplication', 'Get-LyncOpsPreflight'

# --- facts
$uninstall = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'
$global:Machine.registry = @{
    "$uninstall\{A}" = @{ DisplayName = 'Microsoft Lync Server 2013, Core Components'; DisplayVersion = '5.0.8308.0' }
    "$uninstall\{B}" = @{ DisplayName = 'Microsoft Lync Server 2013, Web Components Server'; DisplayVersion = '5.0.8308.577' }
    "$uninstall\{C}" = @{ DisplayName = 'Microsoft Office'; DisplayVersion = '15' }
    "$uninstall\{D}" = @{ DisplayVersion = '1.0' }
    "$uninstall\{E}" = @{ DisplayName = 'Skype for Business Server 2015, Core Components' }
}
$facts = (Invoke-Ask Get-LyncOpsFacts).result
$global:Line
Test-That 'components by name, nothing else' (@($facts.components | ForEach-Object { $_.name + ' ' + $_.version })) @('Microsoft Lync Server 2013, Core Components 5.0.8308.0', 'Microsoft Lync Server 2013, Web Components Server 5.0.8308.577', 'Skype for Business Server 2015, Core Components ')
Test-That 'services a Lync component installed' (@($facts.services | ForEach-Object { $_.name })) @('FabricHostSvc', 'MSSQL$RTCLOCAL', 'REPLICA', 'RTCRGS', 'RTCSRV', 'W3SVC')
Test-That 'boot time in UTC' ($global:Line -cmatch '"bootTime":"2013-02-18T08:30:00.500Z"') 'True'
Test-That 'names beyond ASCII are escaped' ($global:Line.Contains('R\u00e9ponse')) 'True'
Test-That 'empty lists are lists' ($global:Line.Contains('"baseline":null,"pendingReboot":[]') -and $global:Line.Contains('"jobs":[]')) 'True'
Test-That 'facts never load the Lync module' "$(@(Get-Module Lync).Count)" '0'
foreach ($state in @(@('Start Pending', 'StartPending'), @('Stop Pending', 'StopPending'), @('Continue Pending', 'ContinuePending'), @('Pause Pending', 'PausePending'), @('Paused', 'Paused'))) {
    Set-ServiceState '^RTCSRV$' $state[0]
    Test-That "status $($state[0])" ((Invoke-Ask Get-LyncOpsFacts).result.services | Where-Object { $_.name -eq 'RTCSRV' }).status $state[1]
}
Set-ServiceState '^RTCSRV$' 'Running'
$control = 'SYSTEM\CurrentControlSet\Control'
$global:Machine.registry = @{
    'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending' = @{}
    'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired' = @{}
    "$control\Session Manager" = @{ PendingFileRenameOperations = @('\??\C:\a.dll', '') }
    "$control\ComputerName\ActiveComputerName" = @{ ComputerName = 'OLD' }; "$control\ComputerName\ComputerName" = @{ ComputerName = 'NEW' }
    'SYSTEM\CurrentControlSet\Services\Netlogon' = @{ JoinDomain = 1; AvoidSpnSet = 1 }
}
Test-That 'every reason for a restart' @((Invoke-Ask Get-LyncOpsFacts).result.pendingReboot) @('ComponentBasedServicing', 'WindowsUpdate', 'PendingFileRenameOperations', 'ComputerRename', 'DomainJoin')
$global:Machine.registry = @{ "$control\Session Manager" = @{ PendingFileRenameOperations = @('') } }
Test-That 'an empty rename list is no reason' @((Invoke-Ask Get-LyncOpsFacts).result.pendingReboot).Count '0'
[System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'baseline.json'), '{"services":[{"na')
$broken = Invoke-Ask Get-LyncOpsFacts
Test-Like 'an unreadable baseline is not taken for none' "$($broken.error.code) $($broken.error.message)" '^Internal .*baseline\.json cannot be read'
[System.IO.File]::Delete([System.IO.Path]::Combine($global:Root, 'baseline.json'))

# --- no Lync module on the server
$modules = $env:PSModulePath
$env:PSModulePath = $env:ProgramData
foreach ($verb in 'Get-LyncOpsTopology', 'Get-LyncOpsPoolReadiness', 'Get-LyncOpsPoolFabric', 'Get-LyncOpsDatabaseMirror') { Test-That "$verb without the Lync module" (Invoke-Ask $verb $pool).error.code 'CmdletMissing' }
Test-That 'Get-LyncOpsDatabase without the Lync module' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"","local":true}').error.code 'CmdletMissing'
$env:PSModulePath = $modules

# --- topology
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Identity = 'pool01.contoso.com'; Computers = @('fe02.contoso.com', 'fe01.contoso.com') }
$global:Answers['Get-CsComputer'] = @([pscustomobject]@{ Identity = 'fe01.contoso.com'; Fqdn = 'fe01.contoso.com' }, [pscustomobject]@{ Identity = 'fe02.contoso.com'; Fqdn = 'fe02.contoso.com' }, [pscustomobject]@{ Identity = 'FE01.contoso.com'; Fqdn = 'FE01.contoso.com' })
$global:Answers['Get-CsService UserServer'] = [pscustomobject]@{ Identity = 'UserServer:pool01.contoso.com'; UserDatabase = 'UserDatabase:sql01.contoso.com' }
$global:Answers['Get-CsService UserDatabase'] = [pscustomobject]@{ Identity = 'UserDatabase:sql01.contoso.com'; SqlInstanceName = 'rtc' }
$global:Answers['Get-CsService Registrar'] = [pscustomobject]@{ Identity = 'Registrar:pool01.contoso.com'; BackupRegistrar = 'Registrar:pool02.contoso.com' }
$global:Answers['Get-CsService CentralManagement'] = [pscustomobject]@{ Identity = 'CentralManagement:pool01.contoso.com'; PoolFqdn = 'POOL01.contoso.com'; Active = $true }
$topology = (Invoke-Ask Get-LyncOpsTopology $pool).result
$global:Line
Test-That 'computers in topology order, as reported' @($topology.computers) @('fe01.contoso.com', 'fe02.contoso.com', 'FE01.contoso.com')
Test-That 'the rest of the topology' "$($topology.edition) $($topology.userDatabaseSqlServerFqdn) $($topology.userDatabaseSqlInstance) $($topology.backupPoolFqdn) $($topology.centralManagementOnPool)" 'Enterprise sql01.contoso.com rtc pool02.contoso.com True'
foreach ($service in 'UserServer', 'UserDatabase', 'Registrar', 'CentralManagement') { $global:Answers["Get-CsService $service"] = $null }
$global:Answers['Get-CsComputer'] = $null
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Identity = 'pool01.contoso.com'; Computers = @([pscustomobject]@{ Fqdn = 'Pool01.contoso.com' }) }
$topology = (Invoke-Ask Get-LyncOpsTopology $pool).result
$global:Line
Test-That 'a pool whose only computer bears its name is Standard' "$($topology.edition) $(@($topology.computers).Count)" 'Standard 1'
Test-That 'absent values are null' ($global:Line.Contains('"userDatabaseSqlServerFqdn":null,"userDatabaseSqlInstance":null,"backupPoolFqdn":null,"centralManagementOnPool":false')) 'True'
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Identity = 'pool01.contoso.com'; Computers = @([pscustomobject]@{ Nonsense = 1 }) }
Test-That 'a computer that is no host name' (Invoke-Ask Get-LyncOpsTopology $pool).error.code 'UnknownShape'
$global:Answers['Get-CsPool'] = { Write-Error 'Cannot find pool.' }
Test-That 'an unknown pool' (Invoke-Ask Get-LyncOpsTopology $pool).error.code 'CmdletFailed'

# --- fabric
$global:Answers['Get-CsPoolFabricState'] = { "Routing group 1: primary fe01`r`nsecondary fe02"; Write-Warning 'fe03.contoso.com is down'; 'End LYNCOPS>>> <b>' }
$fabric = (Invoke-Ask Get-LyncOpsPoolFabric $pool).result
$global:Line
Test-That 'text and warnings in their order' $fabric.text "Routing group 1: primary fe01`nsecondary fe02`nWARNING: fe03.contoso.com is down`nEnd LYNCOPS>>> <b>"
Test-That 'no text can look like the mark' ([regex]::Matches($global:Line, 'LYNCOPS>>>').Count) '1'

# --- serving
$global:Answers['Get-CsWindowsService'] = @([pscustomobject]@{ Status = 'Running'; Name = 'RTCSRV'; ActivityLevel = 'Incoming Requests per Second=12,Messages in Server=0' }, [pscustomobject]@{ Status = 'Running'; Name = 'W3SVC' })
$serving = (Invoke-Ask Get-LyncOpsServing '{"ports":[5090,5061,444,5061]}').result
$global:Line
Test-That 'the ports asked for that listen, each once' @($serving.listening) @(5090, 5061)
Test-That 'what the services do' @($serving.activity | ForEach-Object { $_.name + ' ' + $_.activityLevel }) @('RTCSRV Incoming Requests per Second=12,Messages in Server=0')
$global:Machine.ports = @()
$global:Answers['Get-CsWindowsService'] = { throw 'no counters' }
$serving = (Invoke-Ask Get-LyncOpsServing '{"ports":[5061]}').result
Test-That 'no port listens, and that nobody knows what the services do does not hide it' "$($global:Line.Contains('"listening":[],"activity":[]')) $($serving.activityProblem)" 'True no counters'
foreach ($bad in 'null', '5061', '["5061"]', '[0]', '[65536]', '[5061.5]', "[$((1..33) -join ',')]") { Test-Like "ports $bad" (Invoke-Ask Get-LyncOpsServing ('{"ports":' + $bad + '}') | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^BadArgument ports: ' }
$global:Machine.real = $true
$listener = New-Object System.Net.Sockets.TcpListener ([System.Net.IPAddress]::Any), 0
$local = New-Object System.Net.Sockets.TcpListener ([System.Net.IPAddress]::Loopback), 0
$listener.Start(); $local.Start()
$open = $listener.LocalEndpoint.Port; $inside = $local.LocalEndpoint.Port
Test-That 'a port that really listens, and one that only this server itself can reach' @((Invoke-Ask Get-LyncOpsServing ('{"ports":[' + $inside + ',' + $open + ']}')).result.listening) @($open)
$listener.Stop(); $local.Stop()
Test-That 'and no longer' @((Invoke-Ask Get-LyncOpsServing ('{"ports":[' + $open + ']}')).result.listening).Count '0'
$global:Machine.real = $false

# --- replication
$global:Answers['Get-CsManagementStoreReplicationStatus'] = @([pscustomobject]@{ UpToDate = $true; ReplicaFqdn = 'fe01.contoso.com'; ProductVersion = '5.0.8308.0' }, [pscustomobject]@{ UpToDate = $false; ReplicaFqdn = 'edge01.fabrikam.com'; ProductVersion = '' })
Test-That 'every replica, and whether it is up to date' @((Invoke-Ask Get-LyncOpsReplication).result.replicas | ForEach-Object { "$($_.replicaFqdn) $($_.upToDate)" }) @('fe01.contoso.com True', 'edge01.fabrikam.com False')
$global:Line
$global:Answers['Get-CsManagementStoreReplicationStatus'] = $null
Test-That 'no replica is an empty list' ($(Invoke-Ask Get-LyncOpsReplication | Out-Null; $global:Line).Contains('"replicas":[]')) 'True'
$global:Answers['Get-CsManagementStoreReplicationStatus'] = [pscustomobject]@{ UpToDate = 'perhaps'; ReplicaFqdn = 'fe01.contoso.com' }
Test-That 'a row that nobody can read' (Invoke-Ask Get-LyncOpsReplication).error.code 'UnknownShape'

# --- databases
function New-Row { param($Name, $Expected, $Installed, $Mirror = '') [pscustomobject]@{ DatabaseName = $Name; SqlServerFqdn = 'sql01.contoso.com'; SqlInstanceName = 'rtc'; ExpectedVersion = $Expected; InstalledVersion = $Installed; Succeed = $true; MirrorSqlServerFqdn = $Mirror } }
$global:Answers['Test-CsDatabase'] = { New-Row 'rtcxds' '15.13.22' '15.13.22'; Write-Warning 'Cannot read the version.'; New-Row 'lcscdr' ([version]'39.85.2') $null 'sql02.contoso.com' }
$database = (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"sql01.contoso.com","local":false}').result
$global:Line
Test-That 'rows, an empty version for an unknown one' @($database.databases | ForEach-Object { "$($_.databaseName) $($_.expectedVersion) '$($_.installedVersion)' $($_.succeed)" }) @("rtcxds 15.13.22 '15.13.22' True", "lcscdr 39.85.2 '' True")
Test-That 'collocated, mirrored, warnings' "$(@($database.collocatedStores)) $($database.mirrored) $(@($database.warnings))" 'LcsCDR True Cannot read the version.'
$global:Answers['Test-CsDatabase'] = $null
Test-That 'no rows are empty lists' ($null -ne (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"","local":true}') -and $global:Line.Contains('{"databases":[],"collocatedStores":[],"mirrored":false,"warnings":[]}')) 'True'
Test-That 'the two published calls' @($global:Calls | Where-Object { $_ -like 'Test-CsDatabase*' }) @('Test-CsDatabase ByConfigured sql01.contoso.com', 'Test-CsDatabase ByLocal ')
$global:Answers['Test-CsDatabase'] = [pscustomobject]@{ Other = 1 }
Test-That 'a row without a name' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"","local":true}').error.code 'UnknownShape'

# --- the central management store: only the rows of the server that is meant
$global:Answers['Test-CsDatabase'] = @((New-Row 'xds' '10.13.2' '10.13.1'), [pscustomobject]@{ DatabaseName = 'lis'; SqlServerFqdn = 'sql09.contoso.com'; ExpectedVersion = '1'; InstalledVersion = '1' })
$database = (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"SQL01.contoso.com","local":false,"centralManagement":true}').result
Test-That 'the central management store of one server' @($database.databases | ForEach-Object { "$($_.databaseName) $($_.installedVersion)" }) @('xds 10.13.1')
Test-That 'is asked by its own switch' $global:Calls[-1] 'Test-CsDatabase ByCMS '
Test-Like 'it is not local' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"","local":true,"centralManagement":true}' | ForEach-Object { $_.error.message }) '^centralManagement: '
Test-Like 'it is true or false' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"sql01.contoso.com","local":false,"centralManagement":1}' | ForEach-Object { $_.error.message }) '^centralManagement: '

# --- mirrors
$global:Answers['Get-CsDatabaseMirrorState'] = @([pscustomobject]@{ DatabaseName = 'rtcxds'; StateOnPrimary = 'Principal'; StateOnMirror = 'Mirror'; MirroringStatusOnPrimary = 'synchronized'; MirroringStatusOnSecondary = 'synchronizing' },
    [pscustomobject]@{ DatabaseName = 'rgsdyn'; StateOnPrimary = 'DatabaseInaccessibleOrMirroringNotEnabled'; StateOnMirror = 'DatabaseInaccessibleOrMirroringNotEnabled'; MirroringStatusOnPrimary = ''; MirroringStatusOnSecondary = $null })
$mirrors = (Invoke-Ask Get-LyncOpsDatabaseMirror $pool).result
$global:Line
Test-That 'roles and states as the cmdlet gives them' @($mirrors.databases | ForEach-Object { "$($_.databaseName) $($_.stateOnPrimary) $($_.stateOnMirror) '$($_.statusOnPrimary)' '$($_.statusOnMirror)'" }) @("rtcxds Principal Mirror 'synchronized' 'synchronizing'", "rgsdyn DatabaseInaccessibleOrMirroringNotEnabled DatabaseInaccessibleOrMirroringNotEnabled '' ''")
Test-That 'all types at once' $global:Calls[-1] 'Get-CsDatabaseMirrorState pool01.contoso.com '
$global:Answers['Get-CsDatabaseMirrorState'] = $null
Test-That 'no rows is an empty list' ($null -ne (Invoke-Ask Get-LyncOpsDatabaseMirror $pool) -and $global:Line.Contains('"databases":[]')) 'True'
$global:Answers['Get-CsDatabaseMirrorState'] = [pscustomobject]@{ State = 'Principal' }
Test-That 'a mirror without a database' (Invoke-Ask Get-LyncOpsDatabaseMirror $pool).error.code 'UnknownShape'

# --- local databases
$global:Machine.databases = @{ RTCLOCAL = @(@('rtc', 'ONLINE', 'SINGLE_USER'), @('rtcdyn', 'OFFLINE', 'MULTI_USER')) }
$global:Calls = @()
$local = (Invoke-Ask Get-LyncOpsLocalDatabase).result
$global:Line
Test-That 'local databases and their states' @($local.databases | ForEach-Object { "$($_.instanceName) $($_.databaseName) $($_.state) $($_.userAccess)" }) @('RTCLOCAL rtc ONLINE SINGLE_USER', 'RTCLOCAL rtcdyn OFFLINE MULTI_USER')
Test-That 'no Lync cmdlet is needed' $global:Calls.Count '0'
$global:Machine.databases = @{}
Test-That 'an instance that cannot be asked is a problem, not an answer' @((Invoke-Ask Get-LyncOpsLocalDatabase).result.problems | ForEach-Object { "$($_.instanceName): $($_.message)" }) @('RTCLOCAL: Login failed for user.')

# --- preflight
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Identity = 'pool01.contoso.com' }
$global:Answers['Get-CsManagementStoreReplicationStatus'] = @([pscustomobject]@{ UpToDate = $true; ReplicaFqdn = 'fe01.contoso.com' }, [pscustomobject]@{ UpToDate = $false; ReplicaFqdn = 'fe02.contoso.com' })
$checks = (Invoke-Ask Get-LyncOpsPreflight $pool).result.checks
$global:Line
Test-That 'only what is wrong is not ok' @($checks | Where-Object { -not $_.ok } | ForEach-Object { $_.name + ': ' + $_.found }) @('ReplicationUpToDate: not up to date: fe02.contoso.com')
$global:Answers['Get-CsPool'] = { throw 'Cannot open database.' }
Test-That 'a failing cmdlet is a failed check' (@((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks | Where-Object { $_.name -eq 'PoolKnown' })[0].found) 'Cannot open database.'
$global:Machine.quotas['MaxMemoryPerShellMB'] = [long]150
$global:Machine.quotas['MaxShellsPerUser'] = [long]0
$global:Machine.policy = 'Restricted, set by nobody'
function Get-Found { param([string]$Name) $check = @((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks | Where-Object { $_.name -eq $Name })[0]; "$($check.ok) $($check.found)" }
Test-That 'a quota of Windows Server 2008 R2 is too small, none is enough' (Get-Found 'WinRMQuotas') 'False too small: MaxMemoryPerShellMB 150, needed 512'
Test-That 'a policy that runs no script' (Get-Found 'ExecutionPolicy') 'False Restricted, set by nobody'
$global:Machine.quotas = @{}
Test-That 'quotas that cannot be read are not taken for enough' (Get-Found 'WinRMQuotas') 'False the WSMan: drive shows no quota'

# --- preflight: may the account of the jobs log on as a batch job?
function Get-BatchRight {
    param([string]$Account = 'CONTOSO\\svc-jobs')
    $check = @((Invoke-Ask Get-LyncOpsPreflight ('{"poolFqdn":"pool01.contoso.com","jobAccount":"' + $Account + '"}')).result.checks | Where-Object { $_.name -eq 'BatchLogonRight' })[0]
    "$($check.ok) $($check.found)"
}
$rights = $global:Machine.rights
Test-That 'nobody is asked about who is not named' @((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks | Where-Object { $_.name -eq 'BatchLogonRight' }).Count '0'
Test-That 'the right of a group' (Get-BatchRight) 'True granted to BUILTIN\Administrators'
Test-That 'the files of secedit.exe do not stay' @([System.IO.Directory]::GetFiles($global:Root)).Count '0'
$global:Machine.rights = $rights.Replace('*S-1-5-32-544', 'CONTOSO\svc-jobs')
Test-That 'the right of the account itself, by its name' (Get-BatchRight) 'True granted to CONTOSO\svc-jobs'
$global:Machine.rights = $rights + "SeDenyBatchLogonRight = Guest, *S-1-5-21-1-513`r`n"
Test-That 'what is denied to a group' (Get-BatchRight) 'False denied to S-1-5-21-1-513'
$global:Machine.rights = $rights.Replace('*S-1-5-32-544,', '')
Test-That 'a policy that names others' (Get-BatchRight) 'False granted to BUILTIN\Backup Operators, Guest, and CONTOSO\svc-jobs is none of them'
$global:Machine.rights = $rights.Replace('SeBatchLogonRight', 'SeOtherRight')
Test-That 'a right that nobody has' (Get-BatchRight) 'False granted to nobody, and CONTOSO\svc-jobs is none of them'
$global:Machine.groupsOf = @{}
$global:Machine.rights = $rights
Test-That 'without groups what a group has is not known' (Get-BatchRight) 'False not known: granted to BUILTIN\Administrators, BUILTIN\Backup Operators, Guest, and the groups of CONTOSO\svc-jobs cannot be read: The user name or password is incorrect.'
$global:Machine.rights = $rights.Replace('*S-1-5-32-544', '*S-1-5-21-1-1104')
Test-That 'without groups what the account itself has is enough' (Get-BatchRight) 'True granted to CONTOSO\svc-jobs'
$global:Machine.rights += "SeDenyBatchLogonRight = *S-1-5-21-1-1105`r`n"
Test-That 'unless somebody is denied it' (Get-BatchRight) 'False not known: the right is denied to some, and the groups of CONTOSO\svc-jobs cannot be read: The user name or password is incorrect.'
Test-Like 'an account that nobody knows' (Get-BatchRight 'CONTOSO\\nobody') '^False not known: CONTOSO\\nobody has no SID'
$global:Machine.rights = 'nothing'
Test-That 'an export without user rights' (Get-BatchRight) 'False not known: secedit.exe exported no user rights'
$global:Machine.secedit = 5
Test-That 'secedit.exe without the rights' (Get-BatchRight) 'False not known: secedit.exe ended with exit code 5'
$global:Machine.secedit = -1
Test-That 'a server without secedit.exe' (Get-BatchRight) "False not known: The term 'secedit.exe' is not recognized."
$global:Machine.secedit = 0
Test-Like 'an account that is none' (Invoke-Ask Get-LyncOpsPreflight '{"poolFqdn":"pool01.contoso.com","jobAccount":"a;b"}').error.message '^jobAccount: '

# --- preflight outside the domain: the central management store is out of reach
$global:Answers['Get-CsPool'] = { throw 'Cannot open database.' }
$global:Answers['Get-CsManagementStoreReplicationStatus'] = { throw 'Cannot open database.' }
$global:Answers['Get-CsComputer'] = [pscustomobject]@{ Identity = 'edge1.contoso.com' }
$outside = '{"poolFqdn":"edge.contoso.com","outsideDomain":true}'
Test-That 'outside the domain the local topology is enough' @((Invoke-Ask Get-LyncOpsPreflight $outside).result.checks)[-1].found 'edge.contoso.com'
$global:Answers['Get-CsComputer'] = @()
Test-That 'outside the domain the pool must be in it' @((Invoke-Ask Get-LyncOpsPreflight $outside).result.checks)[-1].found 'the topology on this server names no computer of the pool'
$global:Answers.Remove('Get-CsComputer')

# --- while an installer of ours runs, nothing loads the Lync module
[void][System.IO.Directory]::CreateDirectory([System.IO.Path]::Combine($global:Root, 'jobs', 'install-1'))
[System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'jobs', 'install-1', 'state.json'), '{"id":"install-1","action":"Install","state":"Running","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1,"processId":' + $PID + ',"processStart":"2013-02-19T09:29:59.123456Z"}')
foreach ($verb in 'Get-LyncOpsTopology', 'Get-LyncOpsPoolReadiness', 'Get-LyncOpsPoolFabric', 'Get-LyncOpsDatabaseMirror', 'Get-LyncOpsReplication') {
    $refused = Invoke-Ask $verb $(if ($verb -eq 'Get-LyncOpsReplication') { '{}' } else { $pool })
    Test-That "$verb beside an installer" "$($refused.error.code) $($refused.error.detail)" 'JobConflict install-1'
}
$global:Machine.ports = @([long]5061)
$serving = (Invoke-Ask Get-LyncOpsServing '{"ports":[5061]}').result
Test-Like 'beside an installer the ports are told, and what the services do is not asked' "$($serving.listening) $($serving.activityProblem)" '^5061 The job install-1 runs an installer'
$global:Calls = @()
$checks = @((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks)
Test-That 'preflight beside an installer calls no Lync cmdlet' "$($checks[-1].name) $($checks[-1].ok) $($global:Calls.Count)" 'LyncModule False 0'
Test-That 'facts beside an installer' @((Invoke-Ask Get-LyncOpsFacts).result.jobs)[0].state 'Running'
[System.IO.Directory]::Delete([System.IO.Path]::Combine($global:Root, 'jobs'), $true)

# --- arguments
foreach ($verb in $verbs + 'Start-LyncOpsJob', 'Clear-LyncOpsJobs') {
    foreach ($bad in '', '   ', '!!!', 'QUI', '/w==', 'e30') { Test-Like "$verb with the argument '$bad'" (Invoke-Line $verb $bad | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^BadArgument argument: ' }
    foreach ($bad in '[]', '"x"', 'null', '1', '{', '{"a":1,"a":2}', '{"a":1}x', "{'a':1}", '{"a":tru}', '{"a":01}', '{"a":"\x"}', '{"a":"\u12"}') { Test-Like "$verb with $bad" (Invoke-Ask $verb $bad | ForEach-Object { $_.error.message }) '^argument: ' }
    Test-Like "$verb with an unknown field" (Invoke-Ask $verb '{"nonsense":1}' | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^BadArgument nonsense: '
    Test-Like "$verb with a field named like a property of the object" (Invoke-Ask $verb '{"Keys":[]}' | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^BadArgument Keys: '
}
$deep = '{"a":' * 500 + '1' + '}' * 500
Test-Like 'an argument nested too deep' (Invoke-Ask Get-LyncOpsFacts $deep | ForEach-Object { $_.error.message }) '^argument: '
foreach ($bad in '""', 'null', '7', '["a"]', '"a b"', '"a;b"', '"pool01.contoso.com\n"', '"-a"', '"a..b"', '"$(x)"', '"''"') {
    foreach ($verb in 'Get-LyncOpsTopology', 'Get-LyncOpsPoolReadiness', 'Get-LyncOpsPoolFabric', 'Get-LyncOpsDatabaseMirror', 'Get-LyncOpsPreflight') {
        Test-Like "$verb of the pool $bad" (Invoke-Ask $verb ('{"poolFqdn":' + $bad + '}') | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^BadArgument poolFqdn: '
    }
}
Test-Like 'a database question that does not say where' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"sql01.contoso.com"}' | ForEach-Object { $_.error.message }) '^local: '
Test-Like 'a remote database question without a server' (Invoke-Ask Get-LyncOpsDatabase '{"sqlServerFqdn":"","local":false}' | ForEach-Object { $_.error.message }) '^sqlServerFqdn: '

# --- a server that does not answer
function global:Get-WmiObject { [CmdletBinding()] param([string]$Class, [string]$Filter) throw 'The RPC server is unavailable.' }
$dead = Invoke-Ask Get-LyncOpsFacts
Test-That 'a failing WMI' "$($dead.error.code) $($dead.error.message)" 'Internal The RPC server is unavailable.'
[System.Console]::Out.WriteLine('done')
