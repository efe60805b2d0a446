# Jobs: one claim for one id, nothing lost and nothing doubled by crashes, restarts, clocks and full disks, no password anywhere.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
# Two halves, so that this file does not hold what the caller searches for.
$secret = 'Hunter2-' + 'Zebra'

function Get-StatePath { param($Id) return [System.IO.Path]::Combine($global:Root, 'jobs', $Id, 'state.json') }
function Get-LogPath { param($Id) return [System.IO.Path]::Combine($global:Root, 'jobs', $Id, 'log.txt') }
function Start-Restart { param($Id = 'restart-1', $Principal = '{"kind":"LocalSystem"}') return Invoke-Order Start-LyncOpsJob ('{"id":"' + $Id + '","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":' + $Principal + '}') }
function Get-Job { param($Id) return @((Invoke-Ask Get-LyncOpsFacts).result.jobs | Where-Object { $_.id -eq $Id })[0] }
function Get-JobOnDisk { param($Id) return [System.IO.File]::ReadAllText((Get-StatePath $Id)) | ConvertFrom-Json }
function Set-JobOnDisk { param($Id, $Text) [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName((Get-StatePath $Id))); [System.IO.File]::WriteAllText((Get-StatePath $Id), $Text) }
# A job in the middle of its work: the state its process wrote, and the process or none.
function Set-RunningJob {
    param($Id, [long]$Process = 4242, $Created = '20130219100000.000001+000', $More = '')
    Set-JobOnDisk $Id ('{"protocol":1,"id":"' + $Id + '","action":"Install","parameters":{},"state":"Running","claimed":"2013-02-19T09:59:00.000Z","claimedUptime":88000,"started":"2013-02-19T10:00:00.000Z","bootTime":"2013-02-18T08:30:00.500Z","processId":' + $Process + ',"processStart":"2013-02-19T10:00:00.000001Z"' + $More + '}')
    if ($null -ne $Created) { $global:Machine.processes[$Process] = @{ name = 'powershell.exe'; created = $Created } }
}
# No half-written file may be left after anything that happens here.
function Get-Leftovers { return @([System.IO.Directory]::GetFiles($global:Root, '*.tmp', [System.IO.SearchOption]::AllDirectories)).Count }

# --- one id, one job
$first = Start-Restart
$global:Line
Test-That 'the answer is the claimed job' "$($first.result.id) $($first.result.action) $($first.result.state)" 'restart-1 RestartComputer Claimed'
$global:Machine.now = $global:Machine.now.AddSeconds(60)
$again = Start-Restart
Test-That 'the same id gives the same job' ($global:Line.Contains('"claimed":"2013-02-19T10:30:00.000Z"')) 'True'
Test-That 'one registration, one run' "$($global:Machine.registered.Count) $($global:Machine.ran.Count)" '1 1'
$other = Start-Restart 'restart-2'
Test-That 'another job waits' "$($other.error.code) $($other.error.detail)" 'JobConflict restart-1'
Test-That 'a refused order leaves nothing' ([System.IO.Directory]::Exists([System.IO.Path]::Combine($global:Root, 'jobs', 'restart-2'))) 'False'
Invoke-LyncOpsJob -Id 'restart-1'
Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'a task that runs twice works once' @($global:Calls) @('shutdown 5')
$done = Get-Job 'restart-1'
Test-That 'finished' "$($done.state) $($done.outcome)" 'Succeeded '
$again = Start-Restart
Test-That 'a finished job is not begun again' "$($again.result.state) $($global:Machine.ran.Count)" 'Succeeded 1'
Test-That 'the next job may start' (Start-Restart 'restart-2').result.state 'Claimed'

