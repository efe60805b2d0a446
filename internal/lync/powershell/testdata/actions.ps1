# What each job does, on a pretended server: the exact commands, the deadlines, the way back, the outcomes.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))

# Runs one job from order to end, as operator and task would, and gives it as a reader sees it.
function Get-Hash { param($Path) return & $global:LyncOps { param($p) Get-FileSha256 $p } $Path }
function Get-PackageFolder { param($Hash) return [System.IO.Path]::Combine($global:Root, 'packages', $Hash) }

# --- StagePackage
Reset-Machine
$source = [System.IO.Path]::Combine($env:ProgramData, 'source.exe')
[System.IO.File]::WriteAllBytes($source, [byte[]](@(77, 90, 0, 255) * 700000))
$hash = Get-Hash $source
$stage = '{"source":"' + $source + '","sha256":"' + $hash + '","fileName":"Lync Update (x64).exe"}'
$job = Invoke-Job StagePackage $stage
$package = [System.IO.Path]::Combine((Get-PackageFolder $hash), 'Lync Update (x64).exe')
Test-That 'copied and verified' "$(Get-Outcome $job) $((Get-Hash $package) -ceq $hash)" 'Succeeded True'
Test-That 'nothing else in its folder' @([System.IO.Directory]::GetFiles((Get-PackageFolder $hash))).Count '1'
[System.IO.File]::Delete($source)
Test-That 'already there: the source is not needed' (Get-Outcome (Invoke-Job StagePackage $stage 'job-2')) 'Succeeded'
[System.IO.File]::WriteAllText($package, 'tampered')
Test-That 'tampered and the source is gone' (Get-Outcome (Invoke-Job StagePackage $stage 'job-3')) 'Failed SourceUnreachable'
[System.IO.File]::WriteAllText($source, 'something else')
$job = Invoke-Job StagePackage $stage 'job-4'
Test-That 'another content' (Get-Outcome $job) 'Failed HashMismatch'
Test-That 'is not kept' @([System.IO.Directory]::GetFiles((Get-PackageFolder $hash)) | ForEach-Object { [System.IO.File]::ReadAllText($_) }) @('tampered')
[System.IO.File]::WriteAllBytes($source, [byte[]](@(77, 90, 0, 255) * 700000))
Test-That 'tampered and the source is back' "$(Get-Outcome (Invoke-Job StagePackage $stage 'job-5')) $((Get-Hash $package) -ceq $hash)" 'Succeeded True'
# The caller runs an https server whose certificate is trusted, and one whose certificate is not.
$web = '{"source":"' + $env:LYNCOPS_TEST_URL + '/package?token=tok-en","sha256":"' + $env:LYNCOPS_TEST_SHA256 + '","fileName":"web.exe"}'
$job = Invoke-Job StagePackage $web 'job-6'
Test-That 'over https' "$(Get-Outcome $job) $($job.message)" 'Succeeded '
Test-That 'the token in the address is in no log' ($job.logTail.Contains('tok-en') -or -not $job.logTail.Contains('/package')) 'False'
$job = Invoke-Job StagePackage ($web.Replace($env:LYNCOPS_TEST_URL, $env:LYNCOPS_TEST_UNTRUSTED_URL).Replace('web.exe', 'web2.exe')) 'job-7'
Test-That 'a certificate nobody trusts' (Get-Outcome $job) 'Failed SourceUnreachable'
$job = Invoke-Job StagePackage ($web.Replace('/package', '/downgrade').Replace('web.exe', 'web3.exe')) 'job-8'
Test-That 'an address that leads away from https' (Get-Outcome $job) 'Failed SourceUnreachable'
$job = Invoke-Job StagePackage ($web.Replace('/package', '/missing').Replace('web.exe', 'web4.exe')) 'job-9'
Test-That 'an address without a file' (Get-Outcome $job) 'Failed SourceUnreachable'
$job = Invoke-Job StagePackage ($web.Replace('/package', '/cut').Replace('web.exe', 'web5.exe')) 'job-10'
Test-Like 'a connection that breaks off' (Get-Outcome $job) '^Failed (SourceUnreachable|HashMismatch)$'
Test-That 'none of them left a file' @([System.IO.Directory]::GetFiles((Get-PackageFolder $env:LYNCOPS_TEST_SHA256)) | ForEach-Object { [System.IO.Path]::GetFileName($_) }) @('web.exe')

