# What the other scenarios do not reach: texts, files and records as nobody expects them, and refusals of the smaller kind.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
function Invoke-Inside { param([scriptblock]$Block) try { & $global:LyncOps $Block } catch { "threw $($_.Exception.Message)" } }
$facts = { (Invoke-Ask Get-LyncOpsFacts) }

# --- JSON, written
Test-That 'a tab is escaped' (Invoke-Inside { ConvertTo-LyncOpsJson "a`tb" }) '"a\tb"'
Test-That 'numbers that are none' (Invoke-Inside { ConvertTo-LyncOpsJson @([double]::NaN, [double]::PositiveInfinity, 1.5, [single]0.5) }) '[null,null,1.5,0.5]'
Test-That 'a decimal' (Invoke-Inside { ConvertTo-LyncOpsJson ([decimal]12.25) }) '12.25'
Test-That 'what is too deep is its text' (Invoke-Inside { ConvertTo-LyncOpsJson @{ a = @{ b = @{ c = 1 } } } 2 }) '{"a":{"b":"System.Collections.Hashtable"}}'
$strange = [pscustomobject]@{ a = 1 }
$strange.PSObject.Properties.Add([psscriptproperty]::new('throws', { throw 'no' }))
$strange.PSObject.Properties.Add([psscriptproperty]::new('setOnly', $null, { param($value) $null = $value }))
Test-That 'a property that throws is null, and one that cannot be read is left out' (& $global:LyncOps { param($o) ConvertTo-LyncOpsJson $o } $strange) '{"a":1,"throws":null}'
class Unlistable : System.Collections.IEnumerable { [System.Collections.IEnumerator] GetEnumerator() { throw 'it cannot be listed' } }
& $global:LyncOps { $script:RealFreeDiskBytes = ${function:Get-FreeDiskBytes}; function script:Get-FreeDiskBytes { return , [Unlistable]::new() } }
Test-Like 'an answer that cannot be written is an answer all the same' (& $facts | ForEach-Object { "$($_.ok) $($_.error.code) $($_.error.message)" }) '^False Internal the answer could not be written: '
& $global:LyncOps { function script:Get-FreeDiskBytes { & $script:RealFreeDiskBytes } }