# --- the task
Reset-Machine
$null = Start-Restart 'restart-1' ('{"kind":"StoredAccount","userName":"CONTOSO\\svc & lync","password":"' + $secret + '"}')
$task = $global:Machine.registered[0]
Test-That 'the scheduler gets the account and its password' "$($task.kind) $($task.userName) $($task.password -ceq $secret)" 'StoredAccount CONTOSO\svc & lync True'
$xml = [xml]$task.xml
Test-That 'the task settings' "$($xml.Task.Settings.MultipleInstancesPolicy) $($xml.Task.Settings.ExecutionTimeLimit) '$($xml.Task.Triggers)' $($xml.Task.Principals.Principal.RunLevel) $($xml.Task.Principals.Principal.LogonType) $($xml.Task.Principals.Principal.UserId)" "IgnoreNew PT0S '' HighestAvailable Password CONTOSO\svc & lync"
Test-Like 'the task command' ($xml.Task.Actions.Exec.Arguments) '^-NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -Command "Import-Module -Name ''[^'']*LyncOps\.psm1'' -DisableNameChecking; Invoke-LyncOpsJob -Id ''restart-1''"$'
Test-That 'the password is in no file' ([System.IO.File]::ReadAllText((Get-StatePath 'restart-1')).Contains($secret)) 'False'
Test-That 'the password is in no answer' ($global:Line.Contains($secret)) 'False'
Test-That 'the module forgets the password' (& $global:LyncOps { "$script:Password $script:JsonText" }) ' '
Reset-Machine
$null = Start-Restart 'restart-1' '{"kind":"GroupManagedServiceAccount","userName":"CONTOSO\\lync$"}'
Test-That 'a managed account has no password' "$($global:Machine.registered[0].userName) '$($global:Machine.registered[0].password)'" "CONTOSO\lync$ ''"
Reset-Machine
$null = Start-Restart 'restart-1' '{"kind":"LocalSystem","userName":"","password":""}'
$xml = [xml]$global:Machine.registered[0].xml
Test-That 'SYSTEM by its SID, without a logon type' "$($xml.Task.Principals.Principal.UserId) $($xml.Task.Principals.Principal.InnerXml -cmatch 'LogonType')" 'S-1-5-18 False'

# --- a scheduler that refuses
Reset-Machine
$global:Machine.registerFails = 'The user name or password is incorrect: '
$refused = Start-Restart 'restart-1' ('{"kind":"StoredAccount","userName":"svc","password":"' + $secret + '"}')
Test-That 'the job is Failed and says why, without the password' "$($refused.result.state) $($refused.result.outcome) $($refused.result.message)" 'Failed CmdletFailed The task scheduler refused the task: The user name or password is incorrect: ***'
Test-That 'it blocks nobody' ((Start-Restart 'restart-2').result.state) 'Failed'

# --- crashes between two file operations
Reset-Machine
[void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName((Get-StatePath 'restart-1')))
[System.IO.File]::WriteAllText((Get-StatePath 'restart-1') + '.0123.tmp', '{"id":"rest')
Test-That 'a folder without state is no job' @((Invoke-Ask Get-LyncOpsFacts).result.jobs).Count '0'
Test-That 'and can be claimed' (Start-Restart).result.state 'Claimed'
Test-That 'and is run once' "$($global:Machine.ran.Count)" '1'
[System.IO.File]::Delete((Get-StatePath 'restart-1') + '.0123.tmp')

Reset-Machine
$null = Start-Restart
$global:Machine.tasks = @{}; $global:Machine.ran = @()
Test-That 'claimed, then cut off before the task was registered' (Start-Restart).result.state 'Claimed'
Test-That 'the next call registers and runs it' "$($global:Machine.registered.Count) $($global:Machine.ran.Count)" '2 1'
$global:Machine.tasks['restart-1'] = 'Ready'; $global:Machine.ran = @()
$null = Start-Restart
Test-That 'registered, then cut off before it was run: the next call runs it' $global:Machine.ran.Count '1'
Invoke-LyncOpsJob -Id 'restart-1'; Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'however often, it works once' @($global:Calls) @('shutdown 5')