# --- Install
function Set-Package {
    param($Script)
    Reset-Machine
    $global:Machine.real = $true
    $temporary = [System.IO.Path]::Combine($env:ProgramData, 'installer')
    [System.IO.File]::WriteAllText($temporary, "#!/bin/sh`n" + $Script + "`n")
    $script:hash = Get-Hash $temporary
    [void][System.IO.Directory]::CreateDirectory((Get-PackageFolder $script:hash))
    $script:package = [System.IO.Path]::Combine((Get-PackageFolder $script:hash), 'installer.exe')
    [System.IO.File]::Move($temporary, $script:package)
    & chmod 755 $script:package
    $script:install = '{"sha256":"' + $script:hash + '","fileName":"installer.exe","arguments":["/silentmode"],"timeoutSeconds":60}'
}
foreach ($code in 0, 2) { Set-Package "exit $code"; $job = Invoke-Job Install $install; Test-That "exit code $code" "$(Get-Outcome $job) $($job.exitCode)" "Succeeded $code" }
Set-Package 'exit 1'
$job = Invoke-Job Install $install
Test-That 'exit code 1' "$(Get-Outcome $job) $($job.exitCode)" 'Failed InstallerFailed 1'
# A process here has an exit status of eight bits, so the large ones come from a pretended one.
foreach ($pair in @(@(3010, 'Succeeded 3010'), @(1641, 'Succeeded 1641'), @(1603, 'Failed InstallerFailed 1603'), @(-2147023293, 'Failed InstallerFailed -2147023293'))) {
    Set-Package 'exit 0'
    $global:exitCode = $pair[0]
    & $global:LyncOps {
        $script:RealStartInstaller = ${function:Start-Installer}
        function script:Start-Installer { $p = [pscustomobject]@{ Id = 1; ExitCode = $global:exitCode }; Add-Member -InputObject $p -MemberType ScriptMethod -Name WaitForExit -Value { return $true }; return $p }
    }
    $job = Invoke-Job Install $install
    Test-That "exit code $($pair[0])" "$(Get-Outcome $job) $($job.exitCode)" $pair[1]
    & $global:LyncOps { Set-Item -Path function:script:Start-Installer -Value $script:RealStartInstaller }
}
Set-Package 'for a in "$@"; do printf "<%s>" "$a"; done > arguments.txt; for i in 1 2 3 4 5 6 7 8 9; do grep -q "childProcessId\":[0-9]" ../../jobs/job-1/state.json && break; sleep 1; done; cp ../../jobs/job-1/state.json seen.json'
$job = Invoke-Job Install $install.Replace('["/silentmode"]', '["/silentmode","two words","","a\"b","c\\d\\","e f\\","%TEMP%","$(id)","; exit 1"]')
Test-That 'arguments arrive as they are, in the folder of the package' ([System.IO.File]::ReadAllText([System.IO.Path]::Combine((Get-PackageFolder $hash), 'arguments.txt'))) '</silentmode><two words><><a"b><c\d\><e f\><%TEMP%><$(id)><; exit 1>'
$seen = [System.IO.File]::ReadAllText([System.IO.Path]::Combine((Get-PackageFolder $hash), 'seen.json')) | ConvertFrom-Json
Test-That 'while it runs its process is on record' "$($seen.state) $($seen.childProcessId -gt 1) $($seen.processId -eq $PID)" 'Running True True'
Test-That 'the process that installs never loads the Lync module' @(Get-Module Lync).Count '0'
Set-Package 'exec sleep 60'
$global:Machine.tick = 40
$job = Invoke-Job Install $install
Test-That 'an installer without end is ended' (Get-Outcome $job) 'Failed InstallerTimeout'
Test-Like 'and it is said so' $job.message 'did not end within 60 seconds\. It was ended\.'
Reset-Machine
$global:Machine.processes[[long]500] = @{ name = 'installer.exe'; created = '20130219103001.000000+000'; parent = 1 }
$global:Machine.processes[[long]501] = @{ name = 'msiexec.exe'; created = '20130219103002.000000+000'; parent = 500 }
$global:Machine.processes[[long]502] = @{ name = 'cscript.exe'; created = '20130219113003.000000+060'; parent = 501 }
$global:Machine.processes[[long]400] = @{ name = 'orphan.exe'; created = '20130219100000.000000+000'; parent = 500 }
& $global:LyncOps { $script:RealStop = ${function:Stop-OneProcess}; function script:Stop-OneProcess { param($ProcessId) $global:Calls += "end $ProcessId" }; Stop-ProcessTree 500 '2013-02-19T10:30:01.000000Z'; Set-Item -Path function:script:Stop-OneProcess -Value $script:RealStop }
Test-That 'with an installer end its descendants, but no orphan with the same parent number' @($global:Calls) @('end 502', 'end 501', 'end 500')
Set-Package 'touch ran'
[System.IO.File]::AppendAllText($package, '# changed')
$job = Invoke-Job Install $install
Test-That 'a package that changed after it was staged is not run' "$(Get-Outcome $job) $([System.IO.File]::Exists([System.IO.Path]::Combine((Get-PackageFolder $hash), 'ran')))" 'Failed HashMismatch False'
Set-Package 'touch ran'
$global:Machine.processes[[long]88] = @{ name = 'INSTALLER.exe'; created = '20130219100005.000000+000' }
$job = Invoke-Job Install $install
Test-That 'no second installer beside one that runs' "$(Get-Outcome $job) $([System.IO.File]::Exists([System.IO.Path]::Combine((Get-PackageFolder $hash), 'ran')))" 'Failed InstallerFailed False'
Test-Like 'which is named' $job.message 'process 88'
Reset-Machine
Test-That 'a package that is not staged' (Get-Outcome (Invoke-Job Install $install)) 'Failed HashMismatch'

