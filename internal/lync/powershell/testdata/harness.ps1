# A pretended Windows server for the tests: services, processes, tasks, registry and clock live in $global:Machine. The script
# that dot-sources this file writes one line per expectation, "ok NAME" or "FAIL NAME: WHY", and "done" at its end.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$env:ProgramData = $env:LYNCOPS_TEST_FOLDER
$env:PSModulePath = [System.IO.Path]::Combine($PSScriptRoot, 'Modules') + [System.IO.Path]::PathSeparator + $env:PSModulePath
$env:LYNC_CALLS = [System.IO.Path]::Combine($env:ProgramData, 'calls.txt')
$global:Calls = @()
$global:Answers = @{}
$global:Root = [System.IO.Path]::Combine($env:ProgramData, 'LyncOps')
Import-Module -Name $env:LYNCOPS_MODULE -DisableNameChecking
$global:LyncOps = Get-Module -Name LyncOps

function global:Reset-Machine {
    if ([System.IO.Directory]::Exists($global:Root)) { [System.IO.Directory]::Delete($global:Root, $true) }
    [void][System.IO.Directory]::CreateDirectory($global:Root)
    [System.IO.File]::WriteAllText($env:LYNC_CALLS, '')
    $global:Calls = @()
    $global:Answers = @{}
    $global:Machine = @{
        now = [datetime]::SpecifyKind([datetime]'2013-02-19T10:30:00', 'Utc'); uptime = [long]90000; boot = '20130218093000.500000+060'
        services = @(
            @{ Name = 'RTCSRV'; DisplayName = 'Lync Server Front-End'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'REPLICA'; DisplayName = 'Lync Server Replica'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'RTCRGS'; DisplayName = ('R' + [char]0xe9 + 'ponse'); State = 'Stopped'; StartMode = 'Manual' }
            @{ Name = 'FabricHostSvc'; DisplayName = 'Windows Fabric'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'W3SVC'; DisplayName = 'World Wide Web Publishing'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'MSSQL$RTCLOCAL'; DisplayName = 'SQL Server (RTCLOCAL)'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'Spooler'; DisplayName = 'Print Spooler'; State = 'Running'; StartMode = 'Auto' }
            @{ Name = 'MSSQL$RTCX'; DisplayName = 'SQL Server (RTCX)'; State = 'Running'; StartMode = 'Auto' })
        processes = @{}; tasks = @{}; registered = @(); ran = @(); events = @(); registry = @{}; registerFails = $null; lastId = 0; diskFull = 0; shutdown = 0; real = $false; tick = 0; policy = 'RemoteSigned, set by Process'
        rights = "[Unicode]`r`nUnicode=yes`r`n[Privilege Rights]`r`nSeNetworkLogonRight = *S-1-1-0`r`nSeBatchLogonRight = *S-1-5-32-544,*S-1-5-32-551,Guest`r`n"; secedit = 0
        accounts = @{ 'CONTOSO\svc-jobs' = 'S-1-5-21-1-1104'; 'BUILTIN\Administrators' = 'S-1-5-32-544'; 'BUILTIN\Backup Operators' = 'S-1-5-32-551'; 'CONTOSO\Nobody in batch' = 'S-1-5-21-1-1105' }
        groupsOf = @{ 'CONTOSO\svc-jobs' = @('S-1-5-21-1-513', 'S-1-5-32-544') }
        ports = @([long]443, [long]5061, [long]5061, [long]5090); resumes = $true
        quotas = [ordered]@{ MaxEnvelopeSizekb = [long]500; MaxConcurrentOperationsPerUser = [long]1500; MaxConcurrentUsers = [long]10; MaxShellsPerUser = [long]30; MaxProcessesPerShell = [long]25; MaxMemoryPerShellMB = [long]1024 }
    }
    $global:Machine.processes[[long]$PID] = @{ name = 'powershell.exe'; created = '20130219102959.123456+060' }
}

function global:Set-ServiceState { param([string]$Pattern, [string]$State) foreach ($service in $global:Machine.services) { if ($service.Name -match $Pattern) { $service.State = $State } } }
function global:Get-ServiceState { param([string]$Name) ($global:Machine.services | Where-Object { $_.Name -eq $Name }).State }

