# A crash at every file operation. The module under test is a copy that calls Step-File before each of them (crash_test.go); there this
# script keeps a copy of everything that would outlive the process: files, tasks, services, what was done to the server. Then, for each copy,
# a server is put back to that moment, with the process dead, and everything that may come next is tried. With parameters, only that, and
# only until the first complaint.
param([string]$Action = '', [string]$Phase = '')
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))

$global:Moments = New-Object System.Collections.ArrayList
$global:Recording = $false
$global:CopyFolder = [System.IO.Path]::Combine($env:ProgramData, 'moments')

function global:Copy-Tree { param($From, $To) & /bin/cp -a $From $To; if ($LASTEXITCODE -ne 0) { throw "cp $From $To" } }
function global:Copy-Services { param($Services) foreach ($service in $Services) { @{ Name = $service.Name; DisplayName = $service.DisplayName; State = $service.State; StartMode = $service.StartMode } } }
function global:Step-File {
    param($What, $Replaced = '')
    if ($global:Recording) {
        $folder = [System.IO.Path]::Combine($global:CopyFolder, [string]$global:Moments.Count)
        Copy-Tree $global:Root $folder
        [void]$global:Moments.Add(@{ what = $What; folder = $folder; tasks = $global:Machine.tasks.Clone(); services = @(Copy-Services $global:Machine.services); done = @($global:Calls); installer = $global:Machine.processes.ContainsKey([long]77)
                replaced = $Replaced.Replace($global:Root, $folder) })
    }
    return ''
}
# Windows' own steps are moments too.
& $global:LyncOps {
    $script:PlainRegister = ${function:Register-JobTask}
    function script:Register-JobTask { param($Id, $Xml, $Kind, $UserName) $null = Step-File 'the task is registered'; & $script:PlainRegister $Id $Xml $Kind $UserName }
    function script:Start-JobTask { param($Id) $null = Step-File 'the task is run'; $global:Machine.tasks[$Id] = 'Running'; $global:Machine.ran += $Id; $null = Step-File 'the answer' }
    $script:PlainRemove = ${function:Remove-JobTask}
    function script:Remove-JobTask { param($Id) $null = Step-File 'the task is removed'; & $script:PlainRemove $Id }
    function script:Invoke-Shutdown { param($DelaySeconds) $null = Step-File 'shutdown.exe'; $global:Calls += 'shutdown'; $null = Step-File 'the end of shutdown.exe'; return 0 }
    function script:Start-Installer {
        param($Path, $CommandLine)
        $null = Step-File 'the installer starts'
        $global:Calls += 'installer'
        $global:Machine.processes[[long]77] = @{ name = 'update.exe'; created = '20130219103100.000000+060' }
        $process = [pscustomobject]@{ Id = 77; ExitCode = 0 }
        Add-Member -InputObject $process -MemberType ScriptMethod -Name WaitForExit -Value { if ($global:Machine.processes.ContainsKey([long]77)) { $null = Step-File 'the end of the installer'; $global:Machine.processes.Remove([long]77) }; return $true }
        return $process
    }
}

$global:Package = [System.IO.Path]::Combine($env:ProgramData, 'update.exe')
[System.IO.File]::WriteAllText($global:Package, 'MZ this is the update')
$global:Hash = & $global:LyncOps { Get-FileSha256 $global:Package }
$orders = @{
    RestartComputer = '{"delaySeconds":5}'
    StagePackage = '{"source":"' + $global:Package + '","sha256":"' + $global:Hash + '","fileName":"update.exe"}'
    Install = '{"sha256":"' + $global:Hash + '","fileName":"update.exe","arguments":["/silentmode"],"timeoutSeconds":60}'
    StopServices = '{"graceful":true,"timeoutSeconds":60,"onTimeout":"Fail","webServer":true}'
    StartServices = '{"timeoutSeconds":60}'
}
function Start-Job1 { param($Action, $Id = 'job-1') return Invoke-Order Start-LyncOpsJob ('{"id":"' + $Id + '","action":"' + $Action + '","parameters":' + $orders[$Action] + ',"principal":{"kind":"LocalSystem"}}') }
function Get-Staged { return [System.IO.Path]::Combine($global:Root, 'packages', $global:Hash, 'update.exe') }
function Get-Tree { return @([System.IO.Directory]::GetFiles($global:Root, '*', [System.IO.SearchOption]::AllDirectories) | Sort-Object | ForEach-Object { $_ + ' ' + [System.IO.File]::ReadAllText($_) }) -join "`n" }
# The task scheduler lets what it was told to run run, once, in a process of its own.
function Invoke-Tasks {
    foreach ($id in @($global:Machine.ran)) { try { Invoke-LyncOpsJob -Id $id } catch { $null = $_ }; if ($global:Machine.tasks.ContainsKey($id)) { $global:Machine.tasks[$id] = 'Ready' } }
    $global:Machine.ran = @()
}
function Set-World {
    param($Action)
    Reset-Machine
    $global:Answers['graceful'] = { Set-ServiceState '^(RTC.*|REPLICA)$' 'Stopped' }
    $global:Answers['start'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Running' }
    if ($Action -eq 'Install') { [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName((Get-Staged))); [System.IO.File]::Copy($global:Package, (Get-Staged)) }
    if ($Action -eq 'StartServices') {
        [System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'baseline.json'), '{"services":[{"name":"RTCSRV","status":"Running","startType":"Automatic"},{"name":"REPLICA","status":"Running","startType":"Automatic"}]}')
        Set-ServiceState '^(RTC.*|REPLICA)$' 'Stopped'
    }
}
# Puts the server back to a moment. Its processes are gone, but for the installer; another one has the number of the task's.
function Set-Moment {
    param($Moment, $Action)
    Set-World $Action
    [System.IO.Directory]::Delete($global:Root, $true)
    Copy-Tree $Moment.folder $global:Root
    $global:Machine.tasks = $Moment.tasks.Clone()
    $global:Machine.services = @(Copy-Services $Moment.services)
    $global:Machine.processes[[long]$PID] = @{ name = 'powershell.exe'; created = '20130219103500.000000+060' }
    if ($Moment.installer) { $global:Machine.processes[[long]77] = @{ name = 'update.exe'; created = '20130219103100.000000+060' } }
}
function Get-Done { param($Moment, $What) return @(@($Moment.done) + @($global:Calls) | Where-Object { $_ -eq $What }).Count }
function Get-JobState { param($Id = 'job-1') $found = & $global:LyncOps { param($i) Get-JobVerdict $i } $Id; if ($null -eq $found) { return 'none' }; return $found['state'] }

