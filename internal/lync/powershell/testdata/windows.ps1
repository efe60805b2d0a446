# What each small function of the module asks of Windows: the very calls, with their arguments. The other scenarios put functions of their own
# in the place of these.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$env:ProgramData = $env:LYNCOPS_TEST_FOLDER
$global:Calls = @()
Import-Module -Name $env:LYNCOPS_MODULE -DisableNameChecking
$global:LyncOps = Get-Module -Name LyncOps
function Test-That {
    param([string]$Name, $Is, $Wanted)
    if ((@($Is) -join ' | ') -ceq (@($Wanted) -join ' | ')) { [System.Console]::Out.WriteLine("ok $Name") } else { [System.Console]::Out.WriteLine("FAIL ${Name}: is '$(@($Is) -join ' | ')', wanted '$(@($Wanted) -join ' | ')'") }
}

# --- services
function New-Service {
    param([string]$Name)
    $service = [pscustomobject]@{ Name = $Name }
    foreach ($verb in 'Stop', 'Continue') { $service.PSObject.Methods.Add([psscriptmethod]::new($verb, { $global:Calls += "$verb $($this.Name)" }.GetNewClosure())) }
    return $service
}
function global:Get-Service { [CmdletBinding()] param([string]$Name) New-Service $Name }
function global:Start-Service { [CmdletBinding(SupportsShouldProcess = $true)] param([string]$Name) $global:Calls += "start $Name" }
function global:Set-Service { [CmdletBinding(SupportsShouldProcess = $true)] param([string]$Name, [string]$StartupType) $global:Calls += "$Name becomes $StartupType" }
& $global:LyncOps { Start-WindowsService 'W3SVC'; Stop-WindowsService 'W3SVC'; Resume-WindowsService 'RTCSRV'; Set-WindowsServiceStartType 'RTCSRV' 'Automatic' }
Test-That 'services' $global:Calls @('start W3SVC', 'Stop W3SVC', 'Continue RTCSRV', 'RTCSRV becomes Automatic')

# --- programs; on this system they have no folder
$global:Calls = @()
${function:global:shutdown.exe} = { $global:Calls += "shutdown.exe $args"; $global:LASTEXITCODE = 1190; 'a text that nobody reads' }
${function:global:secedit.exe} = { $global:Calls += "secedit.exe $args"; $global:LASTEXITCODE = 0; 'a text that nobody reads' }
Test-That 'a restart' "$(& $global:LyncOps { Invoke-Shutdown 7 }) $global:Calls" '1190 shutdown.exe /r /t 7 /d p:4:2'
$global:Calls = @()
Test-That 'user rights' "$(& $global:LyncOps { Export-UserRight 'a b.inf' 'a b.log' }) $global:Calls" '0 secedit.exe /export /areas USER_RIGHTS /cfg a b.inf /log a b.log /quiet'