# The real command's parameters, so that a wrong name is caught.
function global:Get-WmiObject {
    [CmdletBinding()] param([Parameter(Mandatory = $true)][string]$Class, [string]$Filter, [string[]]$Property, [string]$Namespace, [string]$ComputerName)
    switch ($Class) {
        'Win32_Service' { foreach ($service in $global:Machine.services) { [pscustomobject]@{ Name = $service.Name; DisplayName = $service.DisplayName; State = $service.State; StartMode = $service.StartMode } } }
        'Win32_OperatingSystem' { [pscustomobject]@{ Version = '6.2.9200'; LastBootUpTime = $global:Machine.boot } }
        'Win32_Process' {
            # A program that a test really started is a process of this server too.
            if ($Filter -match '^ProcessId = (\d+)$' -and -not $global:Machine.processes.ContainsKey([long]$Matches[1]) -and $global:Machine.real) {
                [pscustomobject]@{ ProcessId = [long]$Matches[1]; Name = 'real'; CreationDate = '20130219103001.000000+000' }
            }
            foreach ($id in @($global:Machine.processes.Keys)) {
                if ($Filter -match '^ProcessId = (\d+)$' -and [long]$Matches[1] -ne $id) { continue }
                if ($Filter -match '^ParentProcessId = (\d+)$' -and [long]$Matches[1] -ne $global:Machine.processes[$id]['parent']) { continue }
                [pscustomobject]@{ ProcessId = $id; Name = $global:Machine.processes[$id].name; CreationDate = $global:Machine.processes[$id].created }
            }
        }
        default { throw "Invalid class $Class" }
    }
}