# What a crash may not do, whatever is tried afterwards. Gives what is wrong.
function Get-Complaints {
    param($Moment, $Action, $Phase, $Recovery)
    $wrong = New-Object System.Collections.ArrayList
    $before = Get-Tree
    $facts = Invoke-Ask Get-LyncOpsFacts
    if (-not $facts.ok) { [void]$wrong.Add('a reader gets ' + $global:Line); return , $wrong }
    if ((Get-Tree) -cne $before) { [void]$wrong.Add('a question has written') }
    $state = Get-JobState
    # A task that the scheduler was told to run runs, whoever told it and died.
    if ($Phase -eq 'claim' -and $Moment.tasks['job-1'] -eq 'Running') { $global:Machine.ran = @('job-1') }
    if ($Phase -eq 'run' -and $Moment.tasks.ContainsKey('job-1')) { $global:Machine.tasks['job-1'] = 'Ready' }
    if ($Recovery -eq 'the same again') {
        foreach ($time in 1..2) {
            $again = Start-Job1 $Action
            if (-not $again.ok) { [void]$wrong.Add("the same order again gets $($again.error.code) $($again.error.message)") }
            Invoke-Tasks
        }
        # A claim that nobody lost goes on; a job that had begun is never begun again.
        $final = Get-JobState
        if ($Phase -eq 'claim' -and $final -cne 'Succeeded') { [void]$wrong.Add("claimed again and run, it is $final") }
        if ('Claimed', 'none' -ccontains $final) { [void]$wrong.Add("nothing became of it: $final") }
    }
    elseif ($Recovery -eq 'another one') {
        # The operator goes on with another number, if it may.
        $second = Start-Job1 $Action 'job-2'
        if (-not $second.ok -and $second.error.code -cne 'JobConflict') { [void]$wrong.Add("another job gets $($second.error.code) $($second.error.message)") }
        if (-not $second.ok -and 'Claimed', 'Running' -cnotcontains $state) { [void]$wrong.Add("a job that is $state is in the way of another") }
        Invoke-Tasks
        if ($second.ok) { try { Invoke-LyncOpsJob -Id 'job-1' } catch { $null = $_ } } # the first one's task comes late
        if ($Moment.installer -and @($global:Calls) -contains 'installer') { [void]$wrong.Add('a second installer runs beside the first') }
    }
    else {
        # Nobody comes back for a while, and the server restarts.
        $global:Machine.uptime = 400; $global:Machine.boot = '20130219120000.000000+060'; $global:Machine.processes.Remove([long]77)
        $global:Machine.tasks.Clone().Keys | ForEach-Object { $global:Machine.tasks[$_] = 'Ready' }
        $global:Machine.ran = @()
        if ('Claimed', 'Running' -ccontains (Get-JobState)) { [void]$wrong.Add('after a restart it is still ' + (Get-JobState)) }
        $cleared = Invoke-Order Clear-LyncOpsJobs '{"except":[]}'
        if (-not $cleared.ok) { [void]$wrong.Add('clearing gets ' + $cleared.error.message) }
        if ((Get-JobState) -cne 'none') { [void]$wrong.Add('it cannot be cleared') }
        $next = Start-Job1 $Action 'job-2'
        if (-not $next.ok -or $next.result.state -cne 'Claimed') { [void]$wrong.Add('nothing can be started any more: ' + $global:Line) }
        Invoke-Tasks
        if ((Get-JobState 'job-2') -cne 'Succeeded') { [void]$wrong.Add('the next job does not succeed: it is ' + (Get-JobState 'job-2')) }
    }
    if ($Recovery -eq 'the same again') {
        $effect = @{ RestartComputer = 'shutdown'; Install = 'installer' }[$Action]
        if ($null -ne $effect) {
            $times = Get-Done $Moment $effect
            if ($times -gt 1) { [void]$wrong.Add("$effect happened $times times") }
            if ((Get-JobState) -ceq 'Succeeded' -and $times -ne 1) { [void]$wrong.Add("it has succeeded, and $effect happened $times times") }
        }
    }
    if ((Get-JobState) -ceq 'Succeeded' -and $Action -eq 'StagePackage') {
        if (-not [System.IO.File]::Exists((Get-Staged)) -or (& $global:LyncOps { param($p) Get-FileSha256 $p } (Get-Staged)) -cne $global:Hash) { [void]$wrong.Add('it has succeeded without the package') }
    }
    # The way back is known before anything is stopped, and stays known.
    $baseline = [System.IO.Path]::Combine($global:Root, 'baseline.json')
    if (@($global:Machine.services | Where-Object { $_.Name -eq 'RTCSRV' -and $_.State -ne 'Running' }).Count -gt 0) {
        $kept = @(@((Invoke-Ask Get-LyncOpsFacts).result.baseline) | Where-Object { $null -ne $_ -and $_.name -eq 'RTCSRV' -and $_.status -eq 'Running' })
        if ($kept.Count -ne 1) { [void]$wrong.Add('RTCSRV is stopped and no baseline says that it ran') }
    }
    return , $wrong
}