Reset-Machine
$null = Start-Restart
$global:Machine.uptime += 301
Test-That 'claimed and never begun is Interrupted after five minutes' (Get-Job 'restart-1').state 'Interrupted'
Test-That 'a question writes nothing' (Get-JobOnDisk 'restart-1').state 'Claimed'
Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'its late task does nothing' "$($global:Calls.Count) $((Get-JobOnDisk 'restart-1').state)" '0 Interrupted'
Reset-Machine
$null = Start-Restart
$global:Machine.uptime += 301
Test-That 'the next job may start' (Start-Restart 'restart-2').result.state 'Claimed'
$global:Machine.uptime -= 301
Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'the verdict stands even if time ran backwards' "$($global:Calls.Count) $((Get-Job 'restart-1').state)" '0 Interrupted'
Reset-Machine
$null = Start-Restart
$global:Machine.uptime = 30
Test-That 'claimed before a restart' (Get-Job 'restart-1').state 'Interrupted'
Test-That 'asking again does not revive it' "$((Start-Restart).result.state) $($global:Machine.ran.Count)" 'Interrupted 1'
Reset-Machine
$null = Start-Restart
$global:Machine.now = $global:Machine.now.AddYears(10)
Test-That 'a clock that jumps ahead does not matter' (Get-Job 'restart-1').state 'Claimed'
$global:Machine.now = $global:Machine.now.AddYears(-20)
Test-That 'nor one that jumps back' (Get-Job 'restart-1').state 'Claimed'

# --- running, finished, interrupted
Reset-Machine
Set-RunningJob 'install-1'
Test-That 'its process lives' (Get-Job 'install-1').state 'Running'
$global:Machine.boot = '20130218093500.000000+060'
Test-That 'a boot time that moved with the clock does not matter' (Get-Job 'install-1').state 'Running'
Test-That 'nobody beside it' (Start-Restart).error.detail 'install-1'
$global:Machine.processes[[long]4242].created = '20130219110000.000001+060'
Test-That 'the same moment in another time zone' (Get-Job 'install-1').state 'Running'
$global:Machine.processes[[long]4242].created = '20130219100000.000002+000'
Test-That 'another process with its number' (Get-Job 'install-1').state 'Interrupted'
$global:Machine.processes.Remove([long]4242)
$job = Get-Job 'install-1'
Test-That 'no process' $job.state 'Interrupted'
Test-Like 'the message tells of the restart' $job.message '^The process of this job \(number 4242.*The server has restarted since\.$'
Test-That 'a question writes nothing' (Get-JobOnDisk 'install-1').state 'Running'
Test-That 'after it another may start' (Start-Restart).result.state 'Claimed'
Test-That 'and the verdict is written down' (Get-JobOnDisk 'install-1').state 'Interrupted'
Set-RunningJob 'install-1'
Test-That 'an interrupted job is not begun again' "$((Invoke-Order Start-LyncOpsJob '{"id":"install-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}').result.state) $($global:Machine.ran.Count)" 'Running 1'
Reset-Machine
Set-RunningJob 'install-1' 4242 $null ',"childProcessId":77,"childProcessStart":"2013-02-19T10:00:05.000000Z"'
$global:Machine.processes[[long]77] = @{ name = 'LyncServerUpdateInstaller.exe'; created = '20130219100005.000000+000' }
$job = Get-Job 'install-1'
Test-That 'an installer that outlived its job' $job.state 'Running'
Test-Like 'is named' $job.message '\(process 77\) still runs'
Test-That 'nobody beside it' (Start-Restart).error.code 'JobConflict'
$global:Machine.processes.Remove([long]77)
Test-That 'until it has ended' (Get-Job 'install-1').state 'Interrupted'
# Finished between the reader's look at the file and its look at the process.
Reset-Machine
Set-RunningJob 'install-1' 4242 $null
$finished = [System.IO.File]::ReadAllText((Get-StatePath 'install-1')).Replace('"state":"Running"', '"state":"Succeeded"')
$path = Get-StatePath 'install-1'
& $global:LyncOps { $script:RealTestProcessAlive = ${function:Test-ProcessAlive}; function script:Test-ProcessAlive { param($ProcessId, $ProcessStart) [System.IO.File]::WriteAllText($global:path, $global:finished); & $script:RealTestProcessAlive $ProcessId $ProcessStart } }
$global:path = $path; $global:finished = $finished
Test-That 'a job that ends while it is looked at is not Interrupted' (Get-Job 'install-1').state 'Succeeded'
& $global:LyncOps { function script:Test-ProcessAlive { param($ProcessId, $ProcessStart) & $script:RealTestProcessAlive $ProcessId $ProcessStart } }