# What only Windows has, one small function of the module at a time.
& $global:LyncOps {
    function script:Get-RegistryKeyNames { param($Path) foreach ($key in @($global:Machine.registry.Keys)) { if ($key.StartsWith($Path + '\')) { $key.Substring($Path.Length + 1) } } }
    function script:Get-RegistryValue { param($Path, $Name) if ($global:Machine.registry.ContainsKey($Path)) { return , $global:Machine.registry[$Path][$Name] }; return $null }
    function script:Test-RegistryKey { param($Path) return $global:Machine.registry.ContainsKey($Path) }
    function script:Get-UtcNow { return $global:Machine.now }
    function script:Get-UptimeSeconds { $global:Machine.uptime += $global:Machine.tick; return $global:Machine.uptime }
    function script:Wait-Seconds {
        param($Seconds)
        $global:Machine.now = $global:Machine.now.AddSeconds($Seconds); $global:Machine.uptime += $Seconds
        foreach ($event in @($global:Machine.events)) { if ($global:Machine.uptime -ge $event.at) { & $event.then; $global:Machine.events = @($global:Machine.events | Where-Object { $_ -ne $event }) } }
    }
    function script:Register-JobTask {
        param($Id, $Xml, $Kind, $UserName)
        if ($null -ne $global:Machine.registerFails) { throw ($global:Machine.registerFails + $script:Password) }
        $global:Machine.tasks[$Id] = 'Ready'
        $global:Machine.registered += , @{ id = $Id; xml = $Xml; kind = $Kind; userName = $UserName; password = $script:Password }
    }
    function script:Start-JobTask { param($Id) $global:Machine.tasks[$Id] = 'Running'; $global:Machine.ran += $Id }
    function script:Get-JobTaskState { param($Id) if ($global:Machine.tasks.ContainsKey($Id)) { return $global:Machine.tasks[$Id] }; return 'Missing' }
    function script:Remove-JobTask { param($Id) $global:Machine.tasks.Remove($Id) }
    function script:Export-UserRight {
        param($Path, $Log)
        if ($global:Machine.secedit -lt 0) { throw "The term 'secedit.exe' is not recognized." }
        if ($global:Machine.secedit -eq 0) { [System.IO.File]::WriteAllText($Path, $global:Machine.rights, [System.Text.Encoding]::Unicode); [System.IO.File]::WriteAllText($Log, 'done') }
        return $global:Machine.secedit
    }
    function script:Get-AccountSid { param($Name) if (-not $global:Machine.accounts.ContainsKey($Name)) { throw 'Some or all identity references could not be translated.' }; return $global:Machine.accounts[$Name] }
    function script:Get-AccountName { param($Sid) foreach ($name in $global:Machine.accounts.Keys) { if ($global:Machine.accounts[$name] -eq $Sid) { return $name } }; return $Sid }
    function script:Get-AccountGroupSid { param($Name) if (-not $global:Machine.groupsOf.ContainsKey($Name)) { throw 'The user name or password is incorrect.' }; return $global:Machine.groupsOf[$Name] }
    function script:Test-Administrator { return $true }
    function script:Read-LocalDatabase {
        param($Instance)
        if (-not $global:Machine.databases.ContainsKey($Instance)) { throw 'Login failed for user.' }
        foreach ($row in $global:Machine.databases[$Instance]) { [ordered]@{ instanceName = $Instance; databaseName = $row[0]; state = $row[1]; userAccess = $row[2] } }
    }
    function script:Get-FreeDiskBytes { return [long]53687091200 }
    function script:Get-WinRMQuota { return $global:Machine.quotas }
    function script:Get-PolicyInForce { return $global:Machine.policy }
    function script:Get-ComputerFqdn { return 'fe01.contoso.com' }
    function script:Start-WindowsService { param($Name) $global:Calls += "start $Name"; Set-ServiceState "^$Name$" 'Running' }
    function script:Stop-WindowsService { param($Name) $global:Calls += "stop $Name"; Set-ServiceState "^$Name$" 'Stopped' }
    function script:Resume-WindowsService { param($Name) $global:Calls += "resume $Name"; if ($global:Machine.resumes) { Set-ServiceState "^$Name$" 'Running' } else { throw 'it does not take controls' } }
    $script:RealListeningPort = ${function:Get-ListeningPort}
    function script:Get-ListeningPort { if ($global:Machine.real) { & $script:RealListeningPort } else { $global:Machine.ports } }
    function script:Set-WindowsServiceStartType { param($Name, $StartType) $global:Calls += "type $Name $StartType"; foreach ($service in $global:Machine.services) { if ($service.Name -eq $Name) { $service.StartMode = $StartType.Replace('Automatic', 'Auto') } } }
    function script:Invoke-Shutdown { param($DelaySeconds) $global:Calls += "shutdown $DelaySeconds"; return $global:Machine.shutdown }
    $script:RealWriteNewFile = ${function:Write-NewFile}
    function script:Write-NewFile {
        param($Path, $Text)
        if ($global:Machine.diskFull -gt 0) { $global:Machine.diskFull--; throw (New-Object System.IO.IOException 'There is not enough space on the disk.') }
        & $script:RealWriteNewFile $Path $Text
    }
}

# Asks as the operator does and gives the answer as an object; the line itself stays in $global:Line.
function global:Invoke-Line {
    param([string]$Verb, [string]$Base64, [switch]$FromInput)
    $out = [System.Console]::Out
    $in = [System.Console]::In
    $writer = New-Object System.IO.StringWriter
    [System.Console]::SetOut($writer)
    try {
        if ($FromInput) {
            # Lines of at most 1024 characters, as they travel.
            [System.Console]::SetIn((New-Object System.IO.StringReader ([regex]::Replace($Base64, '.{1,1024}', "`$0`r`n"))))
            $stray = @(& $Verb -ArgumentFromInput)
        }
        else { $stray = @(& $Verb -Argument $Base64) }
    }
    finally { [System.Console]::SetOut($out); [System.Console]::SetIn($in) }
    $global:Line = $writer.ToString().TrimEnd()
    if ($stray.Count -gt 0) { throw "$Verb wrote to the pipeline: $stray" }
    if ($global:Line -cnotmatch '^<<<LYNCOPS ([\x20-\x7e]*) LYNCOPS>>>$') { throw "$Verb did not write one marked ASCII line: $global:Line" }
    return $Matches[1] | ConvertFrom-Json
}
function global:Invoke-Ask { param([string]$Verb, [string]$Json = '{}') return Invoke-Line $Verb ([System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($Json))) }
function global:Invoke-Order { param([string]$Verb, [string]$Json = '{}') return Invoke-Line $Verb ([System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($Json))) -FromInput }

# Orders a job of LocalSystem, lets its task run, and gives the job as the facts tell it; an order that is refused gives its error.
function global:Invoke-Job {
    param($Action, $Parameters = '{}', $Id = 'job-1')
    $order = Invoke-Order Start-LyncOpsJob ('{"id":"' + $Id + '","action":"' + $Action + '","parameters":' + $Parameters + ',"principal":{"kind":"LocalSystem"}}')
    if (-not $order.ok) { return $order.error }
    Invoke-LyncOpsJob -Id $Id
    return @((Invoke-Ask Get-LyncOpsFacts).result.jobs | Where-Object { $_.id -eq $Id })[0]
}
function global:Get-Outcome { param($Job) return "$($Job.state) $($Job.outcome)".Trim() }

function global:Test-That {
    param([string]$Name, $Is, $Wanted)
    if ($Is -is [array]) { $Is = $Is -join ' | ' }
    if ($Wanted -is [array]) { $Wanted = $Wanted -join ' | ' }
    if ("$Is" -ceq "$Wanted") { [System.Console]::Out.WriteLine("ok $Name") }
    else { [System.Console]::Out.WriteLine("FAIL ${Name}: is '" + "$Is".Replace("`n", '\n') + "', wanted '$Wanted'") }
}
function global:Test-Like {
    param([string]$Name, $Is, [string]$Pattern)
    if ("$Is" -cmatch $Pattern) { [System.Console]::Out.WriteLine("ok $Name") }
    else { [System.Console]::Out.WriteLine("FAIL ${Name}: '" + "$Is".Replace("`n", '\n') + "' does not match '$Pattern'") }
}

Reset-Machine