# --- StopServices
$graceful = '{"graceful":true,"timeoutSeconds":600,"onTimeout":"Fail","webServer":false}'
$baseline = [System.IO.Path]::Combine($global:Root, 'baseline.json')
function Get-Baseline { return @((Invoke-Ask Get-LyncOpsFacts).result.baseline | ForEach-Object { "$($_.name) $($_.status) $($_.startType)" }) }
Reset-Machine
$global:Answers['graceful'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Paused'; $global:Machine.events += @{ at = $global:Machine.uptime + 60; then = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Stopped' } } }
$job = Invoke-Job StopServices $graceful
Test-That 'drained within the deadline' "$(Get-Outcome $job) $($global:Calls)" 'Succeeded Stop-CsWindowsService -Graceful -NoWait'
Test-That 'the baseline tells how it was' (Get-Baseline) @('FabricHostSvc Running Automatic', 'REPLICA Running Automatic', 'RTCRGS Stopped Manual', 'RTCSRV Running Automatic', 'W3SVC Running Automatic')
Test-Like 'the log holds what the cmdlet said' $job.logTail 'Stopping services\.'
$job = Invoke-Job StopServices $graceful 'job-2'
Test-That 'stopped already: stopped again all the same, as published' "$(Get-Outcome $job) $($global:Calls[-1])" 'Succeeded Stop-CsWindowsService -Graceful -NoWait'
Test-Like 'and the baseline is kept' (Get-Baseline) 'RTCSRV Running'
Reset-Machine
$global:Answers['graceful'] = { Set-ServiceState '^RTCSRV$' 'Stopped'; Set-ServiceState '^REPLICA$' 'Paused' }
$job = Invoke-Job StopServices $graceful
Test-That 'a service that does not drain' "$(Get-Outcome $job) $($global:Calls)" 'Failed DrainTimeout Stop-CsWindowsService -Graceful -NoWait'
Test-Like 'is named' $job.message '^After 600 seconds of draining REPLICA is Paused\.$'
Test-That 'the deadline was kept' ($global:Machine.uptime -ge 90600 -and $global:Machine.uptime -le 90610) 'True'
$global:Answers['stop'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Stopped' }
$job = Invoke-Job StopServices $graceful.Replace('"Fail"', '"StopAtOnce"') 'job-2'
Test-That 'then at once, when that is wanted' "$(Get-Outcome $job) $($global:Calls[1..2] -join ', ')" 'Succeeded Stop-CsWindowsService -Graceful -NoWait, Stop-CsWindowsService -NoWait'
Reset-Machine
$job = Invoke-Job StopServices $graceful.Replace('"Fail"', '"StopAtOnce"')
Test-That 'a service that does not stop at all' (Get-Outcome $job) 'Failed ServiceStuck'
Reset-Machine
$global:Answers['stop'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Stopped' }
$job = Invoke-Job StopServices '{"graceful":false,"timeoutSeconds":600,"onTimeout":"Fail","webServer":true}'
Test-That 'not gracefully, with the web server' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded Stop-CsWindowsService -NoWait, stop W3SVC'
Test-That 'SQL Server and the fabric run on' "$(Get-ServiceState 'MSSQL$RTCLOCAL') $(Get-ServiceState 'FabricHostSvc')" 'Running Running'
Reset-Machine
$global:Answers['graceful'] = { Write-Error 'Access denied.' }
Test-That 'a cmdlet that fails' (Get-Outcome (Invoke-Job StopServices $graceful)) 'Failed CmdletFailed'
Reset-Machine
$global:Answers['graceful'] = { Write-Warning 'Some service was slow.'; Set-ServiceState '^(RTCSRV|REPLICA)$' 'Stopped' }
Test-Like 'warnings are in the log' (Invoke-Job StopServices $graceful).logTail 'Some service was slow\.'
Reset-Machine
$global:Machine.diskFull = 0
[System.IO.File]::WriteAllText($baseline, '{"services":')
$order = Invoke-Order Start-LyncOpsJob ('{"id":"job-1","action":"StopServices","parameters":' + $graceful + ',"principal":{"kind":"LocalSystem"}}')
Invoke-LyncOpsJob -Id 'job-1'
Test-That 'nothing is stopped when the way back cannot be read' "$($global:Calls.Count) $(([System.IO.File]::ReadAllText([System.IO.Path]::Combine($global:Root, 'jobs', 'job-1', 'state.json')) | ConvertFrom-Json).state)" '0 Failed'
Test-That 'and the unreadable baseline is kept' ([System.IO.File]::ReadAllText($baseline)) '{"services":'

# --- the web server
Reset-Machine
Test-That 'W3SVC stops' "$(Get-Outcome (Invoke-Job StopWebServer '{"timeoutSeconds":60}')) $($global:Calls)" 'Succeeded stop W3SVC'
Test-That 'W3SVC is stopped already' "$(Get-Outcome (Invoke-Job StopWebServer '{"timeoutSeconds":60}' 'job-2')) $($global:Calls.Count)" 'Succeeded 1'
Test-That 'W3SVC starts' "$(Get-Outcome (Invoke-Job StartWebServer '{"timeoutSeconds":60}' 'job-3')) $($global:Calls[-1])" 'Succeeded start W3SVC'
Test-That 'W3SVC runs already' "$(Get-Outcome (Invoke-Job StartWebServer '{"timeoutSeconds":60}' 'job-4')) $($global:Calls.Count)" 'Succeeded 2'
$global:Machine.services = @($global:Machine.services | Where-Object { $_.Name -ne 'W3SVC' })
Test-That 'no W3SVC to stop' (Get-Outcome (Invoke-Job StopWebServer '{"timeoutSeconds":60}' 'job-5')) 'Succeeded'
Test-That 'no W3SVC to start' (Get-Outcome (Invoke-Job StartWebServer '{"timeoutSeconds":60}' 'job-6')) 'Failed CmdletFailed'
Reset-Machine
Set-ServiceState '^W3SVC$' 'Stop Pending'
Test-That 'W3SVC hangs' "$(Get-Outcome (Invoke-Job StopWebServer '{"timeoutSeconds":60}')) $($global:Calls.Count)" 'Failed ServiceStuck 0'

# --- StartServices
Reset-Machine
[System.IO.File]::WriteAllText($baseline, '{"services":[{"name":"RTCSRV","status":"Running","startType":"Automatic"},{"name":"REPLICA","status":"Running","startType":"Manual"},{"name":"RTCRGS","status":"Stopped","startType":"Manual"},{"name":"W3SVC","status":"Running","startType":"Automatic"}]}')
Set-ServiceState '^(RTCSRV|REPLICA|W3SVC)$' 'Stopped'
foreach ($service in $global:Machine.services) { if ($service.Name -match '^(RTCSRV|RTCRGS)$') { $service.StartMode = 'Disabled' } }
$global:Answers['start'] = { $global:Machine.events += @{ at = $global:Machine.uptime + 300; then = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Running' } } }
$job = Invoke-Job StartServices '{"timeoutSeconds":900}'
Test-That 'start types first, then the web server, then Lync' "$(Get-Outcome $job) $($global:Calls -join ', ')" 'Succeeded type RTCSRV Automatic, type REPLICA Manual, type RTCRGS Manual, start W3SVC, Start-CsWindowsService -NoWait'
Test-That 'what did not run before is not waited for' (Get-ServiceState 'RTCRGS') 'Stopped'
Set-ServiceState '^RTCSRV$' 'Start Pending'
$global:Answers['start'] = $null
$job = Invoke-Job StartServices '{"timeoutSeconds":900}' 'job-2'
Test-That 'a service that does not start' "$(Get-Outcome $job) $($job.message)" 'Failed ServiceStuck After 900 seconds RTCSRV is StartPending.'
Reset-Machine
$job = Invoke-Job StartServices '{"timeoutSeconds":900}'
Test-That 'without a baseline: what starts automatically' "$(Get-Outcome $job) $($global:Calls.Count)" 'Succeeded 0'
Set-ServiceState '^REPLICA$' 'Stopped'
$global:Answers['start'] = { Set-ServiceState '^REPLICA$' 'Running' }
Test-That 'is started' "$(Get-Outcome (Invoke-Job StartServices '{"timeoutSeconds":900}' 'job-2')) $($global:Calls)" 'Succeeded Start-CsWindowsService -NoWait'
foreach ($resumes in $true, $false) {
    Reset-Machine
    $global:Machine.resumes = $resumes
    $global:Answers['graceful'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Paused' }
    $global:Answers['start'] = { Set-ServiceState '^(RTCSRV|REPLICA)$' 'Running' }
    [void](Invoke-Job StopServices $graceful)
    $global:Calls = @()
    $job = Invoke-Job StartServices '{"timeoutSeconds":900}' 'job-2'
    $calls = 'resume REPLICA, resume RTCSRV'
    if (-not $resumes) { $calls += ', Start-CsWindowsService -NoWait' }
    Test-That "a drain that was given up is undone where services resume: $resumes" "$(Get-Outcome $job) $($global:Calls -join ', ')" "Succeeded $calls"
}

# --- RestartComputer
foreach ($pair in @(@(0, 'Succeeded'), @(1190, 'Succeeded'), @(1115, 'Succeeded'), @(5, 'Failed AccessDenied'), @(87, 'Failed CmdletFailed'))) {
    Reset-Machine
    $global:Machine.shutdown = $pair[0]
    Test-That "shutdown.exe ended with $($pair[0])" "$(Get-Outcome (Invoke-Job RestartComputer '{"delaySeconds":7}')) $($global:Calls)" "$($pair[1]) shutdown 7"
}

# --- UpdateDatabases
$published = [ordered]@{
    Enterprise = 'Install-CsDatabase -Update -ConfiguredDatabases -SqlServerFqdn sql01.contoso.com'
    EnterpriseCollocated = 'Install-CsDatabase -Update -ConfiguredDatabases -SqlServerFqdn sql01.contoso.com -ExcludeCollocatedStores'
    Standard = 'Install-CsDatabase -Update -LocalDatabases'
    CentralManagement = 'Install-CsDatabase -Update -CentralManagementDatabase -SqlServerFqdn sql01.contoso.com -SqlInstanceName rtc'
}
foreach ($variant in $published.Keys) {
    Reset-Machine
    $job = Invoke-Job UpdateDatabases ('{"variant":"' + $variant + '","update":true,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"rtc","timeoutSeconds":60}')
    Test-That "the published command for $variant" "$(Get-Outcome $job) $([System.IO.File]::ReadAllText($env:LYNC_CALLS).TrimEnd())" "Succeeded $($published[$variant])"
    Test-Like "its words are in the log for $variant" $job.logTail 'Verbose: Updating databases\.[\s\S]*Warning: Collocated stores were found\.|Warning: Collocated[\s\S]*Verbose: Updating'
    Reset-Machine
    $job = Invoke-Job UpdateDatabases ('{"variant":"' + $variant + '","update":false,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"rtc","timeoutSeconds":60}')
    Test-That "the same without -Update for $variant" "$(Get-Outcome $job) $([System.IO.File]::ReadAllText($env:LYNC_CALLS).TrimEnd())" "Succeeded $($published[$variant].Replace(' -Update', ''))"
}
Reset-Machine
$job = Invoke-Job UpdateDatabases '{"variant":"CentralManagement","update":true,"sqlServerFqdn":"sql01.contoso.com","sqlInstanceName":"","timeoutSeconds":60}'
Test-That 'the default instance has no name' ([System.IO.File]::ReadAllText($env:LYNC_CALLS).TrimEnd()) 'Install-CsDatabase -Update -CentralManagementDatabase -SqlServerFqdn sql01.contoso.com'
foreach ($bad in '"variant":"Standard","sqlInstanceName":""', '"variant":"Standard","update":"yes","sqlInstanceName":""', '"variant":"Standard","update":true', '"variant":"Standard","update":true,"sqlInstanceName":"a b"', '"variant":"CentralManagement","update":true,"sqlInstanceName":""') {
    $refused = Invoke-Order Start-LyncOpsJob ('{"id":"job-9","action":"UpdateDatabases","parameters":{' + $bad + ',"timeoutSeconds":60},"principal":{"kind":"LocalSystem"}}')
    Test-Like "no update of databases with $bad" "$($refused.error.code) $($refused.error.message)" '^BadArgument parameters\.(update|sqlInstanceName|sqlServerFqdn): '
}
$database = '{"variant":"Standard","update":true,"sqlServerFqdn":"","sqlInstanceName":"","timeoutSeconds":60}'
Reset-Machine
$env:LYNC_DATABASE = 'fail'
$job = Invoke-Job UpdateDatabases $database
Test-That 'a database update that fails' "$(Get-Outcome $job) $($job.message)" 'Failed DatabaseUpdateFailed Login failed for user.'
Reset-Machine
$env:LYNC_DATABASE = 'hang'
$global:Machine.tick = 40
$job = Invoke-Job UpdateDatabases $database
Test-That 'a database update without end is stopped' (Get-Outcome $job) 'Failed DatabaseUpdateFailed'
Test-Like 'and it is said so' $job.message 'did not end within 60 seconds and was stopped'
$env:LYNC_DATABASE = ''

# --- a record that was altered on the disk between claim and begin
Reset-Machine
$null = Invoke-Order Start-LyncOpsJob '{"id":"job-1","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}'
$path = [System.IO.Path]::Combine($global:Root, 'jobs', 'job-1', 'state.json')
[System.IO.File]::WriteAllText($path, [System.IO.File]::ReadAllText($path).Replace('"delaySeconds":5', '"delaySeconds":"5; calc"'))
Invoke-LyncOpsJob -Id 'job-1'
$job = @((Invoke-Ask Get-LyncOpsFacts).result.jobs)[0]
Test-That 'is refused like any other argument' "$(Get-Outcome $job) $($global:Calls.Count)" 'Failed Internal 0'
Test-Like 'by the name of the field' $job.message '^parameters\.delaySeconds: '
Test-That 'the log is cut to its end' $([System.IO.File]::WriteAllText([System.IO.Path]::Combine($global:Root, 'jobs', 'job-1', 'log.txt'), 'a' * 5000 + ([char]0x20ac) + 'z'); $tail = @((Invoke-Ask Get-LyncOpsFacts).result.jobs)[0].logTail; "$($tail.Length) $($global:Line.Contains('a\u20acz'))") '2000 True'
[System.Console]::Out.WriteLine('done')