# --- JSON, read
Test-That 'escapes and spaces' (Invoke-Inside { $script:JsonText = "{ `"a`" :`t`"\r\t\b\f\n\/\u0041`" , `"b`" : [ 1 , 2 ] }"; $read = Read-JsonDocument; [string]::Join(' ', @($read['a'].ToCharArray() | ForEach-Object { [int]$_ })) + ' ' + $read['b'].Count }) '13 9 8 12 10 47 65 2'
foreach ($bad in '{"a":"\', '{"a', '{"a" 1}', '{"a":1', '{"a":1 "b":2}', '{"a":[1', '{"a":[1 2]}', '{"a":', '{"a":-}', '{1:2}') {
    $global:Text = $bad
    Test-Like "$bad is not JSON" (Invoke-Inside { $script:JsonText = $global:Text; Read-JsonDocument }) '^threw not JSON at character '
}

# --- times and processes as WMI gives them
Test-That 'no time' (Invoke-Inside { "$(Format-Time $null)|$(ConvertFrom-WmiTime '')|$(Format-ProcessStart '')" }) '||'
$global:Machine.boot = 'yesterday'
Test-That 'a boot time that is none' (& $facts | ForEach-Object { $_.error.code + ' ' + $_.error.detail }) 'UnknownShape "yesterday"'
Reset-Machine
$global:Machine.processes[[long]$PID].created = ''
Test-Like 'a process whose age WMI does not know' (Invoke-Inside { Get-ProcessStart $PID }) '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'
$global:Machine.processes[[long]2147483000] = @{ name = 'gone.exe'; created = '' }
Test-That 'one that has gone meanwhile' "$(Invoke-Inside { Get-ProcessStart 2147483000 })" ''
Reset-Machine
$global:Machine.processes[[long]70000] = @{ name = 'own parent'; created = '20130219103000.000000+060'; parent = [long]70000 }
& $global:LyncOps { $script:RealStopOneProcess = ${function:Stop-OneProcess}; function script:Stop-OneProcess { param($ProcessId) $global:Calls += "end $ProcessId" } }
Invoke-Inside { Stop-ProcessTree 70000 '2013-02-19T09:30:00.000000Z' }
Test-That 'a process that names itself its parent is ended once' $global:Calls @('end 70000')
& $global:LyncOps { function script:Stop-OneProcess { param($ProcessId) & $script:RealStopOneProcess $ProcessId } }
$real = ${function:global:Get-WmiObject}
function global:Get-WmiObject { [CmdletBinding()] param([string]$Class, [string]$Filter) if ($Class -eq 'Win32_Service') { $null }; & $real -Class $Class -Filter $Filter }
Test-That 'nothing among the services' @((& $facts).result.services).Count '6'
${function:global:Get-WmiObject} = $real
Test-That 'a service without a name is not waited for' (Invoke-Inside { @(Wait-ServiceStatus @('', 'RTCSRV') 'Running' 0).Count }) '0'

# --- failures of cmdlets
Test-Like 'a failure with a code of ours keeps it' (Invoke-Inside { try { Invoke-Cmdlet { Stop-WithCode 'UnknownShape' 'so it is' } } catch { (Get-RootFailure $_.Exception).Data['LyncOpsCode'] } }) '^UnknownShape$'
Test-That 'a command that is not there' (Invoke-Inside { try { Invoke-Cmdlet { Get-CsNothing } } catch { (Get-RootFailure $_.Exception).Data['LyncOpsCode'] + ' ' + $_.Exception.Message } }) 'CmdletMissing The command Get-CsNothing is not on this server.'
Test-That 'the first of several names, in a table too' (Invoke-Inside { (Find-Property @{ b = 2 } @('a', 'b'))['value'] }) '2'

# --- files
$folder = [System.IO.Path]::Combine($env:ProgramData, 'corners')
[void][System.IO.Directory]::CreateDirectory([System.IO.Path]::Combine($folder, 'taken'))
$global:File = [System.IO.Path]::Combine($folder, 'new.json')
Test-That 'a first text, a second that must be the first, and one that follows' (Invoke-Inside { "$(Publish-File $global:File '1') $(Publish-File $global:File '2' -New) $(Publish-File $global:File '3') $(Read-SharedFile $global:File)" }) 'True False True 3'
$global:File = [System.IO.Path]::Combine($folder, 'taken')
Test-Like 'a name that a folder has' (Invoke-Inside { Publish-File $global:File '1' }) '^threw '
Test-That 'leaves nothing behind' @([System.IO.Directory]::GetFiles($folder)).Count '1'
Invoke-Inside { $script:LogPath = $null; Write-JobLog 'nowhere'; $script:LogPath = $global:File; Write-JobLog 'a folder'; $script:LogPath = $null }
Test-That 'a log that cannot be written stops nobody' 'so far' 'so far'
$global:Staged = [System.IO.Path]::Combine($folder, 'LyncOps', 'module', '0' * 64, 'LyncOps.psm1')
Test-That 'the place of the staged module decides' (Invoke-Inside { $kept = $script:ModulePath; $script:ModulePath = $global:Staged; Get-LyncOpsPath 'jobs'; $script:ModulePath = $kept }) ([System.IO.Path]::Combine($folder, 'LyncOps', 'jobs'))

# --- jobs whose files are not as they should be
function New-Record { param([string]$Id, [string]$Json) $place = [System.IO.Path]::Combine($global:Root, 'jobs', $Id); [void][System.IO.Directory]::CreateDirectory($place); if ($Json -ne '') { [System.IO.File]::WriteAllText([System.IO.Path]::Combine($place, 'state.json'), $Json) } }
Reset-Machine
New-Record 'empty-1' ''
New-Record 'half-1' '{"id":"half-1","action":"Install","state":"Claimed"}'
New-Record 'half-2' '{"id":"half-2","action":"Install","state":"Claimed","claimed":"2013-02-19T10:00:00.000Z"}'
$jobs = (& $facts).result.jobs
Test-That 'a folder without a state is no job' @($jobs | ForEach-Object { "$($_.id) $($_.state)" }) @('half-1 Interrupted', 'half-2 Interrupted')
Test-Like 'what is missing is named' $jobs[0].message 'the field claimed is missing'
Test-Like 'the uptime of the claim too' $jobs[1].message 'the field claimedUptime is missing'
Test-Like 'a broken record is never saved' (Invoke-Inside { Save-JobRecord (Read-JobRecord 'half-1') }) '^threw .*half-1'
Test-That 'a broken job does not begin' "$(Invoke-Inside { Enter-Job 'half-1' })" ''
Test-Like 'nor one that is not there' (Invoke-Inside { Enter-Job 'no-1' }) '^threw There is no job'
Test-Like 'nor one whose id is none' $(try { Invoke-LyncOpsJob -Id '../x' } catch { $_.Exception.Message }) '^The job id is not one'
$job = Invoke-Job RestartComputer '{"delaySeconds":5}' 'job-1'
Test-That 'an empty folder is in nobody''s way' (Get-Outcome $job) 'Succeeded'
Test-That 'and is not put away' (@((Invoke-Order Clear-LyncOpsJobs '{"except":[]}').result.cleared) -contains 'empty-1') 'False'
Reset-Machine
[void](Invoke-Order Start-LyncOpsJob '{"id":"job-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}')
[void](Invoke-Order Start-LyncOpsJob '{"id":"job-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}')
$global:Machine.processes = @{}
Test-Like 'a job whose process WMI does not know does not begin' $(try { Invoke-LyncOpsJob -Id 'job-1' } catch { $_.Exception.Message }) 'WMI does not know the process of this job'
# Another job that lives, written behind the module's back.
Reset-Machine
[void](Invoke-Order Start-LyncOpsJob '{"id":"job-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}')
New-Record 'other-1' ('{"id":"other-1","action":"StopWebServer","state":"Running","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1,"processId":' + $PID + ',"processStart":"2013-02-19T09:29:59.123456Z"}')
Invoke-LyncOpsJob -Id 'job-1'
Test-That 'a job does not begin beside another' "$($global:Calls.Count) $(@((& $facts).result.jobs | Where-Object { $_.id -eq 'job-1' })[0].state)" '0 Claimed'
Reset-Machine
New-Record 'log-1' '{"id":"log-1","action":"Install","state":"Failed","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1}'
[System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'jobs', 'log-1', 'log.txt'), 'x' * 20000 + 'end')
Test-Like 'of a long log the end is read' @((& $facts).result.jobs)[0].logTail '^x+end$'
[System.IO.File]::Delete([System.IO.Path]::Combine($global:Root, 'jobs', 'log-1', 'log.txt'))
# A file that is there and whose reading fails, as that of a failing disk does.
[void][System.IO.File]::CreateSymbolicLink([System.IO.Path]::Combine($global:Root, 'jobs', 'log-1', 'log.txt'), '/proc/self/mem')
Test-That 'a log that cannot be read is empty' "$(@((& $facts).result.jobs)[0].logTail)" ''
foreach ($bad in '{"services":1}', '{"services":[{"name":"RTCSRV"}]}') {
    Reset-Machine
    [System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'baseline.json'), $bad)
    Test-Like "a baseline that says $bad" (& $facts | ForEach-Object { $_.error.message }) 'baseline\.json cannot be read: .*(no list of services|incomplete).*Correct or remove it by hand'
}
Reset-Machine
Test-That 'without a baseline nothing differs from it' @(Invoke-Inside { Get-BaselineDifference }).Count '0'
[System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'baseline.json'), '{"services":[{"name":"RTCGONE","status":"Running","startType":"Automatic"},{"name":"RTCSRV","status":"Running","startType":"Manual"},{"name":"REPLICA","status":"Stopped","startType":"Automatic"}]}')
Test-That 'what differs from it' @(Invoke-Inside { Get-BaselineDifference }) @('RTCGONE is missing', 'RTCSRV has start type Automatic', 'REPLICA is Running')

# --- refusals
function Get-Refusal { param([string]$Rest) return (Invoke-Order Start-LyncOpsJob ('{"id":"a-1",' + $Rest + '}')).error.message }
Test-Like 'arguments that are no list' (Get-Refusal '"action":"Install","parameters":{"arguments":"x"},"principal":{"kind":"LocalSystem"}') '^parameters\.arguments: must be a list'
Test-Like 'arguments of which one is no text' (Get-Refusal '"action":"Install","parameters":{"arguments":["/silentmode",1]},"principal":{"kind":"LocalSystem"}') '^parameters\.arguments: must be texts'
Test-Like 'parameters that are no object' (Get-Refusal '"action":"Install","parameters":[],"principal":{"kind":"LocalSystem"}') '^parameters: must be an object'
& $global:LyncOps { $script:RealRegister = ${function:Register-JobTask}; function script:Register-JobTask { throw $global:Refusal } }
foreach ($refusal in (New-Object System.UnauthorizedAccessException 'Access is denied.'), (New-Object System.Runtime.InteropServices.COMException 'Anmeldung fehlgeschlagen', ([int]-2147023570)), (New-Object System.Runtime.InteropServices.COMException 'Zugriff verweigert', ([int]-2147024891))) {
    Reset-Machine
    $global:Refusal = $refusal
    Test-That "a scheduler that says $($refusal.Message)" (Invoke-Job RestartComputer '{"delaySeconds":5}' | ForEach-Object { Get-Outcome $_ }) 'Failed AccessDenied'
}
& $global:LyncOps { function script:Register-JobTask { param($Id, $Xml, $Kind, $UserName) & $script:RealRegister $Id $Xml $Kind $UserName } }

# --- jobs
Reset-Machine
Set-ServiceState '^W3SVC$' 'Start Pending'
Test-That 'W3SVC does not come up' (Get-Outcome (Invoke-Job StartWebServer '{"timeoutSeconds":60}')) 'Failed ServiceStuck'
Reset-Machine
$env:LYNC_DATABASE = 'complain'
$job = Invoke-Job UpdateDatabases '{"variant":"Standard","update":true,"sqlServerFqdn":"","sqlInstanceName":"","timeoutSeconds":60}'
Test-That 'a database update that ends and has complained' "$(Get-Outcome $job) $($job.message)" 'Failed DatabaseUpdateFailed Something is not as it should be.'
$env:LYNC_DATABASE = ''
Reset-Machine
$global:Machine.real = $true
$installer = [System.IO.Path]::Combine($env:ProgramData, 'installer')
[System.IO.File]::WriteAllText($installer, "#!/bin/sh`nexit 0`n")
$hash = & $global:LyncOps { param($p) Get-FileSha256 $p } $installer
$package = [System.IO.Path]::Combine($global:Root, 'packages', $hash)
[void][System.IO.Directory]::CreateDirectory($package)
[System.IO.File]::Move($installer, [System.IO.Path]::Combine($package, 'installer.exe'))
& chmod 755 ([System.IO.Path]::Combine($package, 'installer.exe'))
& $global:LyncOps { $script:RealStartInstaller = ${function:Start-Installer}; function script:Start-Installer { param($Path, $CommandLine) $global:Machine.diskFull = 1; & $script:RealStartInstaller $Path $CommandLine } }
$job = Invoke-Job Install ('{"sha256":"' + $hash + '","fileName":"installer.exe","arguments":[],"timeoutSeconds":60}')
Test-Like 'an installer that cannot be written down is waited for all the same' "$(Get-Outcome $job) $($job.logTail)" '^Succeeded[\s\S]*the installer could not be recorded: There is not enough space'

# --- answers of cmdlets
$pool = '{"poolFqdn":"pool01.contoso.com"}'
Reset-Machine
$global:Answers['Get-CsPool'] = @([pscustomobject]@{ Computers = @() }, [pscustomobject]@{ Computers = @() })
Test-Like 'two pools of one name' (Invoke-Ask Get-LyncOpsTopology $pool | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^UnknownShape Get-CsPool gave 2 objects'
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Computers = @() }
Test-Like 'a pool without computers' (Invoke-Ask Get-LyncOpsTopology $pool | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^UnknownShape The topology names no computer'
Test-That 'Lync Server 2013 does not tell its patches' (Invoke-Ask Get-LyncOpsPatchVersion).error.code 'CmdletMissing'
$global:Answers['Get-CsService Registrar'] = [pscustomobject]@{ BackupRegistrar = 'Registrar:pool02.contoso.com' }
$global:Answers['Get-CsComputer'] = [pscustomobject]@{ Fqdn = 'not a name' }
Test-Like 'a computer of the partner without a name' (Invoke-Ask Get-LyncOpsPartner $pool | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^UnknownShape A computer of pool02'
$global:Answers['Get-CsComputer'] = 'fe11.contoso.com'
$global:Answers['Get-CsBackupServiceStatus pool01.contoso.com'] = [pscustomobject]@{ BackupModules = @([pscustomobject]@{ ExportStatus = 'SteadyState' }) }
Test-Like 'a module of the backup service without a name' (Invoke-Ask Get-LyncOpsPartner $pool | ForEach-Object { $_.error.code + ' ' + $_.error.message }) '^UnknownShape A module of the backup service'

# --- a server that is not fit
Reset-Machine
$global:Machine.registry = @{ 'SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\InProgress' = @{}; 'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired' = @{} }
& $global:LyncOps { function script:Test-Administrator { return $false }; function script:Get-FreeDiskBytes { return [long]3221225472 } }
Test-That 'what is wrong with it' @((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks | Where-Object { -not $_.ok } | ForEach-Object { $_.name + ': ' + $_.found }) @('Administrator: the account has no administrator rights here', 'FreeDiskSpace: 3 GB free', 'NoPendingReboot: WindowsUpdate', 'NoInstallerRunning: Windows Installer is in the middle of an installation', 'PoolKnown: the topology gave 0 pools', 'ReplicationUpToDate: no replica reported')
$global:Answers['Get-CsManagementStoreReplicationStatus'] = @([pscustomobject]@{ UpToDate = $true; ReplicaFqdn = 'fe01.contoso.com' })
Test-That 'one replica is a list too' @((Invoke-Ask Get-LyncOpsPreflight $pool).result.checks)[-1].found '1 replicas'

# --- a module that setup has put where PSModulePath does not lead yet. On this system a backslash is part of a name for .NET and none for PowerShell.
Get-Module -Name Lync | Remove-Module -Force
$env:PSModulePath = [System.IO.Path]::Combine($env:ProgramData, 'none')
$env:CommonProgramFiles = [System.IO.Path]::Combine($env:ProgramData, 'Common Files')
$modules = [System.IO.Path]::Combine($env:CommonProgramFiles, 'Microsoft Lync Server 2013', 'Modules', 'Lync')
[void][System.IO.Directory]::CreateDirectory($modules)
foreach ($place in [System.IO.Path]::Combine($env:CommonProgramFiles, 'Microsoft Lync Server 2013\Modules\Lync\Lync.psd1'), [System.IO.Path]::Combine($modules, 'Lync.psd1')) { [System.IO.File]::WriteAllText($place, "@{ ModuleVersion = '1.0'; RootModule = 'Lync.psm1'; FunctionsToExport = '*' }") }
[System.IO.File]::Copy([System.IO.Path]::Combine($PSScriptRoot, 'Modules', 'Lync', 'Lync.psm1'), [System.IO.Path]::Combine($modules, 'Lync.psm1'))
Test-Like 'is found in its folder' (Invoke-Inside { Import-LyncModule }) 'Microsoft Lync Server 2013.Modules.Lync.Lync\.psd1$'
[System.Console]::Out.WriteLine('done')