# --- corrupted state
$bad = [ordered]@{ 'empty' = ''; 'cut off' = '{"id":"install-1","action":"Inst'; 'zeros' = [string][char]0 * 200; 'a list' = '[]'
    'another job' = '{"id":"install-2","action":"Install","state":"Running","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1}'
    'an unknown state' = '{"id":"install-1","action":"Install","state":"Sleeping","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1}'
    'a running job without a process' = '{"id":"install-1","action":"Install","state":"Running","claimed":"2013-02-19T10:00:00.000Z","claimedUptime":1}' }
foreach ($name in $bad.Keys) {
    Reset-Machine
    Set-JobOnDisk 'install-1' $bad[$name]
    $job = Get-Job 'install-1'
    Test-That "corrupted ($name) is Interrupted" $job.state 'Interrupted'
    Test-Like "corrupted ($name) says so" $job.message 'state\.json cannot be read \('
    $answer = Invoke-Order Start-LyncOpsJob '{"id":"install-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}'
    Test-That "corrupted ($name) is not begun" "$($answer.result.state) $($global:Machine.ran.Count)" 'Interrupted 0'
    Invoke-LyncOpsJob -Id 'install-1'
    Test-That "corrupted ($name) is not overwritten" ([System.IO.File]::ReadAllText((Get-StatePath 'install-1')) -ceq $bad[$name]) 'True'
}
$global:Machine.tasks['install-1'] = 'Running'
Test-That 'corrupted, but its task runs: nobody beside it' (Start-Restart).error.detail 'install-1'
Test-That 'nor is it cleared' @((Invoke-Order Clear-LyncOpsJobs '{"except":[]}').result.cleared).Count '0'
$global:Machine.tasks['install-1'] = 'Ready'
Test-That 'corrupted and its task has ended' (Start-Restart).result.state 'Claimed'
Reset-Machine
[void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName((Get-LogPath 'install-1')))
[System.IO.File]::WriteAllText((Get-LogPath 'install-1'), 'it had begun')
$job = Get-Job 'install-1'
Test-That 'state.json vanished from a job that had begun' "$($job.state) $($job.logTail)" 'Interrupted it had begun'
Test-That 'folders that are no jobs are left alone' $(foreach ($odd in 'Install_1', 'a b') { [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::Combine($global:Root, 'jobs', $odd)) }; @((Invoke-Ask Get-LyncOpsFacts).result.jobs).Count) '1'