# What is left of files that were being written when the power failed.
$cuts = [ordered]@{
    'a crash' = { }
    'a crash with half of what was being written' = { foreach ($file in [System.IO.Directory]::GetFiles($global:Root, '*.tmp', [System.IO.SearchOption]::AllDirectories)) { $bytes = [System.IO.File]::ReadAllBytes($file); [System.IO.File]::WriteAllBytes($file, [byte[]]@($bytes | Select-Object -First ([int]($bytes.Length / 2)))) } }
    # ReplaceFile takes the old file away before it gives its name to the new one.
    'a crash in the middle of the replacement' = { if ($global:Moment.replaced -ne '') { [System.IO.File]::Delete($global:Moment.replaced.Replace($global:Moment.folder, $global:Root)) } }
}
foreach ($doing in 'RestartComputer', 'StagePackage', 'Install', 'StopServices', 'StartServices') {
    foreach ($part in 'claim', 'run', 'clear') {
        if ($part -ne 'run' -and $doing -ne 'RestartComputer') { continue }
        if ($Action -ne '' -and ($doing -ne $Action -or $part -ne $Phase)) { continue }
        Set-World $doing
        $global:Moments.Clear()
        if ([System.IO.Directory]::Exists($global:CopyFolder)) { [System.IO.Directory]::Delete($global:CopyFolder, $true) }
        [void][System.IO.Directory]::CreateDirectory($global:CopyFolder)
        if ($part -ne 'claim') { $null = Start-Job1 $doing }
        if ($part -eq 'clear') { Invoke-Tasks; [System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'baseline.json'), '{"services":[]}') }
        $global:Recording = $true
        if ($part -eq 'claim') { $null = Start-Job1 $doing } elseif ($part -eq 'run') { Invoke-LyncOpsJob -Id 'job-1' } else { $null = Invoke-Order Clear-LyncOpsJobs '{"except":[]}' }
        $global:Recording = $false
        $all = @($global:Moments)
        "moments $doing $part $($all.Count)"
        $number = 0
        foreach ($global:Moment in $all) {
            $number++
            foreach ($cut in $cuts.Keys) {
                if ($cut -like '*replacement' -and $global:Moment.replaced -eq '') { continue }
                if ($cut -like '*half*' -and @([System.IO.Directory]::GetFiles($global:Moment.folder, '*.tmp', [System.IO.SearchOption]::AllDirectories)).Count -eq 0) { continue }
                foreach ($recovery in 'the same again', 'another one', 'a restart') {
                    if ($part -eq 'clear' -and $recovery -ne 'a restart') { continue }
                    if ($cut -like '*half*' -and $recovery -eq 'another one') { continue }
                    # How files are written and jobs told apart is the same for every action; what must not be done twice gets every try.
                    if ('RestartComputer', 'Install' -cnotcontains $doing -and ($cut -like '*half*' -or $recovery -eq 'another one')) { continue }
                    Set-Moment $global:Moment $doing
                    & $cuts[$cut]
                    $wrong = Get-Complaints $global:Moment $doing $part $recovery
                    Test-That "$doing, ${part}: $cut before $number ($($global:Moment.what)), then $recovery" ($wrong -join '; ') ''
                    if ($Action -ne '' -and $wrong.Count -gt 0) { 'done'; exit }
                }
            }
        }
    }
}
'done'