# --- the task scheduler, as its COM object has it
$global:Tasks = $null
function New-Scheduler {
    function Add-Method { param($Object, [string]$Name, [scriptblock]$Block) $Object.PSObject.Methods.Add([psscriptmethod]::new($Name, $Block)) }
    $folder = [pscustomobject]@{ Path = '\LyncOps' }
    Add-Method $folder 'RegisterTask' { $global:Calls += 'register ' + (@($args | ForEach-Object { if ($null -eq $_) { 'null' } else { [string]$_ } }) -join ' '); $global:Tasks[$args[0]] = 1 }
    Add-Method $folder 'GetTask' { if (-not $global:Tasks.ContainsKey($args[0])) { throw 'The system cannot find the file specified.' }
        $task = [pscustomobject]@{ State = $global:Tasks[$args[0]] }; $task.PSObject.Methods.Add([psscriptmethod]::new('Run', { $global:Calls += 'run' })); $task }
    Add-Method $folder 'DeleteTask' { $global:Calls += "delete $args"; $global:Tasks.Remove($args[0]) }
    $global:TaskFolder = $folder
    $root = [pscustomobject]@{ Path = '\' }
    Add-Method $root 'CreateFolder' { $global:Calls += "create $args"; $global:Tasks = @{}; $global:TaskFolder }
    $global:TaskRoot = $root
    $service = [pscustomobject]@{ Name = 'Schedule.Service' }
    Add-Method $service 'Connect' { $global:Calls += 'connect' }
    Add-Method $service 'GetFolder' { if ($args[0] -eq '\') { return $global:TaskRoot }; if ($null -eq $global:Tasks) { throw 'The system cannot find the file specified.' }; $global:TaskFolder }
    return $service
}
function global:New-Object {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$TypeName, [Parameter(Position = 1)][object[]]$ArgumentList, [string]$ComObject)
    if ($ComObject -eq 'Schedule.Service') { return New-Scheduler }
    if ($TypeName -like 'System.Security.Principal.*') { $global:Principal = $TypeName.Split('.')[-1] + ' ' + [string]$ArgumentList[0]; return New-Principal }
    Microsoft.PowerShell.Utility\New-Object @PSBoundParameters
}
$global:Calls = @()
Test-That 'without a folder there is no task' (& $global:LyncOps { (Get-JobTaskState 'a-1') + ' ' + [string](Remove-JobTask 'a-1') }) 'Missing '
$global:Calls = @()
& $global:LyncOps { $script:Password = 'only in memory'; Register-JobTask 'a-1' '<xml/>' 'LocalSystem' ''; Register-JobTask 'a-2' '<xml/>' 'StoredAccount' 'CONTOSO\svc'; Register-JobTask 'a-3' '<xml/>' 'GroupManagedServiceAccount' 'CONTOSO\gmsa$'; $script:Password = $null; Start-JobTask 'a-1' }
Test-That 'the folder is for Administrators and SYSTEM; logon types are service account and password' $global:Calls @('connect', 'create LyncOps D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)',
    'register a-1 <xml/> 6 S-1-5-18 null 5 null', 'connect', 'register a-2 <xml/> 6 CONTOSO\svc only in memory 1 null', 'connect', 'register a-3 <xml/> 6 CONTOSO\gmsa$ null 1 null', 'connect', 'run')
$states = foreach ($state in 0..4) { $global:Tasks['a-1'] = $state; & $global:LyncOps { Get-JobTaskState 'a-1' } }
Test-That 'the states of a task' $states @('Unknown', 'Disabled', 'Queued', 'Ready', 'Running')
$global:Calls = @()
& $global:LyncOps { Remove-JobTask 'a-1'; Remove-JobTask 'a-1' }
Test-That 'a task is deleted once' @($global:Calls | Where-Object { $_ -ne 'connect' }) @('delete a-1 0')
Test-That 'one that is gone is missing' (& $global:LyncOps { Get-JobTaskState 'a-1' }) 'Missing'

# --- accounts
function New-Principal {
    $found = [pscustomobject]@{ Groups = @([pscustomobject]@{ Value = 'S-1-5-32-544' }) }
    $found.PSObject.Methods.Add([psscriptmethod]::new('Translate', { if ($global:Principal -like '*nobody') { throw 'Some or all identity references could not be translated.' }; [pscustomobject]@{ Value = "$global:Principal as $($args[0].Name)" } }))
    $found.PSObject.Methods.Add([psscriptmethod]::new('Dispose', { $global:Calls += 'dispose' }))
    $found.PSObject.Methods.Add([psscriptmethod]::new('IsInRole', { $args[0] -eq 'Administrator' }))
    return $found
}
Test-That 'the identifier of a name' (& $global:LyncOps { Get-AccountSid 'CONTOSO\svc' }) 'NTAccount CONTOSO\svc as SecurityIdentifier'
Test-That 'the name of an identifier' (& $global:LyncOps { Get-AccountName 'S-1-5-18' }) 'SecurityIdentifier S-1-5-18 as NTAccount'
Test-That 'and of one that has none' (& $global:LyncOps { Get-AccountName 'S-nobody' }) 'S-nobody'
foreach ($name in 'CONTOSO\svc', 'svc@CONTOSO') {
    $global:Calls = @()
    $global:Given = $name
    Test-That "the groups of $name, and its token is let go" "$(& $global:LyncOps { Get-AccountGroupSid $global:Given }) $global:Principal $global:Calls" 'S-1-5-32-544 WindowsIdentity svc@CONTOSO dispose'
}

# --- what is here
function global:Get-Item { [CmdletBinding()] param([string]$Path) if ($Path -like '*MaxProcessesPerShell') { Write-Error 'It does not exist.'; return }; [pscustomobject]@{ Name = $Path.Split('\')[-1]; Value = '25' } }
$quotas = & $global:LyncOps { Get-WinRMQuota }
Test-That 'quotas; one that this Windows lacks is left out' @($quotas.Keys | ForEach-Object { "$_=$($quotas[$_])" }) @('MaxEnvelopeSizekb=25', 'MaxConcurrentOperationsPerUser=25', 'MaxConcurrentUsers=25', 'MaxShellsPerUser=25', 'MaxMemoryPerShellMB=25')
$global:Policies = @('Undefined', 'Undefined', 'AllSigned', 'Undefined', 'Restricted')
function global:Get-ExecutionPolicy { [CmdletBinding()] param([switch]$List) $i = 0; foreach ($scope in 'MachinePolicy', 'UserPolicy', 'Process', 'CurrentUser', 'LocalMachine') { [pscustomobject]@{ Scope = $scope; ExecutionPolicy = $global:Policies[$i++] } } }
Test-That 'the first scope that says anything decides' (& $global:LyncOps { Get-PolicyInForce }) 'AllSigned, set by Process'
$global:Policies = @('Undefined') * 5
Test-That 'none does' (& $global:LyncOps { Get-PolicyInForce }) 'Restricted, set by nobody'
Test-That 'this computer has a name, a disk and a clock' (& $global:LyncOps { ((Get-ComputerFqdn) -cmatch '^[a-z0-9]'), ((Get-FreeDiskBytes) -gt 0), ((Get-UtcNow).Kind), ((Get-UptimeSeconds) -gt 0); Wait-Seconds 0 }) @('True', 'True', 'Utc', 'True')
[System.Console]::Out.WriteLine('done')