# --- a full disk
Reset-Machine
$global:Machine.diskFull = 1
$full = Start-Restart
Test-That 'full before the claim: no job' "$($full.error.code) $($full.error.message) $(@((Invoke-Ask Get-LyncOpsFacts).result.jobs).Count)" 'Internal There is not enough space on the disk. 0'
Test-That 'then it can be claimed' (Start-Restart).result.state 'Claimed'
$global:Machine.diskFull = 1
try { Invoke-LyncOpsJob -Id 'restart-1' } catch { $null = $_ }
Test-That 'full before it began: nothing was done' "$($global:Calls.Count) $((Get-JobOnDisk 'restart-1').state)" '0 Claimed'
& $global:LyncOps { $script:RealShutdown = ${function:Invoke-Shutdown}; function script:Invoke-Shutdown { param($DelaySeconds) $global:Machine.diskFull = 3; & $script:RealShutdown $DelaySeconds } }
Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'full when it ended: written when there is room again' "$($global:Calls.Count) $((Get-JobOnDisk 'restart-1').state)" '1 Succeeded'
Reset-Machine
$null = Start-Restart
& $global:LyncOps { function script:Invoke-Shutdown { param($DelaySeconds) $global:Machine.diskFull = 100; & $script:RealShutdown $DelaySeconds } }
try { Invoke-LyncOpsJob -Id 'restart-1' } catch { $null = $_ }
$global:Machine.diskFull = 0
$global:Machine.processes.Remove([long]$PID)
Test-That 'full for good: Interrupted, never done and never lost' (Get-Job 'restart-1').state 'Interrupted'
& $global:LyncOps { function script:Invoke-Shutdown { param($DelaySeconds) & $script:RealShutdown $DelaySeconds } }
Test-That 'no half-written file is left' (Get-Leftovers) '0'

# --- a lock whose owner died
Reset-Machine
& $global:LyncOps {
    $script:RealOpenMutex = ${function:Open-LyncOpsMutex}
    function script:Open-LyncOpsMutex {
        $mutex = New-Object -TypeName psobject
        Add-Member -InputObject $mutex -MemberType ScriptMethod -Name WaitOne -Value { throw (New-Object System.Threading.AbandonedMutexException) }
        Add-Member -InputObject $mutex -MemberType ScriptMethod -Name ReleaseMutex -Value { $global:Calls += 'released' }
        Add-Member -InputObject $mutex -MemberType ScriptMethod -Name Close -Value { }
        return $mutex
    }
}
Test-That 'an abandoned lock is taken over and given back' "$((Start-Restart).result.state) $($global:Calls)" 'Claimed released'
& $global:LyncOps {
    function script:Open-LyncOpsMutex {
        $mutex = New-Object -TypeName psobject
        Add-Member -InputObject $mutex -MemberType ScriptMethod -Name WaitOne -Value { return $false }
        Add-Member -InputObject $mutex -MemberType ScriptMethod -Name Close -Value { }
        return $mutex
    }
}
Test-Like 'a lock that stays taken is said so' (Start-Restart 'restart-2').error.message 'was not free within 30 seconds'
& $global:LyncOps { function script:Open-LyncOpsMutex { return & $script:RealOpenMutex } }

# --- clearing
Reset-Machine
$null = Start-Restart 'restart-1'; Invoke-LyncOpsJob -Id 'restart-1'
$null = Start-Restart 'restart-2'; Invoke-LyncOpsJob -Id 'restart-2'
Set-JobOnDisk 'broken-1' 'nonsense'
$null = Start-Restart 'restart-3'
$baseline = [System.IO.Path]::Combine($global:Root, 'baseline.json')
[System.IO.File]::WriteAllText($baseline, '{"services":[{"name":"RTCSRV","status":"Running","startType":"Automatic"}]}')
$cleared = (Invoke-Order Clear-LyncOpsJobs '{"except":["restart-2"]}').result
$global:Line
Test-That 'finished jobs that are not named' @($cleared.cleared) @('broken-1', 'restart-1')
Test-That 'the others stay' @((Invoke-Ask Get-LyncOpsFacts).result.jobs | ForEach-Object { $_.id }) @('restart-2', 'restart-3')
Test-That 'their tasks are gone' @($global:Machine.tasks.Keys | Sort-Object) @('restart-2', 'restart-3')
Test-That 'they are history' @([System.IO.Directory]::GetDirectories([System.IO.Path]::Combine($global:Root, 'history')) | ForEach-Object { [System.IO.Path]::GetFileName($_) } | Sort-Object) @('20130219103000-broken-1', '20130219103000-restart-1')
Test-That 'the baseline stays while a job lives' "$($cleared.baselineRemoved) $([System.IO.File]::Exists($baseline))" 'False True'
Invoke-LyncOpsJob -Id 'restart-3'
Set-ServiceState '^RTCSRV$' 'Stopped'
Test-That 'the baseline stays while a service differs' (Invoke-Order Clear-LyncOpsJobs '{"except":["restart-2","restart-3"]}').result.baselineRemoved 'False'
Set-ServiceState '^RTCSRV$' 'Running'
Test-That 'then it goes' "$((Invoke-Order Clear-LyncOpsJobs '{"except":["restart-2"]}').result.baselineRemoved) $([System.IO.File]::Exists($baseline))" 'True False'
$null = Start-Restart 'restart-1'; Invoke-LyncOpsJob -Id 'restart-1'
Test-That 'a cleared id may be used and cleared again' @((Invoke-Order Clear-LyncOpsJobs '{"except":["restart-2"]}').result.cleared) @('restart-1')
Test-That 'without overwriting history' @([System.IO.Directory]::GetDirectories([System.IO.Path]::Combine($global:Root, 'history'), '*restart-1*')).Count '2'
Test-Like 'except must be a list' (Invoke-Order Clear-LyncOpsJobs '{"except":"restart-2"}').error.message '^except: '

# --- requests that are refused by the name of the field
Reset-Machine
$good = [ordered]@{
    StagePackage = '{"source":"https://example.com/a.exe","sha256":"' + ('a' * 64) + '","fileName":"a.exe"}'
    StopServices = '{"graceful":true,"timeoutSeconds":60,"onTimeout":"Fail","webServer":false}'
    StopWebServer = '{"timeoutSeconds":60}'; StartWebServer = '{"timeoutSeconds":60}'; StartServices = '{"timeoutSeconds":60}'
    Install = '{"sha256":"' + ('a' * 64) + '","fileName":"a.exe","arguments":["/silentmode"],"timeoutSeconds":60}'
    RestartComputer = '{"delaySeconds":5}'
    UpdateDatabases = '{"variant":"Enterprise","update":true,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"rtc","timeoutSeconds":60}'
    FailOverComputer = '{"computerName":"fe01.contoso.com","poolFqdn":"pool01.contoso.com","waitSeconds":60,"drainingSeconds":0}'
    FailBackComputer = '{"computerName":"fe01.contoso.com","waitSeconds":60}'
    RecordServices = '{}'
    MoveCentralManagement = '{"poolFqdn":"pool02.contoso.com","timeoutSeconds":60}'
    FailOverPool = '{"poolFqdn":"pool01.contoso.com"}'
    FailBackPool = '{"poolFqdn":"pool01.contoso.com"}'
}
foreach ($action in $good.Keys) {
    Reset-Machine
    Test-That "$action with what it takes" (Invoke-Order Start-LyncOpsJob ('{"id":"a-1","action":"' + $action + '","parameters":' + $good[$action] + ',"principal":{"kind":"LocalSystem"}}')).result.state 'Claimed'
    Reset-Machine
    $fields = [regex]::Matches($good[$action], '"([a-zA-Z0-9]+)":') | ForEach-Object { $_.Groups[1].Value }
    foreach ($field in $fields) {
        $without = [regex]::Replace($good[$action], '"' + $field + '":', '"' + $field + '":null,"x":').Replace('"x":', '"zzz":')
        Test-Like "$action without $field" (Invoke-Order Start-LyncOpsJob ('{"id":"a-1","action":"' + $action + '","parameters":' + $without.Replace(',"zzz":', ',"' + $field + '2":') + ',"principal":{"kind":"LocalSystem"}}') | ForEach-Object { $_.error.code + ' ' + $_.error.message }) "^BadArgument parameters\.$field"
    }
    Test-That "$action refused leaves nothing" @((Invoke-Ask Get-LyncOpsFacts).result.jobs).Count '0'
}
function Get-Refusal { param($Id = '"a-1"', $Action = '"RestartComputer"', $Parameters = '{"delaySeconds":5}', $Principal = '{"kind":"LocalSystem"}', $More = '')
    return (Invoke-Order Start-LyncOpsJob ('{"id":' + $Id + ',"action":' + $Action + ',"parameters":' + $Parameters + ',"principal":' + $Principal + $More + '}')).error.message }
foreach ($id in '"A"', '""', '"a/b"', '"..\\x"', '"-a"', '"a b"', '"a\n"', '"a''b"', '1', 'null', ('"' + 'a' * 81 + '"')) { Test-Like "id $id" (Get-Refusal -Id $id) '^id: ' }
foreach ($action in '"Uninstall"', '"install"', '""', '1', 'null') { Test-Like "action $action" (Get-Refusal -Action $action) '^action: ' }
foreach ($name in '"..\\a.exe"', '"a/b.exe"', '"a\\b.exe"', '"C:a.exe"', '".."', '"."', '"a.exe "', '"a.exe."', '""', '"a\u0000.exe"', '"a.exe\n"') {
    Test-Like "file name $name" (Get-Refusal -Action '"Install"' -Parameters ('{"sha256":"' + ('a' * 64) + '","fileName":' + $name + ',"arguments":[],"timeoutSeconds":60}')) '^parameters\.fileName: '
}
foreach ($source in '"http://example.com/a.exe"', '"ftp://example.com/a"', '"file:///c:/a.exe"', '"a.exe"', '"https:///a"', '"..\\a.exe"', '"\u0007"') {
    Test-Like "source $source" (Get-Refusal -Action '"StagePackage"' -Parameters ('{"sha256":"' + ('a' * 64) + '","fileName":"a.exe","source":' + $source + '}')) '^parameters\.source: '
}
Test-Like 'a hash in capitals' (Get-Refusal -Action '"Install"' -Parameters ('{"sha256":"' + ('A' * 64) + '","fileName":"a.exe","arguments":[],"timeoutSeconds":60}')) '^parameters\.sha256: '
foreach ($number in '0', '-1', '1.5', '"60"', 'true', '86401', '1e2') { Test-Like "timeout $number" (Get-Refusal -Action '"StartServices"' -Parameters ('{"timeoutSeconds":' + $number + '}')) '^parameters\.timeoutSeconds: ' }
Test-Like 'a parameter nobody knows' (Get-Refusal -Action '"UpdateDatabases"' -Parameters '{"variant":"Standard","timeoutSeconds":60,"clean":true}') '^parameters\.clean: '
Test-Like 'an unknown account kind' (Get-Refusal -Principal '{"kind":"Administrator"}') '^principal\.kind: '
Test-Like 'an account without a name' (Get-Refusal -Principal '{"kind":"StoredAccount","password":"x"}') '^principal\.userName: '
Test-Like 'an account without a password' (Get-Refusal -Principal '{"kind":"StoredAccount","userName":"svc"}') '^principal\.password: '
Test-Like 'a password that is no text' (Get-Refusal -Principal '{"kind":"StoredAccount","userName":"svc","password":[1]}') '^principal\.password: '
Test-Like 'no principal' (Get-Refusal -Principal 'null') '^principal: '
Test-Like 'a field nobody knows' (Get-Refusal -More ',"run":"calc.exe"') '^run: '
$cut = Invoke-Order Start-LyncOpsJob ('{"principal":{"kind":"StoredAccount","password":"' + $secret + '"')
Test-That 'text that is no JSON is not repeated' "$($cut.error.code) $($global:Line.Contains($secret))" 'BadArgument False'
[System.Console]::Out.WriteLine('done')
