#requires -Version 3.0
# LyncOps.psm1 - what the Lync operator runs on a Lync or Skype for Business server.
#
# WHO READS THIS: the administrator who must allow this file on a server. Everything the operator can do on the server is
# in this one file. The page docs/server-protocol.md describes each question and order, argument by argument.
#
# WHAT IT DOES
#   Questions change nothing: Get-LyncOpsFacts, Get-LyncOpsTopology, Get-LyncOpsPoolReadiness, Get-LyncOpsPoolFabric,
#   Get-LyncOpsDatabase, Get-LyncOpsDatabaseMirror, Get-LyncOpsLocalDatabase, Get-LyncOpsPatchVersion, Get-LyncOpsServing,
#   Get-LyncOpsReplication, Get-LyncOpsPartner, Get-LyncOpsPreflight.
#   Get-LyncOpsFacts reads only the registry, WMI and our own files; Get-LyncOpsLocalDatabase reads sys.databases of the local
#   SQL Server instances. Get-LyncOpsPreflight lets secedit.exe write the user rights to a file of ours, reads and deletes it, when it is
#   asked about the account of the jobs.
#   Start-LyncOpsJob registers one scheduled task in the folder \LyncOps and runs it. The task calls Invoke-LyncOpsJob,
#   which does one of: copy and verify an update package, stop or start the Lync services or W3SVC, run the verified
#   package, restart the computer, fail a front end of Skype for Business over and back (Invoke-CsComputerFailOver and
#   -FailBack), fail a pool over to its backup pool and back, move the central management store there first, run Install-CsDatabase. Clear-LyncOpsJobs files finished jobs under history.
#   All files are in %ProgramData%\LyncOps, which belongs to Administrators and SYSTEM alone. The services' states
#   and start types are written to baseline.json before the first stop, so that they can always be restored.
#
# WHAT IT NEVER DOES
#   It builds no code from data: arguments are JSON, checked field by field, and used only as parameter values. It loads the Lync
#   module neither in Get-LyncOpsFacts nor in the process that runs the installer, and refuses to load it elsewhere while an installer
#   of ours runs. It deletes or rebuilds no database, breaks no mirror, resets no pool state, uninstalls nothing, and asks no
#   WMI class that makes Windows Installer check its products. It skips no certificate check. It runs a package only
#   after comparing its SHA-256. It starts a second installer neither beside a running one nor for the same job id.
#   A password arrives on standard input and goes to the task scheduler (COM call) and nowhere else: no file, no
#   log, no command line, no parameter that module logging could write to the event log.
#
# JOBS
#   jobs\<id>\state.json is created under the machine-wide mutex Global\LyncOps by moving a complete file to a name that must not
#   exist, and is later replaced as a whole. A job holds process id and process creation time; it is alive while that very process, or
#   the installer it started, is. No clock decides that, so a clock that jumps neither loses nor doubles a job. A claimed job must
#   begin within five minutes of uptime, otherwise it counts as Interrupted and its task refuses to begin. A verdict "Interrupted"
#   is written down before another job may start. Unreadable state is reported as Interrupted and never overwritten.
#   Deadlines of services are kept by asking Stop-/Start-CsWindowsService not to wait (-NoWait) and watching the service
#   manager; an installer that outlives its deadline is ended together with the processes it started; a database
#   update that outlives its deadline is stopped as Ctrl+C would. Deadlines count uptime, not clock time.
#
# HOW TO SIGN IT
#   The operator embeds this file and stages it under module\<SHA-256 of the file>. Where the policy is AllSigned, sign the file in
#   the source tree before the operator is built:
#     Set-AuthenticodeSignature -FilePath .\LyncOps.psm1 -Certificate $cert -TimestampServer http://timestamp.example.com
#   and build. The signature is part of the file, so the SHA-256 follows. Do not sign or edit a staged copy: the operator would
#   stage the file it knows beside it. Trust the signer's certificate (Trusted Publishers) on the servers.
#
# Windows PowerShell 3.0 syntax, ASCII only, on Windows Server 2008 R2 SP1 to 2022.

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'

$script:ClaimSeconds = 300          # a claimed job begins within this many seconds of uptime, or never
$script:PollSeconds = 5             # between two looks at the service manager
$script:StopAtOnceSeconds = 600     # what services get to stop at once after their drain deadline
$script:LockSeconds = 30            # for the machine-wide mutex
$script:LogTailCharacters = 2000
$script:Password = $null            # never bound to a parameter: module logging would write it to the event log
$script:JsonText = ''
$script:JsonAt = 0
$script:LogPath = $null
$script:ModulePath = $PSCommandPath
$script:FinishedStates = @('Succeeded', 'Failed', 'Interrupted')
$script:CollocatedNames = @('LcsLog', 'LcsCDR', 'QoEMetrics')

# ---------------------------------------------------------------------------------------------------------------------
# Failures. A failure carries a code (for questions and orders) or an outcome (for jobs) in the exception's Data.

function Stop-WithCode {
    param([string]$Code, [string]$Message, [string]$Detail = '')
    $failure = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $failure.Data['LyncOpsCode'] = $Code
    $failure.Data['LyncOpsDetail'] = $Detail
    throw $failure
}

function Stop-WithOutcome {
    param([string]$Outcome, [string]$Message, $ExitCode = $null)
    $failure = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $failure.Data['LyncOpsOutcome'] = $Outcome
    $failure.Data['LyncOpsExitCode'] = $ExitCode
    throw $failure
}

# The innermost exception tells what happened; the outer ones say that a method was called.
function Get-RootFailure {
    param($Exception)
    $failure = $Exception
    for (;;) {
        if ($failure -is [System.Management.Automation.ActionPreferenceStopException] -and $null -ne $failure.ErrorRecord) { $next = $failure.ErrorRecord.Exception }
        else { $next = $failure.InnerException }
        if ($null -eq $next -or [object]::ReferenceEquals($next, $failure)) { return $failure }
        $failure = $next
    }
}

function Hide-Secret {
    param([string]$Text)
    if (-not [string]::IsNullOrEmpty($script:Password)) { $Text = $Text.Replace($script:Password, '***') }
    return $Text
}

# Runs Lync or Windows cmdlets and turns what they throw into CmdletFailed or CmdletMissing. A cmdlet that writes $null has said nothing.
function Invoke-Cmdlet {
    param([scriptblock]$Block)
    try { & $Block | Where-Object { $null -ne $_ } }
    catch {
        $failure = Get-RootFailure $_.Exception
        if ($failure.Data.Contains('LyncOpsCode') -or $failure.Data.Contains('LyncOpsOutcome')) { throw }
        if ($failure -is [System.Management.Automation.CommandNotFoundException]) {
            Stop-WithCode 'CmdletMissing' ('The command ' + $failure.CommandName + ' is not on this server.')
        }
        Stop-WithCode 'CmdletFailed' $failure.Message ([string]$_.FullyQualifiedErrorId)
    }
}

# ---------------------------------------------------------------------------------------------------------------------
# JSON. Own reader and writer: the same bytes from every PowerShell, lists stay lists, no date guessing, and no text that
# may hold a password is bound to a cmdlet parameter.

# The angle brackets are escaped too, so that no text can look like the marks around an answer.
$script:JsonSpecial = New-Object -TypeName System.Text.RegularExpressions.Regex -ArgumentList '[^\x20-\x7e]|["\\<>]'

function ConvertTo-JsonString {
    param([string]$Text)
    $out = New-Object -TypeName System.Text.StringBuilder
    [void]$out.Append('"')
    $at = 0
    foreach ($special in $script:JsonSpecial.Matches($Text)) {
        [void]$out.Append($Text, $at, $special.Index - $at)
        $at = $special.Index + 1
        $code = [int]$Text[$special.Index]
        if ($code -eq 34) { [void]$out.Append('\"') }
        elseif ($code -eq 92) { [void]$out.Append('\\') }
        elseif ($code -eq 10) { [void]$out.Append('\n') }
        elseif ($code -eq 13) { [void]$out.Append('\r') }
        elseif ($code -eq 9) { [void]$out.Append('\t') }
        else { [void]$out.Append('\u' + $code.ToString('x4')) }
    }
    [void]$out.Append($Text, $at, $Text.Length - $at)
    [void]$out.Append('"')
    return $out.ToString()
}

function ConvertTo-LyncOpsJson {
    param($Value, [int]$Depth = 12)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [string] -or $Value -is [char] -or $Value -is [guid] -or $Value -is [uri] -or $Value -is [version] -or $Value -is [timespan]) {
        return ConvertTo-JsonString ([string]$Value)
    }
    if ($Value -is [bool]) { if ($Value) { return 'true' } else { return 'false' } }
    if ($Value -is [enum]) { return ConvertTo-JsonString ($Value.ToString()) }
    if ($Value -is [datetime]) { return ConvertTo-JsonString (Format-Time $Value) }
    if ($Value -is [double] -or $Value -is [single]) {
        if ([double]::IsNaN($Value) -or [double]::IsInfinity($Value)) { return 'null' }
        return ([double]$Value).ToString('R', [System.Globalization.CultureInfo]::InvariantCulture)
    }
    if ($Value -is [decimal]) { return $Value.ToString([System.Globalization.CultureInfo]::InvariantCulture) }
    if ($Value -is [byte] -or $Value -is [sbyte] -or $Value -is [int16] -or $Value -is [uint16] -or $Value -is [int] -or $Value -is [uint32] -or
        $Value -is [long] -or $Value -is [uint64]) {
        return $Value.ToString([System.Globalization.CultureInfo]::InvariantCulture)
    }
    if ($Depth -le 0) { return ConvertTo-JsonString "$Value" }
    $parts = New-Object -TypeName System.Collections.Generic.List[string]
    if ($Value -is [System.Collections.IDictionary]) {
        foreach ($key in $Value.PSBase.Keys) { $parts.Add((ConvertTo-JsonString ([string]$key)) + ':' + (ConvertTo-LyncOpsJson $Value[$key] ($Depth - 1))) }
        return '{' + [string]::Join(',', $parts.ToArray()) + '}'
    }
    if ($Value -is [System.Collections.IEnumerable]) {
        foreach ($item in $Value) { $parts.Add((ConvertTo-LyncOpsJson $item ($Depth - 1))) }
        return '[' + [string]::Join(',', $parts.ToArray()) + ']'
    }
    foreach ($property in @($Value.PSObject.Properties)) {
        if (-not $property.IsGettable) { continue }
        $content = $null
        try { $content = $property.Value } catch { $content = $null }
        $parts.Add((ConvertTo-JsonString $property.Name) + ':' + (ConvertTo-LyncOpsJson $content ($Depth - 1)))
    }
    # An object without properties is best known by its own text.
    if ($parts.Count -eq 0 -and $Value -isnot [System.Management.Automation.PSCustomObject]) { return ConvertTo-JsonString "$Value" }
    return '{' + [string]::Join(',', $parts.ToArray()) + '}'
}

function Stop-JsonReading {
    # Says where, never what: the text may hold a password.
    throw (New-Object -TypeName System.FormatException -ArgumentList ('not JSON at character ' + $script:JsonAt))
}

function Skip-JsonSpace {
    while ($script:JsonAt -lt $script:JsonText.Length -and " `t`r`n".IndexOf($script:JsonText[$script:JsonAt]) -ge 0) { $script:JsonAt++ }
}

function Read-JsonString {
    if ($script:JsonAt -ge $script:JsonText.Length -or $script:JsonText[$script:JsonAt] -ne [char]34) { Stop-JsonReading }
    $script:JsonAt++
    $out = New-Object -TypeName System.Text.StringBuilder
    for (;;) {
        $next = $script:JsonText.IndexOfAny([char[]]@([char]34, [char]92), $script:JsonAt)
        if ($next -lt 0) { Stop-JsonReading }
        [void]$out.Append($script:JsonText, $script:JsonAt, $next - $script:JsonAt)
        $script:JsonAt = $next + 1
        if ($script:JsonText[$next] -eq [char]34) { break }
        if ($script:JsonAt -ge $script:JsonText.Length) { Stop-JsonReading }
        $escape = $script:JsonText[$script:JsonAt]
        $script:JsonAt++
        switch -CaseSensitive ([string]$escape) {
            'n' { [void]$out.Append([char]10) }
            'r' { [void]$out.Append([char]13) }
            't' { [void]$out.Append([char]9) }
            'b' { [void]$out.Append([char]8) }
            'f' { [void]$out.Append([char]12) }
            'u' {
                $code = 0
                if ($script:JsonAt + 4 -gt $script:JsonText.Length -or -not [int]::TryParse($script:JsonText.Substring($script:JsonAt, 4),
                        [System.Globalization.NumberStyles]::AllowHexSpecifier, [System.Globalization.CultureInfo]::InvariantCulture, [ref]$code)) { Stop-JsonReading }
                [void]$out.Append([char]$code)
                $script:JsonAt += 4
            }
            default { if ('"\/'.IndexOf($escape) -lt 0) { Stop-JsonReading }; [void]$out.Append($escape) }
        }
    }
    return $out.ToString()
}

function Read-JsonValue {
    param([int]$Depth = 20)
    if ($Depth -le 0) { Stop-JsonReading }
    Skip-JsonSpace
    if ($script:JsonAt -ge $script:JsonText.Length) { Stop-JsonReading }
    $first = $script:JsonText[$script:JsonAt]
    if ($first -eq [char]34) { return Read-JsonString }
    if ($first -eq '{') {
        $object = New-Object -TypeName System.Collections.Specialized.OrderedDictionary -ArgumentList ([System.StringComparer]::Ordinal)
        $script:JsonAt++
        Skip-JsonSpace
        if ($script:JsonAt -lt $script:JsonText.Length -and $script:JsonText[$script:JsonAt] -eq '}') { $script:JsonAt++; return $object }
        for (;;) {
            Skip-JsonSpace
            $key = Read-JsonString
            if ($object.Contains($key)) { Stop-JsonReading }
            Skip-JsonSpace
            if ($script:JsonAt -ge $script:JsonText.Length -or $script:JsonText[$script:JsonAt] -ne ':') { Stop-JsonReading }
            $script:JsonAt++
            $object[$key] = Read-JsonValue ($Depth - 1)
            Skip-JsonSpace
            if ($script:JsonAt -ge $script:JsonText.Length) { Stop-JsonReading }
            $separator = $script:JsonText[$script:JsonAt]
            $script:JsonAt++
            if ($separator -eq '}') { return $object }
            if ($separator -ne ',') { Stop-JsonReading }
        }
    }
    if ($first -eq '[') {
        $list = New-Object -TypeName System.Collections.ArrayList
        $script:JsonAt++
        Skip-JsonSpace
        if ($script:JsonAt -lt $script:JsonText.Length -and $script:JsonText[$script:JsonAt] -eq ']') { $script:JsonAt++; return , $list.ToArray() }
        for (;;) {
            $item = Read-JsonValue ($Depth - 1)
            [void]$list.Add($item)
            Skip-JsonSpace
            if ($script:JsonAt -ge $script:JsonText.Length) { Stop-JsonReading }
            $separator = $script:JsonText[$script:JsonAt]
            $script:JsonAt++
            if ($separator -eq ']') { return , $list.ToArray() }
            if ($separator -ne ',') { Stop-JsonReading }
        }
    }
    foreach ($word in 'true', 'false', 'null') {
        if ([string]::CompareOrdinal($script:JsonText, $script:JsonAt, $word, 0, $word.Length) -eq 0) {
            $script:JsonAt += $word.Length
            if ($word -eq 'null') { return $null }
            return ($word -eq 'true')
        }
    }
    $number = (New-Object -TypeName System.Text.RegularExpressions.Regex -ArgumentList '\G-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?').Match($script:JsonText, $script:JsonAt)
    if (-not $number.Success) { Stop-JsonReading }
    $script:JsonAt += $number.Length
    $integer = [long]0
    $invariant = [System.Globalization.CultureInfo]::InvariantCulture
    if ([long]::TryParse($number.Value, [System.Globalization.NumberStyles]::AllowLeadingSign, $invariant, [ref]$integer)) { return $integer }
    return [double]::Parse($number.Value, $invariant)
}

# Reads the one object in $script:JsonText.
function Read-JsonDocument {
    try {
        $script:JsonAt = 0
        $document = Read-JsonValue
        Skip-JsonSpace
        if ($script:JsonAt -ne $script:JsonText.Length) { Stop-JsonReading }
        if ($document -isnot [System.Collections.IDictionary]) { $script:JsonAt = 0; Stop-JsonReading }
        return $document
    }
    finally { $script:JsonText = '' }
}

# ---------------------------------------------------------------------------------------------------------------------
# Time

function Format-Time {
    param($Time)
    if ($null -eq $Time) { return $null }
    return ([datetime]$Time).ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
}

# WMI gives local time with the offset in minutes: 20130219103000.500000+060.
function ConvertFrom-WmiTime {
    param([string]$Text)
    if ([string]::IsNullOrEmpty($Text)) { return $null }
    $parsed = [regex]::Match($Text, '^([0-9]{14}\.[0-9]{6})([+-][0-9]{3})\z')
    if (-not $parsed.Success) { Stop-WithCode 'UnknownShape' 'WMI gave a time that is not one.' (ConvertTo-JsonString $Text) }
    $invariant = [System.Globalization.CultureInfo]::InvariantCulture
    $local = [datetime]::ParseExact($parsed.Groups[1].Value, 'yyyyMMddHHmmss.ffffff', $invariant)
    return [datetime]::SpecifyKind($local.AddMinutes(-[int]$parsed.Groups[2].Value), [System.DateTimeKind]::Utc)
}

function Get-UtcNow { return [datetime]::UtcNow }

# Seconds since the system started; unlike the clock nobody can set it.
function Get-UptimeSeconds { return [long][System.Math]::Floor([System.Diagnostics.Stopwatch]::GetTimestamp() / [System.Diagnostics.Stopwatch]::Frequency) }

function Wait-Seconds {
    param([int]$Seconds)
    Start-Sleep -Seconds $Seconds
}

# ---------------------------------------------------------------------------------------------------------------------
# What only Windows has: registry, WMI, service manager, task scheduler, mutex. Each behind one small function.

function Get-RegistryKeyNames {
    param([string]$Path)
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, [Microsoft.Win32.RegistryView]::Registry64)
    try {
        $key = $base.OpenSubKey($Path)
        if ($null -eq $key) { return }
        try { $key.GetSubKeyNames() } finally { $key.Close() }
    }
    finally { $base.Close() }
}

function Get-RegistryValue {
    param([string]$Path, [string]$Name)
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, [Microsoft.Win32.RegistryView]::Registry64)
    try {
        $key = $base.OpenSubKey($Path)
        if ($null -eq $key) { return $null }
        try { return , $key.GetValue($Name) } finally { $key.Close() }
    }
    finally { $base.Close() }
}

function Test-RegistryKey {
    param([string]$Path)
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, [Microsoft.Win32.RegistryView]::Registry64)
    try {
        $key = $base.OpenSubKey($Path)
        if ($null -eq $key) { return $false }
        $key.Close()
        return $true
    }
    finally { $base.Close() }
}

function Get-OperatingSystem { return Get-WmiObject -Class Win32_OperatingSystem -ErrorAction Stop }

function Get-BootTime { return Format-Time (ConvertFrom-WmiTime ([string](Get-OperatingSystem).LastBootUpTime)) }

# A moment of creation, to the microsecond; such texts sort by time.
function Format-ProcessStart {
    param([string]$WmiTime)
    $start = ConvertFrom-WmiTime $WmiTime
    if ($null -eq $start) { return $null }
    return $start.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
}

# When this process was created, or $null when there is no such process. Does not move with the clock.
function Get-ProcessStart {
    param([long]$ProcessId)
    $process = @(Get-WmiObject -Class Win32_Process -Filter "ProcessId = $ProcessId" -ErrorAction Stop)
    if ($process.Count -eq 0 -or $null -eq $process[0]) { return $null }
    $start = Format-ProcessStart (Get-TextProperty $process[0] @('CreationDate'))
    if ($null -eq $start) {
        # WMI knows the process but not its age; the process itself does. One system always answers in the same one of the two ways.
        try { $start = [System.Diagnostics.Process]::GetProcessById($ProcessId).StartTime.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", [System.Globalization.CultureInfo]::InvariantCulture) }
        catch [System.ArgumentException] { return $null }
    }
    return $start
}

function Get-ProcessIdsByFile {
    param([string]$FileName)
    foreach ($process in @(Get-WmiObject -Class Win32_Process -ErrorAction Stop)) {
        if ($null -ne $process -and [string]$process.Name -eq $FileName) { [long]$process.ProcessId }
    }
}

# Ends a process we started and what it started, children first. Windows Installer itself is a service and no child. An older process
# that names the same parent number had another parent, whose number was used again, and is left alone.
function Stop-ProcessTree {
    param([long]$ProcessId, $Start)
    if ($Start -is [string]) {
        foreach ($child in @(Get-WmiObject -Class Win32_Process -Filter "ParentProcessId = $ProcessId" -ErrorAction Stop)) {
            if ($null -eq $child -or [long]$child.ProcessId -eq $ProcessId) { continue }
            $childStart = Format-ProcessStart (Get-TextProperty $child @('CreationDate'))
            if ($childStart -is [string] -and [string]::CompareOrdinal($childStart, $Start) -ge 0) { Stop-ProcessTree ([long]$child.ProcessId) $childStart }
        }
    }
    Stop-OneProcess $ProcessId
}

function Stop-OneProcess {
    param([long]$ProcessId)
    Stop-Process -Id $ProcessId -Force -Confirm:$false -ErrorAction SilentlyContinue
}

function Start-WindowsService {
    param([string]$Name)
    Start-Service -Name $Name -Confirm:$false -WarningAction SilentlyContinue -ErrorAction Stop
}

# Asks and does not wait; services that depend on it are stopped by the service manager's own rule.
function Stop-WindowsService {
    param([string]$Name)
    (Get-Service -Name $Name -ErrorAction Stop).Stop()
}

# A service that was draining when its deadline passed is paused, which starting it need not end.
function Resume-WindowsService {
    param([string]$Name)
    (Get-Service -Name $Name -ErrorAction Stop).Continue()
}

function Set-WindowsServiceStartType {
    param([string]$Name, [string]$StartType)
    Set-Service -Name $Name -StartupType $StartType -Confirm:$false -ErrorAction Stop
}

# Output of shutdown.exe is discarded; its exit code says all.
function Invoke-Shutdown {
    param([long]$DelaySeconds)
    & ([System.IO.Path]::Combine([System.Environment]::SystemDirectory, 'shutdown.exe')) /r /t $DelaySeconds /d p:4:2 2>&1 | Out-Null
    return $LASTEXITCODE
}

function Get-TaskFolder {
    param($Service, [switch]$Create)
    try { return $Service.GetFolder('\LyncOps') }
    catch {
        if (-not $Create) { return $null }
        return $Service.GetFolder('\').CreateFolder('LyncOps', 'D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)')
    }
}

function New-TaskService {
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    return $service
}

# Registers the task (create or update) and takes the password from $script:Password.
function Register-JobTask {
    param([string]$Id, [string]$Xml, [string]$Kind, [string]$UserName)
    $folder = Get-TaskFolder (New-TaskService) -Create
    $createOrUpdate = 6
    if ($Kind -eq 'LocalSystem') { [void]$folder.RegisterTask($Id, $Xml, $createOrUpdate, 'S-1-5-18', $null, 5, $null) }
    elseif ($Kind -eq 'StoredAccount') { [void]$folder.RegisterTask($Id, $Xml, $createOrUpdate, $UserName, $script:Password, 1, $null) }
    else { [void]$folder.RegisterTask($Id, $Xml, $createOrUpdate, $UserName, $null, 1, $null) }
}

function Start-JobTask {
    param([string]$Id)
    $folder = Get-TaskFolder (New-TaskService)
    [void]$folder.GetTask($Id).Run($null)
}

# Missing, Disabled, Queued, Ready, Running or Unknown.
function Get-JobTaskState {
    param([string]$Id)
    $folder = Get-TaskFolder (New-TaskService)
    if ($null -eq $folder) { return 'Missing' }
    $task = $null
    try { $task = $folder.GetTask($Id) } catch { return 'Missing' }
    switch ([int]$task.State) {
        1 { return 'Disabled' }
        2 { return 'Queued' }
        3 { return 'Ready' }
        4 { return 'Running' }
        default { return 'Unknown' }
    }
}

function Remove-JobTask {
    param([string]$Id)
    $folder = Get-TaskFolder (New-TaskService)
    if ($null -eq $folder) { return }
    try { [void]$folder.GetTask($Id) } catch { return }
    $folder.DeleteTask($Id, 0)
}

# Administrators and SYSTEM may take the mutex, whichever of them created it.
function Open-LyncOpsMutex {
    if ($PSVersionTable.PSVersion.Major -ge 6) { return New-Object -TypeName System.Threading.Mutex -ArgumentList $false, 'Global\LyncOps' }
    $security = New-Object -TypeName System.Security.AccessControl.MutexSecurity
    foreach ($sid in 'S-1-5-32-544', 'S-1-5-18') {
        $identity = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $sid
        $security.AddAccessRule((New-Object -TypeName System.Security.AccessControl.MutexAccessRule -ArgumentList $identity, 'FullControl', 'Allow'))
    }
    $created = $false
    return New-Object -TypeName System.Threading.Mutex -ArgumentList $false, 'Global\LyncOps', ([ref]$created), $security
}

function Invoke-Locked {
    param([scriptblock]$Block, [int]$Seconds = $script:LockSeconds)
    $mutex = Open-LyncOpsMutex
    try {
        $taken = $false
        try { $taken = $mutex.WaitOne($Seconds * 1000) }
        catch {
            # Its last owner died with it. Every file is replaced as a whole, so nothing half done can be behind it.
            if ((Get-RootFailure $_.Exception) -isnot [System.Threading.AbandonedMutexException]) { throw }
            $taken = $true
        }
        if (-not $taken) { Stop-WithCode 'Internal' "The mutex Global\LyncOps was not free within $Seconds seconds; ask again." }
        try { & $Block } finally { $mutex.ReleaseMutex() }
    }
    finally { $mutex.Close() }
}

function Test-Administrator {
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
    return $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
}

# Writes the user rights of this server to a file, and what it did to another. Reads the policy of the server itself, group policy included.
function Export-UserRight {
    param([string]$Path, [string]$Log)
    & ([System.IO.Path]::Combine([System.Environment]::SystemDirectory, 'secedit.exe')) /export /areas USER_RIGHTS /cfg $Path /log $Log /quiet 2>&1 | Out-Null
    return $LASTEXITCODE
}

function Get-AccountSid {
    param([string]$Name)
    return (New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $Name).Translate([System.Security.Principal.SecurityIdentifier]).Value
}

function Get-AccountName {
    param([string]$Sid)
    try { return (New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $Sid).Translate([System.Security.Principal.NTAccount]).Value } catch { return $Sid }
}

# The SIDs of an account's groups, those of this server included. Windows makes a token for this without the password, and for domain accounts only.
function Get-AccountGroupSid {
    param([string]$Name)
    $principal = $Name
    if ($Name -match '^([^\\]+)\\(.+)\z') { $principal = $Matches[2] + '@' + $Matches[1] }
    $identity = New-Object -TypeName System.Security.Principal.WindowsIdentity -ArgumentList $principal
    try { foreach ($group in $identity.Groups) { $group.Value } } finally { $identity.Dispose() }
}

# ---------------------------------------------------------------------------------------------------------------------
# Files

function Get-LyncOpsPath {
    # A task may have another environment than the shell that registered it, but both load the same staged file: its place decides.
    $staged = [regex]::Match([string]$script:ModulePath, '(?i)^(.+)[\\/]module[\\/][0-9a-f]{64}[\\/]LyncOps\.psm1\z')
    if ($staged.Success) { $path = $staged.Groups[1].Value }
    else { $path = [System.IO.Path]::Combine([string]$env:ProgramData, 'LyncOps') }
    foreach ($part in $args) { $path = [System.IO.Path]::Combine($path, [string]$part) }
    return $path
}

# Writes through to the disk, because a rename must never overtake the content it publishes.
function Write-NewFile {
    param([string]$Path, [string]$Text)
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
    $stream = New-Object -TypeName System.IO.FileStream -ArgumentList $Path, ([System.IO.FileMode]::CreateNew), ([System.IO.FileAccess]::Write), ([System.IO.FileShare]::None), 4096, ([System.IO.FileOptions]::WriteThrough)
    try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Close() }
}

# Publishes a text under a name as a whole. With -New the name must not exist yet, and $false says that it did.
function Publish-File {
    param([string]$Path, [string]$Text, [switch]$New)
    $temporary = $Path + '.' + [guid]::NewGuid().ToString('N') + '.tmp'
    try {
        Write-NewFile $temporary $Text
        for ($try = 1; ; $try++) {
            try {
                if ($New) { [System.IO.File]::Move($temporary, $Path) }
                elseif ([System.IO.File]::Exists($Path)) { [System.IO.File]::Replace($temporary, $Path, [NullString]::Value) }
                else { [System.IO.File]::Move($temporary, $Path) }
                return $true
            }
            catch {
                if ($New -and [System.IO.File]::Exists($Path)) { return $false }
                # A virus scanner or a reader may hold the file for a moment.
                if ($try -ge 20) { throw (Get-RootFailure $_.Exception) }
                [System.Threading.Thread]::Sleep(100)
            }
        }
    }
    finally { if ([System.IO.File]::Exists($temporary)) { [System.IO.File]::Delete($temporary) } }
}

# The text of a file that others may replace while it is read; $null when it is not there.
function Read-SharedFile {
    param([string]$Path, [long]$LastBytes = 0)
    $share = [System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete
    for ($try = 1; ; $try++) {
        if (-not [System.IO.File]::Exists($Path)) {
            # Between the two halves of a replacement the name can be missing for an instant.
            if ($try -ge 3) { return $null }
            [System.Threading.Thread]::Sleep(20)
            continue
        }
        try {
            $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, $share)
            try {
                if ($LastBytes -gt 0 -and $stream.Length -gt $LastBytes) { [void]$stream.Seek(-$LastBytes, [System.IO.SeekOrigin]::End) }
                $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, ([System.Text.Encoding]::UTF8)
                return $reader.ReadToEnd()
            }
            finally { $stream.Close() }
        }
        catch {
            $failure = Get-RootFailure $_.Exception
            if ($failure -isnot [System.IO.IOException] -or $try -ge 20) { throw $failure }
            [System.Threading.Thread]::Sleep(100)
        }
    }
}

function Get-FileSha256 {
    param([string]$Path)
    $algorithm = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try { return [System.BitConverter]::ToString($algorithm.ComputeHash($stream)).Replace('-', '').ToLowerInvariant() }
    finally { $stream.Close() }
}

# A log that cannot be written must not stop the work it tells about.
function Write-JobLog {
    param([string]$Text)
    if ($null -eq $script:LogPath) { return }
    $line = (Format-Time (Get-UtcNow)) + ' ' + $Text.TrimEnd() + "`r`n"
    try { [System.IO.File]::AppendAllText($script:LogPath, $line, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)) } catch { return }
}

# ---------------------------------------------------------------------------------------------------------------------
# Arguments. Every check names the field it is about.

$script:PatternId = '^[a-z0-9][a-z0-9.-]{0,79}\z'
$script:PatternFqdn = '^(?=.{1,255}\z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z'
$script:PatternSha256 = '^[0-9a-f]{64}\z'
$script:PatternAccount = '^[^\x00-\x1f"/\[\]:;|=,+*?<>]{1,256}\z'
$script:PatternFileName = '^[A-Za-z0-9_]([A-Za-z0-9._ ()+-]{0,125}[A-Za-z0-9_)])?\z'

function Stop-BadArgument {
    param([string]$Field, [string]$Rule)
    Stop-WithCode 'BadArgument' ($Field + ': ' + $Rule)
}

function Assert-KnownFields {
    param($Object, [string]$Where, [string[]]$Names)
    foreach ($key in @($Object.PSBase.Keys)) { if ($Names -cnotcontains $key) { Stop-BadArgument ($Where + $key) 'is not known here' } }
}

function Get-TextField {
    param($Object, [string]$Where, [string]$Name, [string]$Pattern, [string]$Rule)
    $value = $Object[$Name]
    if ($value -isnot [string] -or $value -cnotmatch $Pattern) { Stop-BadArgument ($Where + $Name) $Rule }
    return $value
}

function Get-BoolField {
    param($Object, [string]$Where, [string]$Name)
    $value = $Object[$Name]
    if ($value -isnot [bool]) { Stop-BadArgument ($Where + $Name) 'must be true or false' }
    return $value
}

function Get-IntegerField {
    param($Object, [string]$Where, [string]$Name, [long]$Least, [long]$Most)
    $value = $Object[$Name]
    if ($value -isnot [long] -or $value -lt $Least -or $value -gt $Most) { Stop-BadArgument ($Where + $Name) "must be an integer from $Least to $Most" }
    return $value
}

function Get-FqdnField {
    param($Object, [string]$Where, [string]$Name)
    return Get-TextField $Object $Where $Name $script:PatternFqdn 'must be a host name'
}

function Get-TextListField {
    param($Object, [string]$Where, [string]$Name, [string]$Pattern, [string]$Rule)
    $value = $Object[$Name]
    if ($value -isnot [array]) { Stop-BadArgument ($Where + $Name) 'must be a list' }
    foreach ($item in $value) { if ($item -isnot [string] -or $item -cnotmatch $Pattern) { Stop-BadArgument ($Where + $Name) $Rule } }
    return , $value
}

# What an action takes, checked, and nothing else.
function Read-JobParameters {
    param([string]$Action, $Given)
    $where = 'parameters.'
    $checked = [ordered]@{}
    switch -CaseSensitive ($Action) {
        'StagePackage' {
            Assert-KnownFields $Given $where @('source', 'sha256', 'fileName')
            $rule = 'must be an https:// address, a UNC path or a local path'
            $source = Get-TextField $Given $where 'source' '^[^\x00-\x1f"<>|]{3,2000}\z' $rule
            if ($source -match '^[a-z][a-z0-9+.-]+:/') { if ($source -notmatch '^https://[^/]') { Stop-BadArgument 'parameters.source' $rule } }
            elseif (-not [System.IO.Path]::IsPathRooted($source) -and $source -notmatch '^(\\\\[^\\]|[a-z]:\\)') { Stop-BadArgument 'parameters.source' $rule }
            $checked['source'] = $source
        }
        'StopServices' {
            Assert-KnownFields $Given $where @('graceful', 'timeoutSeconds', 'onTimeout', 'webServer')
            $checked['graceful'] = Get-BoolField $Given $where 'graceful'
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
            $checked['onTimeout'] = Get-TextField $Given $where 'onTimeout' '^(Fail|StopAtOnce)\z' 'must be Fail or StopAtOnce'
            $checked['webServer'] = Get-BoolField $Given $where 'webServer'
        }
        'Install' {
            Assert-KnownFields $Given $where @('sha256', 'fileName', 'arguments', 'timeoutSeconds')
            $checked['arguments'] = Get-TextListField $Given $where 'arguments' '^[^\x00-\x1f]{0,500}\z' 'must be texts without control characters'
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
        }
        'RestartComputer' {
            Assert-KnownFields $Given $where @('delaySeconds')
            $checked['delaySeconds'] = Get-IntegerField $Given $where 'delaySeconds' 0 3600
        }
        'UpdateDatabases' {
            Assert-KnownFields $Given $where @('variant', 'update', 'sqlServerFqdn', 'sqlInstanceName', 'timeoutSeconds')
            $checked['variant'] = Get-TextField $Given $where 'variant' '^(Enterprise|EnterpriseCollocated|Standard|CentralManagement)\z' 'must be Enterprise, EnterpriseCollocated, Standard or CentralManagement'
            $checked['update'] = Get-BoolField $Given $where 'update'
            if ($checked['variant'] -ceq 'Standard') { $checked['sqlServerFqdn'] = '' } else { $checked['sqlServerFqdn'] = Get-FqdnField $Given $where 'sqlServerFqdn' }
            $checked['sqlInstanceName'] = Get-TextField $Given $where 'sqlInstanceName' '^([A-Za-z0-9_#$-]{1,16})?\z' 'must be the name of an instance, or empty'
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
        }
        'FailOverComputer' {
            Assert-KnownFields $Given $where @('computerName', 'poolFqdn', 'waitSeconds', 'drainingSeconds')
            $checked['computerName'] = Get-FqdnField $Given $where 'computerName'
            $checked['poolFqdn'] = Get-FqdnField $Given $where 'poolFqdn'
            $checked['waitSeconds'] = Get-IntegerField $Given $where 'waitSeconds' 1 86400
            $checked['drainingSeconds'] = Get-IntegerField $Given $where 'drainingSeconds' 0 86400
        }
        'FailBackComputer' {
            Assert-KnownFields $Given $where @('computerName', 'waitSeconds')
            $checked['computerName'] = Get-FqdnField $Given $where 'computerName'
            $checked['waitSeconds'] = Get-IntegerField $Given $where 'waitSeconds' 1 86400
        }
        'RecordServices' { Assert-KnownFields $Given $where @() }
        'MoveCentralManagement' {
            Assert-KnownFields $Given $where @('poolFqdn', 'timeoutSeconds')
            $checked['poolFqdn'] = Get-FqdnField $Given $where 'poolFqdn'
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
        }
        { 'FailOverPool', 'FailBackPool' -ccontains $_ } {
            Assert-KnownFields $Given $where @('poolFqdn')
            $checked['poolFqdn'] = Get-FqdnField $Given $where 'poolFqdn'
        }
        { 'StopWebServer', 'StartWebServer', 'StartServices' -ccontains $_ } {
            Assert-KnownFields $Given $where @('timeoutSeconds')
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
        }
        default { Stop-BadArgument 'action' 'is not known' }
    }
    if ('StagePackage', 'Install' -ccontains $Action) {
        $checked['sha256'] = Get-TextField $Given $where 'sha256' $script:PatternSha256 'must be 64 lower-case hexadecimal digits'
        $checked['fileName'] = Get-TextField $Given $where 'fileName' $script:PatternFileName 'must be a plain file name without a path'
    }
    return $checked
}

function Read-JobRequest {
    param($Argument)
    Assert-KnownFields $Argument '' @('id', 'action', 'parameters', 'principal')
    $request = [ordered]@{}
    $request['id'] = Get-TextField $Argument '' 'id' $script:PatternId 'must be lower-case letters, digits, dots and hyphens, at most 80'
    $request['action'] = Get-TextField $Argument '' 'action' '^[A-Za-z]{1,40}\z' 'is not known'
    $given = $Argument['parameters']
    if ($given -isnot [System.Collections.IDictionary]) { Stop-BadArgument 'parameters' 'must be an object' }
    $request['parameters'] = Read-JobParameters $request['action'] $given
    $principal = $Argument['principal']
    if ($principal -isnot [System.Collections.IDictionary]) { Stop-BadArgument 'principal' 'must be an object' }
    Assert-KnownFields $principal 'principal.' @('kind', 'userName')
    $kind = Get-TextField $principal 'principal.' 'kind' '^(LocalSystem|StoredAccount|GroupManagedServiceAccount)\z' 'must be LocalSystem, StoredAccount or GroupManagedServiceAccount'
    $request['principal'] = [ordered]@{ kind = $kind }
    if ($kind -cne 'LocalSystem') {
        $request['principal']['userName'] = Get-TextField $principal 'principal.' 'userName' $script:PatternAccount 'must be an account name'
    }
    if ($kind -ceq 'StoredAccount' -and [string]::IsNullOrEmpty($script:Password)) { Stop-BadArgument 'principal.password' 'must be given for a stored account' }
    return $request
}

# ---------------------------------------------------------------------------------------------------------------------
# The envelope around every verb

# [Console]::Out and not the pipeline: the host would wrap a long line at the width of a console nobody sees.
function Write-Answer {
    param([string]$Line)
    [System.Console]::Out.WriteLine($Line); [System.Console]::Out.Flush()
}

# Reads the argument, keeps a password out of it, runs the block with it and writes one answer, whatever happens.
function Invoke-Verb {
    param([string]$Verb, [string]$Argument, [bool]$FromInput, [scriptblock]$Block)
    $script:Password = $null
    $answer = [ordered]@{ protocol = 1; verb = $Verb; ok = $false }
    try {
        try {
            if ($FromInput) { $encoded = [System.Console]::In.ReadToEnd().Trim([char]0xfeff) } else { $encoded = $Argument }
            $strict = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false, $true
            $script:JsonText = $strict.GetString([System.Convert]::FromBase64String($encoded))
            $document = Read-JsonDocument
        }
        catch { Stop-WithCode 'BadArgument' 'argument: must be the Base64 of a JSON object in UTF-8' }
        finally { $encoded = $null }
        if ($document['principal'] -is [System.Collections.IDictionary] -and $document['principal'].Contains('password')) {
            if ($document['principal']['password'] -is [string]) { $script:Password = $document['principal']['password'] }
            elseif ($null -ne $document['principal']['password']) { Stop-BadArgument 'principal.password' 'must be a text' }
            $document['principal'].Remove('password')
        }
        $result = & $Block $document
        $answer['ok'] = $true
        $answer['result'] = $result
    }
    catch {
        $failure = Get-RootFailure $_.Exception
        $code = 'Internal'
        $detail = [string]$_.InvocationInfo.PositionMessage
        if ($failure.Data.Contains('LyncOpsCode')) { $code = $failure.Data['LyncOpsCode']; $detail = $failure.Data['LyncOpsDetail'] }
        $answer['ok'] = $false
        $answer.Remove('result')
        $answer['error'] = [ordered]@{ code = $code; message = (Hide-Secret $failure.Message); detail = (Hide-Secret $detail) }
    }
    finally { $script:Password = $null }
    $text = $null
    try { $text = ConvertTo-LyncOpsJson $answer }
    catch { $text = ConvertTo-LyncOpsJson ([ordered]@{ protocol = 1; verb = $Verb; ok = $false; error = [ordered]@{ code = 'Internal'; message = 'the answer could not be written: ' + $_.Exception.Message; detail = '' } }) }
    Write-Answer ('<<<LYNCOPS ' + $text + ' LYNCOPS>>>')
}

# ---------------------------------------------------------------------------------------------------------------------
# Services

# The services that a Lync component installed, and those it leans on, by name.
function Get-LyncService {
    $states = @{ 'Stopped' = 'Stopped'; 'Start Pending' = 'StartPending'; 'Stop Pending' = 'StopPending'; 'Running' = 'Running'
        'Continue Pending' = 'ContinuePending'; 'Pause Pending' = 'PausePending'; 'Paused' = 'Paused' }
    $types = @{ 'Auto' = 'Automatic'; 'Manual' = 'Manual'; 'Disabled' = 'Disabled' }
    $found = New-Object -TypeName 'System.Collections.Generic.SortedDictionary[string,object]' -ArgumentList ([System.StringComparer]::OrdinalIgnoreCase)
    foreach ($service in @(Get-WmiObject -Class Win32_Service -ErrorAction Stop)) {
        if ($null -eq $service) { continue }
        $name = [string]$service.Name
        if ($name -notmatch '^(REPLICA|RTC.*|FabricHostSvc|MASTER|FTA|W3SVC|MSSQL\$(RTC|RTCLOCAL|LYNCLOCAL))\z') { continue }
        $status = [string]$service.State
        if ($states.ContainsKey($status)) { $status = $states[$status] }
        $type = [string]$service.StartMode
        if ($types.ContainsKey($type)) { $type = $types[$type] }
        $found[$name] = [ordered]@{ name = $name; displayName = [string]$service.DisplayName; status = $status; startType = $type }
    }
    foreach ($name in @($found.Keys)) { $found[$name] }
}

# Those that Stop-CsWindowsService is expected to stop. The fabric host may run on and SQL Server must.
function Get-StoppableService {
    foreach ($service in @(Get-LyncService)) { if ($service['name'] -match '^(REPLICA|RTC.*|MASTER|FTA)\z') { $service } }
}

# Watches the service manager until the named services have the status or the deadline has passed; gives those that have it not.
function Wait-ServiceStatus {
    param([string[]]$Names, [string]$Status, [long]$TimeoutSeconds)
    $deadline = (Get-UptimeSeconds) + $TimeoutSeconds
    for (;;) {
        $now = @{}
        foreach ($service in @(Get-LyncService)) { $now[$service['name']] = $service['status'] }
        $left = New-Object -TypeName System.Collections.ArrayList
        foreach ($name in @($Names)) {
            if ([string]::IsNullOrEmpty($name)) { continue }
            $is = 'Missing'
            if ($now.ContainsKey($name)) { $is = $now[$name] }
            # A service that is gone is stopped for good, but it does not run.
            if ($is -cne $Status -and -not ($is -ceq 'Missing' -and $Status -ceq 'Stopped')) { [void]$left.Add("$name is $is") }
        }
        if ($left.Count -eq 0) { return }
        if ((Get-UptimeSeconds) -ge $deadline) { return $left.ToArray() }
        Wait-Seconds $script:PollSeconds
    }
}

# $null when there is none. A baseline that cannot be read stops whoever needs it: guessing would leave services stopped.
function Read-Baseline {
    $text = Read-SharedFile (Get-LyncOpsPath 'baseline.json')
    if ($null -eq $text) { return $null }
    try {
        $script:JsonText = $text
        $document = Read-JsonDocument
        $services = $document['services']
        if ($services -isnot [array]) { throw 'it has no list of services' }
        foreach ($service in $services) {
            if ($service -isnot [System.Collections.IDictionary] -or $service['name'] -isnot [string] -or $service['status'] -isnot [string] -or $service['startType'] -isnot [string]) { throw 'a service in it is incomplete' }
        }
    }
    catch { Stop-WithCode 'Internal' ((Get-LyncOpsPath 'baseline.json') + ' cannot be read: ' + $_.Exception.Message + '. Correct or remove it by hand.') }
    return , $services
}

function Write-Baseline {
    $services = New-Object -TypeName System.Collections.ArrayList
    foreach ($service in @(Get-LyncService)) {
        # SQL Server is never stopped by us.
        if ($service['name'] -match '^MSSQL') { continue }
        [void]$services.Add([ordered]@{ name = $service['name']; status = $service['status']; startType = $service['startType'] })
    }
    $text = ConvertTo-LyncOpsJson ([ordered]@{ protocol = 1; written = (Format-Time (Get-UtcNow)); services = $services.ToArray() })
    # False means that somebody wrote one meanwhile, and the older one tells the truth.
    [void](Publish-File (Get-LyncOpsPath 'baseline.json') $text -New)
}

# ---------------------------------------------------------------------------------------------------------------------
# Jobs: their state

function Get-JobStatePath {
    param([string]$Id)
    return Get-LyncOpsPath 'jobs' $Id 'state.json'
}

# $null when there is no such job; a record with 'broken' set when its state cannot be read.
function Read-JobRecord {
    param([string]$Id)
    $text = $null
    $problem = ''
    try {
        $text = Read-SharedFile (Get-JobStatePath $Id)
        if ($null -eq $text) {
            # A folder without state and without log is a claim that was never made.
            if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'jobs' $Id 'log.txt'))) { return $null }
            $problem = 'the file is missing though the job has a log'
        }
        else {
            $script:JsonText = $text
            $record = Read-JsonDocument
            foreach ($name in 'id', 'action', 'state', 'claimed') { if ($record[$name] -isnot [string]) { throw "the field $name is missing" } }
            if ($record['id'] -cne $Id) { throw 'it belongs to another job' }
            if ('Claimed', 'Running', 'Succeeded', 'Failed', 'Interrupted' -cnotcontains $record['state']) { throw 'its state is unknown' }
            if ($record['claimedUptime'] -isnot [long]) { throw 'the field claimedUptime is missing' }
            if ($record['state'] -ceq 'Running' -and ($record['processId'] -isnot [long] -or $record['processStart'] -isnot [string])) { throw 'it does not name its process' }
            return $record
        }
    }
    catch { $problem = (Get-RootFailure $_.Exception).Message }
    $record = [ordered]@{ id = $Id; action = ''; state = 'Interrupted'; broken = $true
        message = (Get-JobStatePath $Id) + " cannot be read ($problem). What this job did is not known; nothing was overwritten."
        claimed = (Format-Time ([System.IO.Directory]::GetCreationTimeUtc((Get-LyncOpsPath 'jobs' $Id)))) }
    return $record
}

# True while the very process that was recorded runs: its number can be used again, its moment of creation cannot.
function Test-ProcessAlive {
    param($ProcessId, $ProcessStart)
    if ($ProcessId -isnot [long] -or $ProcessStart -isnot [string]) { return $false }
    return ((Get-ProcessStart $ProcessId) -ceq $ProcessStart)
}

# The record as a reader must see it: who claims to run without a living process is Interrupted. Changes no file.
function Get-JobVerdict {
    param([string]$Id)
    $record = Read-JobRecord $Id
    if ($null -eq $record) { return $null }
    if ($record['state'] -ceq 'Running' -and -not (Test-ProcessAlive $record['processId'] $record['processStart'])) {
        # It may have finished between our two looks; the process writes its end before it goes.
        $record = Read-JobRecord $Id
        if ($record['state'] -ceq 'Running') {
            if (Test-ProcessAlive $record['childProcessId'] $record['childProcessStart']) {
                $record['message'] = "The process of this job is gone, but the program it started (process $($record['childProcessId'])) still runs."
                return $record
            }
            $record['state'] = 'Interrupted'
            $record['message'] = "The process of this job (number $($record['processId']), created $($record['processStart'])) is gone and left no result."
            if ($record['bootTime'] -is [string] -and $record['bootTime'] -cne (Get-BootTime)) { $record['message'] += ' The server has restarted since.' }
        }
    }
    elseif ($record['state'] -ceq 'Claimed') {
        $age = (Get-UptimeSeconds) - $record['claimedUptime']
        if ($age -lt 0 -or $age -gt $script:ClaimSeconds) {
            $record['state'] = 'Interrupted'
            $record['message'] = 'The job was claimed, but its task never began; it will not begin any more.'
        }
    }
    return $record
}

function Get-JobIds {
    $folder = Get-LyncOpsPath 'jobs'
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    $names = @([System.IO.Directory]::GetDirectories($folder) | ForEach-Object { [System.IO.Path]::GetFileName($_) })
    [array]::Sort($names, [System.StringComparer]::Ordinal)
    foreach ($name in $names) { if ($name -cmatch $script:PatternId) { $name } }
}

function Get-LogTail {
    param([string]$Id)
    $text = $null
    try { $text = Read-SharedFile (Get-LyncOpsPath 'jobs' $Id 'log.txt') 16384 } catch { return '' }
    if ($null -eq $text) { return '' }
    if ($text.Length -gt $script:LogTailCharacters) { $text = $text.Substring($text.Length - $script:LogTailCharacters) }
    return $text
}

# A job as the protocol shows it.
function Format-Job {
    param($Record)
    $job = [ordered]@{ id = $Record['id']; action = $Record['action']; state = $Record['state'] }
    foreach ($name in 'exitCode', 'outcome', 'message', 'claimed', 'started', 'finished', 'bootTime') { $job[$name] = $Record[$name] }
    foreach ($name in 'outcome', 'message') { if ($null -eq $job[$name]) { $job[$name] = '' } }
    $job['logTail'] = Get-LogTail $Record['id']
    return $job
}

function Save-JobRecord {
    param($Record)
    if ($Record.Contains('broken')) { Stop-WithCode 'Internal' $Record['message'] }
    [void](Publish-File (Get-JobStatePath $Record['id']) (ConvertTo-LyncOpsJson $Record))
}

# The id of another job that has not ended, or nothing. Writes down the verdict on those that were interrupted, so that none
# of them can wake up later beside a new one. Only under the mutex.
function Find-LiveJob {
    param([string]$Except)
    foreach ($id in @(Get-JobIds)) {
        if ($id -ceq $Except) { continue }
        $onDisk = Read-JobRecord $id
        if ($null -eq $onDisk) { continue }
        if ($onDisk.Contains('broken')) {
            if ((Get-JobTaskState $id) -ceq 'Running') { return $id }
            continue
        }
        if ($script:FinishedStates -ccontains $onDisk['state']) { continue }
        $verdict = Get-JobVerdict $id
        if ($script:FinishedStates -cnotcontains $verdict['state']) { return $id }
        if ($verdict['state'] -ceq 'Interrupted') { Save-JobRecord $verdict }
    }
}

# ---------------------------------------------------------------------------------------------------------------------
# Jobs: starting and clearing

function ConvertTo-XmlText {
    param([string]$Text)
    return [System.Security.SecurityElement]::Escape($Text)
}

# The id and the path are the only things in the command line; the id cannot hold a quote and a quote in the path is doubled.
function New-TaskXml {
    param([string]$Id, $Principal)
    $command = [System.IO.Path]::Combine([System.Environment]::SystemDirectory, 'WindowsPowerShell\v1.0\powershell.exe')
    $arguments = '-NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -Command "Import-Module -Name ''' + $script:ModulePath.Replace("'", "''") +
        ''' -DisableNameChecking; Invoke-LyncOpsJob -Id ''' + $Id + '''"'
    if ($Principal['kind'] -ceq 'LocalSystem') { $who = '<UserId>S-1-5-18</UserId>' }
    else { $who = '<UserId>' + (ConvertTo-XmlText $Principal['userName']) + '</UserId><LogonType>Password</LogonType>' }
    return '<?xml version="1.0"?><Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">' +
        '<RegistrationInfo><Author>LyncOps</Author><Description>One job of the Lync operator. It runs once, on demand.</Description></RegistrationInfo>' +
        '<Triggers/><Principals><Principal id="Author">' + $who + '<RunLevel>HighestAvailable</RunLevel></Principal></Principals>' +
        '<Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy><DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>' +
        '<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries><AllowHardTerminate>true</AllowHardTerminate><StartWhenAvailable>false</StartWhenAvailable>' +
        '<RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable><AllowStartOnDemand>true</AllowStartOnDemand><Enabled>true</Enabled>' +
        '<Hidden>false</Hidden><RunOnlyIfIdle>false</RunOnlyIfIdle><WakeToRun>false</WakeToRun><ExecutionTimeLimit>PT0S</ExecutionTimeLimit>' +
        '<Priority>5</Priority></Settings><Actions Context="Author"><Exec><Command>' + (ConvertTo-XmlText $command) + '</Command><Arguments>' +
        (ConvertTo-XmlText $arguments) + '</Arguments></Exec></Actions></Task>'
}

function Get-FailureOutcome {
    param($Failure, [string]$Default)
    if ($Failure -is [System.UnauthorizedAccessException] -or $Failure -is [System.Security.SecurityException]) { return 'AccessDenied' }
    # E_ACCESSDENIED and ERROR_LOGON_FAILURE as COM gives them, whatever the language of the text.
    if ($Failure -is [System.Runtime.InteropServices.ExternalException] -and @(-2147024891, -2147023570) -contains $Failure.ErrorCode) { return 'AccessDenied' }
    return $Default
}

# Makes sure the task of a claimed job exists and runs. The runner itself begins only once, so running the task again does no harm.
function Start-ClaimedJob {
    param($Request)
    try {
        if ('Running', 'Queued' -ccontains (Get-JobTaskState $Request['id'])) { return }
        Register-JobTask $Request['id'] (New-TaskXml $Request['id'] $Request['principal']) $Request['principal']['kind'] ([string]$Request['principal']['userName'])
        Start-JobTask $Request['id']
    }
    catch {
        $failure = Get-RootFailure $_.Exception
        $record = Read-JobRecord $Request['id']
        $record['state'] = 'Failed'
        $record['outcome'] = Get-FailureOutcome $failure 'CmdletFailed'
        $record['message'] = 'The task scheduler refused the task: ' + (Hide-Secret $failure.Message)
        $record['finished'] = Format-Time (Get-UtcNow)
        Save-JobRecord $record
    }
}

# Under the mutex. The same id is the same job for ever; a claimed one whose task was lost on the way gets its task.
function Start-RequestedJob {
    param($Request)
    $id = $Request['id']
    $record = Get-JobVerdict $id
    if ($null -ne $record) {
        if ($record.Contains('broken')) { return Format-Job $record }
        if ($record['state'] -ceq 'Interrupted') { Save-JobRecord $record }
    }
    if ($null -eq $record -or $record['state'] -ceq 'Claimed') {
        $live = Find-LiveJob $id
        if ($null -ne $live) { Stop-WithCode 'JobConflict' "The job $live has not ended on this server." $live }
    }
    if ($null -eq $record) {
        $record = [ordered]@{ protocol = 1; id = $id; action = $Request['action']; parameters = $Request['parameters']; principal = $Request['principal']
            module = $script:ModulePath; state = 'Claimed'; exitCode = $null; outcome = ''; message = ''; claimed = (Format-Time (Get-UtcNow))
            claimedUptime = (Get-UptimeSeconds); started = $null; finished = $null; bootTime = $null; processId = $null; processStart = $null
            childProcessId = $null; childProcessStart = $null }
        [void][System.IO.Directory]::CreateDirectory((Get-LyncOpsPath 'jobs' $id))
        [void](Publish-File (Get-JobStatePath $id) (ConvertTo-LyncOpsJson $record) -New)
    }
    if ($record['state'] -ceq 'Claimed') { Start-ClaimedJob $Request }
    return Format-Job (Get-JobVerdict $id)
}

function Start-LyncOpsJob {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Start-LyncOpsJob' $Argument $ArgumentFromInput {
        param($given)
        $request = Read-JobRequest $given
        Invoke-Locked { Start-RequestedJob $request }
    }
}

# True when the baseline was removed: every service of it is again as it says.
function Remove-KeptBaseline {
    $baseline = Read-Baseline
    if ($null -eq $baseline) { return $false }
    $now = @{}
    foreach ($service in @(Get-LyncService)) { $now[$service['name']] = $service }
    foreach ($service in $baseline) {
        $is = $now[$service['name']]
        if ($null -eq $is -or $is['status'] -cne $service['status'] -or $is['startType'] -cne $service['startType']) { return $false }
    }
    [System.IO.File]::Delete((Get-LyncOpsPath 'baseline.json'))
    return $true
}

function Clear-FinishedJobs {
    param([string[]]$Except)
    $cleared = New-Object -TypeName System.Collections.ArrayList
    $live = $false
    $history = Get-LyncOpsPath 'history'
    foreach ($id in @(Get-JobIds)) {
        $record = Get-JobVerdict $id
        if ($null -eq $record) { continue }
        if ($script:FinishedStates -cnotcontains $record['state']) { $live = $true; continue }
        if ($record.Contains('broken')) { if ((Get-JobTaskState $id) -ceq 'Running') { $live = $true; continue } }
        if ($Except -ccontains $id) { continue }
        # The task goes first: were we cut off in between, the job would still be there and the next call would go on.
        Remove-JobTask $id
        [void][System.IO.Directory]::CreateDirectory($history)
        $target = [System.IO.Path]::Combine($history, (Get-UtcNow).ToString('yyyyMMddHHmmss', [System.Globalization.CultureInfo]::InvariantCulture) + '-' + $id)
        for ($number = 2; [System.IO.Directory]::Exists($target); $number++) { $target = [regex]::Replace($target, '(~[0-9]+)?\z', '') + '~' + $number }
        [System.IO.Directory]::Move((Get-LyncOpsPath 'jobs' $id), $target)
        [void]$cleared.Add($id)
    }
    $removed = $false
    if (-not $live) { $removed = Remove-KeptBaseline }
    return [ordered]@{ cleared = $cleared.ToArray(); baselineRemoved = $removed }
}

function Clear-LyncOpsJobs {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Clear-LyncOpsJobs' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('except')
        $except = Get-TextListField $given '' 'except' $script:PatternId 'must be job ids'
        Invoke-Locked { Clear-FinishedJobs $except }
    }
}

# ---------------------------------------------------------------------------------------------------------------------
# The Lync module

# Loads it where it is not loaded yet and gives the name it was found by. A question is refused while an installer of ours
# runs here, because the loaded module would lock the assemblies that the installer wants to replace.
function Import-LyncModule {
    param([switch]$Question)
    if ($Question) {
        foreach ($id in @(Get-JobIds)) {
            $record = Get-JobVerdict $id
            if ($null -ne $record -and $record['action'] -ceq 'Install' -and $script:FinishedStates -cnotcontains $record['state']) {
                Stop-WithCode 'JobConflict' "The job $id runs an installer on this server; the Lync module must not be loaded meanwhile." $id
            }
        }
    }
    $candidates = New-Object -TypeName System.Collections.ArrayList
    foreach ($name in 'Lync', 'SkypeForBusiness') { if (@(Get-Module -Name $name).Count -gt 0) { return $name } }
    foreach ($name in 'Lync', 'SkypeForBusiness') { if (@(Get-Module -Name $name -ListAvailable -ErrorAction SilentlyContinue).Count -gt 0) { [void]$candidates.Add($name) } }
    # A service may have started before setup added these folders to PSModulePath.
    foreach ($place in 'Microsoft Lync Server 2013\Modules\Lync\Lync.psd1', 'Skype for Business Server 2015\Modules\SkypeForBusiness\SkypeForBusiness.psd1', 'Skype for Business Server 2019\Modules\SkypeForBusiness\SkypeForBusiness.psd1',
        'Skype for Business Server Subscription Edition\Modules\SkypeForBusiness\SkypeForBusiness.psd1') {
        $path = [System.IO.Path]::Combine([string]$env:CommonProgramFiles, $place)
        if ([System.IO.File]::Exists($path)) { [void]$candidates.Add($path) }
    }
    if ($candidates.Count -eq 0) { Stop-WithCode 'CmdletMissing' 'The Lync module (Lync or SkypeForBusiness) is not on this server.' }
    Invoke-Cmdlet { Import-Module -Name $candidates[0] -Global -DisableNameChecking -WarningAction SilentlyContinue -ErrorAction Stop }
    return $candidates[0]
}

# A command of the loaded Lync module, or $null. Asks nothing else, so that PowerShell loads no further module for the answer.
function Find-LyncCommand {
    param([string]$Name)
    foreach ($module in @(Get-Module -Name 'Lync', 'SkypeForBusiness')) {
        if ($null -ne $module -and $module.ExportedCommands.ContainsKey($Name)) { return $module.ExportedCommands[$Name] }
    }
    return $null
}

# ---------------------------------------------------------------------------------------------------------------------
# What cmdlets answer

# The first of several names that an object has. 'found' tells an absent property from an empty one.
function Find-Property {
    param($Object, [string[]]$Names)
    $answer = @{ found = $false; value = $null }
    if ($null -eq $Object) { return $answer }
    foreach ($name in $Names) {
        if ($Object -is [System.Collections.IDictionary]) {
            foreach ($key in @($Object.PSBase.Keys)) { if ([string]$key -eq $name) { $answer['found'] = $true; $answer['value'] = $Object[$key]; return $answer } }
            continue
        }
        $property = $Object.PSObject.Properties[$name]
        if ($null -ne $property) { $answer['found'] = $true; $answer['value'] = $property.Value; return $answer }
    }
    return $answer
}

function Get-TextProperty {
    param($Object, [string[]]$Names)
    $found = Find-Property $Object $Names
    if ($null -eq $found['value']) { return '' }
    return "$($found['value'])"
}

# A host name out of a text, an Fqdn object or an object that carries one; '' when it is none of these.
function Get-HostName {
    param($Value)
    if ($null -eq $Value) { return '' }
    if ($Value -isnot [string]) {
        foreach ($name in 'Fqdn', 'Identity', 'Name', 'MachineFqdn') {
            $found = Find-Property $Value @($name)
            if ($null -ne $found['value']) { $Value = $found['value']; break }
        }
    }
    $text = "$Value"
    if ($text -cmatch $script:PatternFqdn) { return $text }
    return ''
}

# 'Registrar:pool01.contoso.com' -> 'pool01.contoso.com'
function Get-ServiceHost {
    param([string]$Identity)
    return [regex]::Replace($Identity, '^[A-Za-z]+:', '')
}

# Every element of what may be nothing, one thing that PowerShell unrolled, or a collection.
function Get-Elements {
    param($Value)
    if ($null -eq $Value) { return }
    if ($Value -is [string] -or $Value -is [System.Collections.IDictionary] -or $Value -isnot [System.Collections.IEnumerable]) { $Value; return }
    foreach ($element in $Value) { $element }
}

function Stop-UnknownShape {
    param([string]$Message, $Raw)
    Stop-WithCode 'UnknownShape' $Message (ConvertTo-LyncOpsJson $Raw 6)
}

# The answer of Get-CsPoolUpgradeReadinessState in our words. Never guesses: what is not understood is UnknownShape.
function ConvertFrom-Readiness {
    param([string]$PoolFqdn, $Raw, [string]$Cmdlet = 'Get-CsPoolUpgradeReadinessState')
    $given = @(Get-Elements $Raw)
    if ($given.Count -ne 1 -or $null -eq $given[0]) { Stop-UnknownShape "$cmdlet gave $($given.Count) objects instead of one." $Raw }
    $object = $given[0]
    $state = Get-TextProperty $object @('State', 'PoolUpgradeState')
    if ($state -eq '') { Stop-UnknownShape "$cmdlet gave no state." $object }
    $list = Find-Property $object @('UpgradeDomains', 'UpgradeDomain', 'UpgradeDomainInfo', 'Domains')
    if (-not $list['found']) { Stop-UnknownShape "$cmdlet gave no list of upgrade domains." $object }
    $answer = [ordered]@{ poolFqdn = $PoolFqdn; state = $state; totalFrontends = $null; totalActiveFrontends = $null; upgradeDomains = @(); raw = '' }
    foreach ($name in 'totalFrontends', 'totalActiveFrontends') {
        $text = Get-TextProperty $object @($name)
        $number = [long]0
        if ($text -ne '') {
            if (-not [long]::TryParse($text, [ref]$number)) { Stop-UnknownShape "$cmdlet gave a $name that is no number." $object }
            $answer[$name] = $number
        }
    }
    $domains = New-Object -TypeName System.Collections.ArrayList
    foreach ($domain in @(Get-Elements $list['value'])) {
        $name = Get-TextProperty $domain @('Name', 'UpgradeDomain', 'UpgradeDomainName', 'DomainName')
        if ($name -eq '') { Stop-UnknownShape "$cmdlet gave an upgrade domain without a name." $object }
        $flag = Get-TextProperty $domain @('IsReadyForUpgrade', 'ReadyForUpgrade')
        if ($flag -ne 'True' -and $flag -ne 'False') { Stop-UnknownShape "$cmdlet does not say whether $name is ready." $object }
        $members = Find-Property $domain @('Frontends', 'FrontEndServers')
        if (-not $members['found']) { Stop-UnknownShape "$cmdlet gave no front ends for $name." $object }
        $frontends = New-Object -TypeName System.Collections.ArrayList
        foreach ($member in @(Get-Elements $members['value'])) {
            $frontend = Get-HostName $member
            if ($frontend -eq '') { Stop-UnknownShape "$cmdlet gave a front end of $name that is no host name." $object }
            [void]$frontends.Add($frontend)
        }
        [void]$domains.Add([ordered]@{ name = $name; isReadyForUpgrade = ($flag -eq 'True'); frontends = $frontends.ToArray() })
    }
    $answer['upgradeDomains'] = $domains.ToArray()
    $answer['raw'] = ConvertTo-LyncOpsJson $object 6
    return $answer
}

# ---------------------------------------------------------------------------------------------------------------------
# Questions

function Get-InstalledComponent {
    $uninstall = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'
    $found = New-Object -TypeName 'System.Collections.Generic.SortedDictionary[string,object]' -ArgumentList ([System.StringComparer]::Ordinal)
    foreach ($key in @(Get-RegistryKeyNames $uninstall)) {
        $name = [string](Get-RegistryValue "$uninstall\$key" 'DisplayName')
        if ($name -notmatch '^(Microsoft Lync Server|Skype for Business Server)') { continue }
        $version = [string](Get-RegistryValue "$uninstall\$key" 'DisplayVersion')
        # The key decides the order of equal names; two entries of one name are both shown.
        $found["$name`n$version`n$key"] = [ordered]@{ name = $name; version = $version }
    }
    foreach ($key in @($found.Keys)) { $found[$key] }
}

function Get-PendingReboot {
    if (Test-RegistryKey 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending') { 'ComponentBasedServicing' }
    if (Test-RegistryKey 'SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired') { 'WindowsUpdate' }
    $renames = Get-RegistryValue 'SYSTEM\CurrentControlSet\Control\Session Manager' 'PendingFileRenameOperations'
    if (@(Get-Elements $renames | Where-Object { -not [string]::IsNullOrEmpty([string]$_) }).Count -gt 0) { 'PendingFileRenameOperations' }
    $names = 'SYSTEM\CurrentControlSet\Control\ComputerName'
    if ([string](Get-RegistryValue "$names\ActiveComputerName" 'ComputerName') -ne [string](Get-RegistryValue "$names\ComputerName" 'ComputerName')) { 'ComputerRename' }
    $netlogon = 'SYSTEM\CurrentControlSet\Services\Netlogon'
    foreach ($name in 'JoinDomain', 'AvoidSpnSet') { if ($null -ne (Get-RegistryValue $netlogon $name)) { 'DomainJoin'; break } }
}

function Get-ComputerFqdn {
    $properties = [System.Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $name = $properties.HostName
    if (-not [string]::IsNullOrEmpty($properties.DomainName)) { $name += '.' + $properties.DomainName }
    return $name.ToLowerInvariant()
}

function Get-FreeDiskBytes { return (New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot((Get-LyncOpsPath)))).AvailableFreeSpace }

# What WinRM allows one account, in the names of WSMan:\localhost. 0 means without limit. A setting that this Windows lacks is left out.
function Get-WinRMQuota {
    $quotas = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($path in 'MaxEnvelopeSizekb', 'Service\MaxConcurrentOperationsPerUser', 'Shell\MaxConcurrentUsers', 'Shell\MaxShellsPerUser', 'Shell\MaxProcessesPerShell', 'Shell\MaxMemoryPerShellMB') {
        $setting = Get-Item -Path ('WSMan:\localhost\' + $path) -ErrorAction SilentlyContinue
        if ($null -ne $setting) { $quotas[[string]$setting.Name] = [long]$setting.Value }
    }
    return $quotas
}

# The scope and the execution policy that decide in this process.
function Get-PolicyInForce {
    foreach ($entry in @(Get-ExecutionPolicy -List)) {
        if ([string]$entry.ExecutionPolicy -ne 'Undefined') { return [string]$entry.ExecutionPolicy + ', set by ' + [string]$entry.Scope }
    }
    return 'Restricted, set by nobody'
}

function Get-LyncOpsFacts {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsFacts' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @()
        # First, so that what is said of services and builds is never older than what is said of the job that changed them.
        $jobs = New-Object -TypeName System.Collections.ArrayList
        foreach ($id in @(Get-JobIds)) {
            $record = Get-JobVerdict $id
            if ($null -ne $record) { [void]$jobs.Add((Format-Job $record)) }
        }
        [ordered]@{
            computerName = [System.Environment]::MachineName
            fqdn = Get-ComputerFqdn
            time = Format-Time (Get-UtcNow)
            bootTime = Get-BootTime
            windowsVersion = [string](Get-OperatingSystem).Version
            powerShellVersion = [string]$PSVersionTable.PSVersion.Major + '.' + [string]$PSVersionTable.PSVersion.Minor
            components = @(Get-InstalledComponent)
            services = @(Get-LyncService)
            baseline = Read-Baseline
            pendingReboot = @(Get-PendingReboot)
            freeDiskBytes = Get-FreeDiskBytes
            jobs = $jobs.ToArray()
        }
    }
}

function Get-LyncOpsTopology {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsTopology' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        [void](Import-LyncModule -Question)
        # -LocalStore: the copy on this computer. The central store is in SQL Server, which a WinRM logon cannot reach with its credentials.
        # Get-CsComputer lists in topology order, which the quorum rules count in.
        $members = @(Invoke-Cmdlet { Get-CsComputer -Pool $pool -LocalStore -ErrorAction Stop })
        $cluster = @()
        if ($members.Count -eq 0) {
            $cluster = @(Invoke-Cmdlet { Get-CsPool -Identity $pool -ErrorAction Stop })
            if ($cluster.Count -ne 1 -or $null -eq $cluster[0]) { Stop-UnknownShape "Get-CsPool gave $($cluster.Count) objects for $pool." $cluster }
            $members = @(Get-Elements (Find-Property $cluster[0] @('Computers'))['value'])
        }
        $computers = New-Object -TypeName System.Collections.ArrayList
        foreach ($member in $members) {
            $name = Get-HostName $member
            if ($name -eq '') { Stop-UnknownShape "A computer of $pool has no host name." $members }
            [void]$computers.Add($name)
        }
        if ($computers.Count -eq 0) { Stop-UnknownShape "The topology names no computer of $pool." $cluster }
        $answer = [ordered]@{ poolFqdn = $pool; edition = 'Enterprise'; computers = $computers.ToArray(); userDatabaseSqlServerFqdn = $null
            userDatabaseSqlInstance = $null; backupPoolFqdn = $null; centralManagementOnPool = $false }
        if ($computers.Count -eq 1 -and $computers[0] -eq $pool) { $answer['edition'] = 'Standard' }
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -UserServer -PoolFqdn $pool -LocalStore -ErrorAction Stop })) {
            $database = Get-TextProperty $service @('UserDatabase')
            if ($database -ne '') { $answer['userDatabaseSqlServerFqdn'] = Get-ServiceHost $database }
        }
        if ($null -ne $answer['userDatabaseSqlServerFqdn']) {
            $sql = $answer['userDatabaseSqlServerFqdn']
            foreach ($service in @(Invoke-Cmdlet { Get-CsService -UserDatabase -PoolFqdn $sql -LocalStore -ErrorAction Stop })) {
                $found = Find-Property $service @('SqlInstanceName')
                if ($found['found']) { $answer['userDatabaseSqlInstance'] = "$($found['value'])" }
            }
        }
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -Registrar -PoolFqdn $pool -LocalStore -ErrorAction Stop })) {
            $backup = Get-TextProperty $service @('BackupRegistrar')
            if ($backup -ne '') { $answer['backupPoolFqdn'] = Get-ServiceHost $backup }
        }
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -CentralManagement -LocalStore -ErrorAction Stop })) {
            if ((Get-TextProperty $service @('PoolFqdn')) -eq $pool -and (Get-TextProperty $service @('Active')) -ne 'False') { $answer['centralManagementOnPool'] = $true }
        }
        $answer
    }
}

function Get-LyncOpsPoolReadiness {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsPoolReadiness' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        $running = @(Get-LyncService | Where-Object { $_['name'] -eq 'RTCSRV' -and $_['status'] -ceq 'Running' })
        if ($running.Count -eq 0) { Stop-WithCode 'NotInService' 'The service RTCSRV does not run here; ask a front end that is in service.' }
        [void](Import-LyncModule -Question)
        # What is installed decides which cmdlet there is. Of 2019 on another one asks, whose QueryTimeout is documented as two
        # different types and therefore not given. That of 2015 waits for idle secondaries unless it is told not to.
        $cmdlet = 'Get-CsPoolUpgradeReadinessState'
        $known = Find-LyncCommand $cmdlet
        if ($null -ne (Find-LyncCommand 'Get-CsUpgradeDomainInfo')) {
            $cmdlet = 'Get-CsUpgradeDomainInfo'
            $raw = Invoke-Cmdlet { Get-CsUpgradeDomainInfo -ErrorAction Stop }
        }
        elseif ($null -ne $known -and $known.Parameters.ContainsKey('SkipIdleSecondaryVerification')) {
            $raw = Invoke-Cmdlet { Get-CsPoolUpgradeReadinessState -SkipIdleSecondaryVerification -Confirm:$false -ErrorAction Stop }
        }
        else { $raw = Invoke-Cmdlet { Get-CsPoolUpgradeReadinessState -Confirm:$false -ErrorAction Stop } }
        ConvertFrom-Readiness $pool $raw $cmdlet
    }
}

function Get-LyncOpsPoolFabric {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsPoolFabric' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        [void](Import-LyncModule -Question)
        # A server that is down shows only as a warning, so warnings belong to the text.
        $lines = @(Invoke-Cmdlet { Get-CsPoolFabricState -PoolFqdn $pool -WarningAction Continue -ErrorAction Stop 3>&1 } | ForEach-Object {
                if ($_ -is [System.Management.Automation.WarningRecord]) { 'WARNING: ' + $_.Message } else { $_ } })
        $text = ($lines | Out-String -Width 4096).Replace("`r`n", "`n").TrimEnd()
        [ordered]@{ poolFqdn = $pool; text = $text }
    }
}

function Get-LyncOpsDatabase {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsDatabase' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('sqlServerFqdn', 'local', 'centralManagement')
        $local = Get-BoolField $given '' 'local'
        $central = $false
        if ($given.Contains('centralManagement')) { $central = Get-BoolField $given '' 'centralManagement' }
        if ($local -and $central) { Stop-BadArgument 'centralManagement' 'excludes local' }
        $sql = ''
        if (-not $local) { $sql = Get-FqdnField $given '' 'sqlServerFqdn' }
        [void](Import-LyncModule -Question)
        $rows = @(Invoke-Cmdlet {
                if ($local) { Test-CsDatabase -LocalService -WarningAction Continue -ErrorAction Stop 3>&1 }
                elseif ($central) { Test-CsDatabase -CentralManagementDatabase -WarningAction Continue -ErrorAction Stop 3>&1 }
                else { Test-CsDatabase -ConfiguredDatabases -SqlServerFqdn $sql -WarningAction Continue -ErrorAction Stop 3>&1 }
            })
        $databases = New-Object -TypeName System.Collections.ArrayList
        $collocated = New-Object -TypeName System.Collections.ArrayList
        $warnings = New-Object -TypeName System.Collections.ArrayList
        $mirrored = $false
        foreach ($row in $rows) {
            if ($row -is [System.Management.Automation.WarningRecord]) { [void]$warnings.Add($row.Message); continue }
            $name = Get-TextProperty $row @('DatabaseName')
            if ($name -eq '') { Stop-UnknownShape 'Test-CsDatabase gave a row without a database name.' $row }
            if ($central -and (Get-TextProperty $row @('SqlServerFqdn')) -ne $sql) { continue }
            $mirror = Get-TextProperty $row @('MirrorSqlServerFqdn')
            if ($mirror -ne '') { $mirrored = $true }
            foreach ($known in $script:CollocatedNames) { if ($known -eq $name -and $collocated -notcontains $known) { [void]$collocated.Add($known) } }
            [void]$databases.Add([ordered]@{ databaseName = $name; sqlServerFqdn = (Get-TextProperty $row @('SqlServerFqdn'))
                    sqlInstanceName = (Get-TextProperty $row @('SqlInstanceName')); expectedVersion = (Get-TextProperty $row @('ExpectedVersion'))
                    installedVersion = (Get-TextProperty $row @('InstalledVersion')); succeed = ((Get-TextProperty $row @('Succeed')) -eq 'True'); mirrorSqlServerFqdn = $mirror })
        }
        [ordered]@{ databases = $databases.ToArray(); collocatedStores = $collocated.ToArray(); mirrored = $mirrored; warnings = $warnings.ToArray() }
    }
}

# What the product itself says is installed: Skype for Business Server, from its update of November 2015 on.
function Get-LyncOpsPatchVersion {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsPatchVersion' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @()
        [void](Import-LyncModule -Question)
        if ($null -eq (Find-LyncCommand 'Get-CsServerPatchVersion')) { Stop-WithCode 'CmdletMissing' 'The command Get-CsServerPatchVersion is not on this server.' }
        $rows = @(Invoke-Cmdlet { Get-CsServerPatchVersion -ErrorAction Stop })
        $components = New-Object -TypeName System.Collections.ArrayList
        foreach ($row in $rows) {
            $name = Get-TextProperty $row @('ComponentName')
            $version = Get-TextProperty $row @('Version')
            if ($name -eq '' -or $version -eq '') { Stop-UnknownShape 'Get-CsServerPatchVersion gave a component without a name or a version.' $row }
            [void]$components.Add([ordered]@{ name = $name; version = $version })
        }
        if ($components.Count -eq 0) { Stop-UnknownShape 'Get-CsServerPatchVersion gave no component.' $rows }
        [ordered]@{ components = $components.ToArray() }
    }
}

# Without -DatabaseType: the reference and the fail-over page name different types. All rows come, and the reader picks.
function Get-LyncOpsDatabaseMirror {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsDatabaseMirror' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        [void](Import-LyncModule -Question)
        $databases = New-Object -TypeName System.Collections.ArrayList
        foreach ($row in @(Invoke-Cmdlet { Get-CsDatabaseMirrorState -PoolFqdn $pool -ErrorAction Stop })) {
            $name = Get-TextProperty $row @('DatabaseName')
            if ($name -eq '') { Stop-UnknownShape 'Get-CsDatabaseMirrorState gave a row without a database name.' $row }
            [void]$databases.Add([ordered]@{ databaseName = $name; stateOnPrimary = (Get-TextProperty $row @('StateOnPrimary')); stateOnMirror = (Get-TextProperty $row @('StateOnMirror'))
                    statusOnPrimary = (Get-TextProperty $row @('MirroringStatusOnPrimary')); statusOnMirror = (Get-TextProperty $row @('MirroringStatusOnSecondary', 'MirroringStatusOnMirror')) })
        }
        [ordered]@{ poolFqdn = $pool; databases = $databases.ToArray() }
    }
}

# The user databases of one local instance, with what keeps them from being used. Asked as the logged-on account.
function Read-LocalDatabase {
    param([string]$Instance)
    $connection = New-Object -TypeName System.Data.SqlClient.SqlConnection -ArgumentList ('Data Source=.\' + $Instance + ';Initial Catalog=master;Integrated Security=SSPI;Connect Timeout=15;Pooling=false')
    try {
        $connection.Open()
        $command = $connection.CreateCommand()
        $command.CommandTimeout = 15
        $command.CommandText = 'SELECT name, state_desc, user_access_desc FROM sys.databases WHERE database_id > 4 ORDER BY name'
        $reader = $command.ExecuteReader()
        while ($reader.Read()) { [ordered]@{ instanceName = $Instance; databaseName = $reader.GetString(0); state = $reader.GetString(1); userAccess = $reader.GetString(2) } }
    }
    finally { $connection.Dispose() }
}

function Get-LyncOpsLocalDatabase {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsLocalDatabase' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @()
        $databases = New-Object -TypeName System.Collections.ArrayList
        $problems = New-Object -TypeName System.Collections.ArrayList
        foreach ($service in @(Get-LyncService)) {
            if ($service['name'] -notmatch '^MSSQL\$(.+)\z') { continue }
            $instance = $Matches[1].ToUpperInvariant()
            try { foreach ($row in @(Read-LocalDatabase $instance)) { [void]$databases.Add($row) } }
            catch { [void]$problems.Add([ordered]@{ instanceName = $instance; message = (Get-RootFailure $_.Exception).Message }) }
        }
        [ordered]@{ databases = $databases.ToArray(); problems = $problems.ToArray() }
    }
}

# The TCP ports on which something on this server listens, on any address that others can reach.
function Get-ListeningPort {
    foreach ($endpoint in [System.Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()) {
        if (-not [System.Net.IPAddress]::IsLoopback($endpoint.Address)) { [long]$endpoint.Port }
    }
}

function Get-LyncOpsServing {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsServing' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('ports')
        $rule = 'must be a list of ports from 1 to 65535'
        $ports = $given['ports']
        if ($ports -isnot [array] -or $ports.Count -gt 32) { Stop-BadArgument 'ports' $rule }
        foreach ($port in $ports) { if ($port -isnot [long] -or $port -lt 1 -or $port -gt 65535) { Stop-BadArgument 'ports' $rule } }
        $open = @(Invoke-Cmdlet { Get-ListeningPort })
        $listening = New-Object -TypeName System.Collections.ArrayList
        foreach ($port in $ports) { if ($open -contains $port -and $listening -notcontains $port) { [void]$listening.Add($port) } }
        $activity = New-Object -TypeName System.Collections.ArrayList
        $problem = ''
        # What the services do is for people. That the ports listen is what is decided upon, and must be told in any case.
        try {
            [void](Import-LyncModule -Question)
            foreach ($service in @(Invoke-Cmdlet { Get-CsWindowsService -ErrorAction Stop })) {
                $level = Get-TextProperty $service @('ActivityLevel')
                if ($level -ne '') { [void]$activity.Add([ordered]@{ name = (Get-TextProperty $service @('Name')); activityLevel = $level }) }
            }
        }
        catch { $problem = (Get-RootFailure $_.Exception).Message }
        [ordered]@{ listening = $listening.ToArray(); activity = $activity.ToArray(); activityProblem = $problem }
    }
}

function Get-LyncOpsReplication {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsReplication' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @()
        [void](Import-LyncModule -Question)
        $replicas = New-Object -TypeName System.Collections.ArrayList
        foreach ($row in @(Invoke-Cmdlet { Get-CsManagementStoreReplicationStatus -ErrorAction Stop })) {
            $name = Get-HostName (Find-Property $row @('ReplicaFqdn'))['value']
            $upToDate = (Find-Property $row @('UpToDate'))['value']
            if ($name -eq '' -or $upToDate -isnot [bool]) { Stop-UnknownShape 'Get-CsManagementStoreReplicationStatus answered a row without ReplicaFqdn or UpToDate' $row }
            [void]$replicas.Add([ordered]@{ replicaFqdn = $name; upToDate = $upToDate })
        }
        [ordered]@{ replicas = $replicas.ToArray() }
    }
}

# Host names of what a service of the topology refers to, such as 'Registrar:pool01.contoso.com'.
function Get-ServiceReference {
    param($Service, [string[]]$Names)
    $value = (Find-Property $Service $Names)['value']
    if ($null -ne $value -and $value -isnot [string]) {
        $identity = Get-TextProperty $value @('ServiceId', 'Identity')
        if ($identity -ne '') { $value = $identity }
    }
    return Get-ServiceHost "$value"
}

function Get-PoolComputer {
    param([string]$Pool)
    foreach ($member in @(Invoke-Cmdlet { Get-CsComputer -Pool $Pool -LocalStore -ErrorAction Stop })) {
        $name = Get-HostName $member
        if ($name -eq '') { Stop-UnknownShape "A computer of $Pool has no host name." $member }
        $name
    }
}

# Where the users of a pool are by its registrar's own configuration. A pool that has none was never failed over.
function Get-RegistrarState {
    param([string]$Pool, [switch]$Central)
    $state = 'Active'
    $configurations = @(Invoke-Cmdlet { if ($Central) { Get-CsRegistrarConfiguration -ErrorAction Stop } else { Get-CsRegistrarConfiguration -LocalStore -ErrorAction Stop } })
    foreach ($configuration in $configurations) {
        if ((Get-TextProperty $configuration @('Identity')) -ne ('Service:Registrar:' + $Pool)) { continue }
        $found = Get-TextProperty $configuration @('PoolState')
        if ($found -eq '') { Stop-UnknownShape "The registrar's configuration of $Pool has no state." $configuration }
        $state = $found
    }
    return $state
}

function Get-LyncOpsPartner {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsPartner' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        [void](Import-LyncModule -Question)
        $backup = $null
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -Registrar -PoolFqdn $pool -LocalStore -ErrorAction Stop })) {
            $name = Get-ServiceReference $service @('BackupRegistrar')
            if ($name -ne '') { $backup = $name }
        }
        $answer = [ordered]@{ poolFqdn = $pool; backupPoolFqdn = $backup; backupComputers = @(); poolState = (Get-RegistrarState $pool); modules = @(); edgePools = @(); centralManagementPoolFqdn = $null }
        if ($null -ne $backup) {
            $answer['backupComputers'] = @(Get-PoolComputer $backup)
            $modules = New-Object -TypeName System.Collections.ArrayList
            foreach ($side in $pool, $backup) {
                $status = @(Invoke-Cmdlet { Get-CsBackupServiceStatus -PoolFqdn $side -ErrorAction Stop })
                foreach ($row in $status) {
                    $rows = Find-Property $row @('BackupModules')
                    if (-not $rows['found']) { Stop-UnknownShape "Get-CsBackupServiceStatus lists no modules of $side." $row }
                    foreach ($module in @(Get-Elements $rows['value'])) {
                        $name = Get-TextProperty $module @('Identity', 'Name')
                        if ($name -eq '') { Stop-UnknownShape "A module of the backup service of $side has no name." $module }
                        [void]$modules.Add([ordered]@{ poolFqdn = $side; name = $name; exportStatus = (Get-TextProperty $module @('ExportStatus')); importStatus = (Get-TextProperty $module @('ImportStatus')) })
                    }
                }
            }
            $answer['modules'] = $modules.ToArray()
        }
        $edges = New-Object -TypeName System.Collections.ArrayList
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -EdgeServer -LocalStore -ErrorAction Stop })) {
            if ((Get-ServiceReference $service @('Registrar')) -eq $pool) { [void]$edges.Add((Get-TextProperty $service @('PoolFqdn'))) }
        }
        $answer['edgePools'] = $edges.ToArray()
        foreach ($service in @(Invoke-Cmdlet { Get-CsService -CentralManagement -LocalStore -ErrorAction Stop })) {
            if ((Get-TextProperty $service @('Active')) -ne 'False') { $answer['centralManagementPoolFqdn'] = (Get-TextProperty $service @('PoolFqdn')) }
        }
        $answer
    }
}

# Who has a user right by the text that secedit.exe exports, as SIDs; a name that has none stays a name.
function Get-UserRightHolder {
    param([string]$Text, [string]$Right)
    $line = [regex]::Match($Text, '(?m)^' + $Right + '[ \t]*=[ \t]*([^\r\n]*)')
    foreach ($holder in $line.Groups[1].Value.Split(',')) {
        $holder = $holder.Trim()
        if ($holder -eq '') { continue }
        if ($holder.StartsWith('*')) { $holder.Substring(1); continue }
        try { Get-AccountSid $holder } catch { $holder }
    }
}

# Says by which account or group the account may log on as a batch job; throws when it may not, or when that cannot be known.
function Get-BatchLogonRight {
    param([string]$Account)
    $file = Get-LyncOpsPath ('rights-' + [guid]::NewGuid().ToString('N') + '.inf')
    $log = [System.IO.Path]::ChangeExtension($file, '.log')
    try {
        $code = Export-UserRight $file $log
        $text = Read-SharedFile $file
    }
    catch { throw ('not known: ' + (Get-RootFailure $_.Exception).Message) }
    finally { foreach ($path in $file, $log) { if ([System.IO.File]::Exists($path)) { [System.IO.File]::Delete($path) } } }
    if ($code -ne 0 -or [string]::IsNullOrEmpty($text)) { throw "not known: secedit.exe ended with exit code $code" }
    if ($text -notmatch '(?m)^\[Privilege Rights\]') { throw 'not known: secedit.exe exported no user rights' }
    try { $sid = Get-AccountSid $Account } catch { throw ("not known: $Account has no SID on this server: " + (Get-RootFailure $_.Exception).Message) }
    $why = ''
    $groups = @()
    try { $groups = @(Get-AccountGroupSid $Account) } catch { $why = (Get-RootFailure $_.Exception).Message }
    $denied = @(Get-UserRightHolder $text 'SeDenyBatchLogonRight')
    foreach ($holder in $denied) { if ($holder -eq $sid -or $groups -contains $holder) { throw ('denied to ' + (Get-AccountName $holder)) } }
    if ($why -ne '' -and $denied.Count -gt 0) { throw "not known: the right is denied to some, and the groups of $Account cannot be read: $why" }
    $granted = @(Get-UserRightHolder $text 'SeBatchLogonRight')
    foreach ($holder in $granted) { if ($holder -eq $sid -or $groups -contains $holder) { return 'granted to ' + (Get-AccountName $holder) } }
    $names = 'nobody'
    if ($granted.Count -gt 0) { $names = [string]::Join(', ', @(foreach ($holder in $granted) { Get-AccountName $holder })) }
    if ($why -ne '') { throw "not known: granted to $names, and the groups of $Account cannot be read: $why" }
    throw "granted to $names, and $Account is none of them"
}

# One check: the block says what it found, and throws when it is not good.
function New-Check {
    param([string]$Name, [string]$Remedy, [scriptblock]$Block)
    $check = [ordered]@{ name = $Name; ok = $true; found = ''; remedy = $Remedy }
    try { $check['found'] = [string](& $Block) }
    catch { $check['ok'] = $false; $check['found'] = (Get-RootFailure $_.Exception).Message }
    return $check
}

function Get-LyncOpsPreflight {
    [CmdletBinding()]
    param([string]$Argument, [switch]$ArgumentFromInput)
    Invoke-Verb 'Get-LyncOpsPreflight' $Argument $ArgumentFromInput {
        param($given)
        Assert-KnownFields $given '' @('poolFqdn', 'outsideDomain', 'jobAccount')
        $pool = Get-FqdnField $given '' 'poolFqdn'
        $outside = $false
        if ($given.Contains('outsideDomain')) { $outside = Get-BoolField $given '' 'outsideDomain' }
        $account = ''
        if ($given.Contains('jobAccount')) { $account = Get-TextField $given '' 'jobAccount' $script:PatternAccount 'must be an account name' }
        $checks = New-Object -TypeName System.Collections.ArrayList
        [void]$checks.Add((New-Check 'Administrator' 'Make the account a member of the local Administrators group; for a local account set LocalAccountTokenFilterPolicy.' {
                    if (-not (Test-Administrator)) { throw 'the account has no administrator rights here' }; 'yes' }))
        [void]$checks.Add((New-Check 'TaskScheduler' 'Start the service Schedule and let administrators register tasks.' { [void](Get-JobTaskState 'preflight'); 'answers' }))
        if ($account -ne '') {
            [void]$checks.Add((New-Check 'BatchLogonRight' 'Grant the account of the jobs "Log on as a batch job" (secpol.msc, Local Policies, User Rights Assignment, or the group policy that sets it), and see that "Deny log on as a batch job" names neither it nor a group of its. What is not known here can be looked up there.' {
                        Get-BatchLogonRight $account }))
        }
        [void]$checks.Add((New-Check 'WinRMQuotas' 'Raise what is too small, for example Set-Item WSMan:\localhost\Shell\MaxMemoryPerShellMB 1024, or the group policy that sets it, and restart the service WinRM.' {
                    $quotas = Get-WinRMQuota
                    if ($quotas.Count -eq 0) { throw 'the WSMan: drive shows no quota' }
                    # One session of the operator, one of a person beside it, and PowerShell with the Lync module in each.
                    $needed = @{ MaxEnvelopeSizekb = 150; MaxConcurrentOperationsPerUser = 5; MaxConcurrentUsers = 2; MaxShellsPerUser = 2; MaxProcessesPerShell = 5; MaxMemoryPerShellMB = 512 }
                    $small = @(foreach ($name in $quotas.Keys) { if ($quotas[$name] -ne 0 -and $quotas[$name] -lt $needed[$name]) { [string]$name + ' ' + [string]$quotas[$name] + ', needed ' + [string]$needed[$name] } })
                    if ($small.Count -gt 0) { throw ('too small: ' + [string]::Join('; ', $small)) }
                    [string]::Join(', ', @(foreach ($name in $quotas.Keys) { [string]$name + ' ' + [string]$quotas[$name] })) }))
        [void]$checks.Add((New-Check 'ExecutionPolicy' 'Set the execution policy to RemoteSigned, or to AllSigned with a signed module.' {
                    $policy = Get-PolicyInForce
                    if ($policy -notmatch '^(RemoteSigned|AllSigned|Unrestricted|Bypass),') { throw $policy }; $policy }))
        [void]$checks.Add((New-Check 'FreeDiskSpace' 'Free at least 20 GB on the drive of %ProgramData%.' {
                    $free = Get-FreeDiskBytes
                    $text = [string][System.Math]::Floor($free / 1GB) + ' GB free'
                    if ($free -lt 20GB) { throw $text }; $text }))
        [void]$checks.Add((New-Check 'NoPendingReboot' 'Restart the server before the upgrade.' {
                    $pending = @(Get-PendingReboot)
                    if ($pending.Count -gt 0) { throw [string]::Join(', ', $pending) }; 'none' }))
        [void]$checks.Add((New-Check 'NoInstallerRunning' 'Wait until the other installation has ended.' {
                    if (Test-RegistryKey 'SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\InProgress') { throw 'Windows Installer is in the middle of an installation' }; 'none' }))
        $module = New-Check 'LyncModule' 'Install the Lync Server core components and administrative tools.' { Import-LyncModule -Question }
        [void]$checks.Add($module)
        # Where it must not be loaded, no Lync cmdlet may be called: PowerShell would load it for the cmdlet.
        if (-not $module['ok']) { return [ordered]@{ checks = $checks.ToArray() } }
        if ($outside) {
            [void]$checks.Add((New-Check 'PoolKnown' 'Check the name, and that the central management store is replicated to this server.' {
                        if (@(Invoke-Cmdlet { Get-CsComputer -Pool $pool -LocalStore -ErrorAction Stop }).Count -eq 0) { throw 'the topology on this server names no computer of the pool' }; $pool }))
            return [ordered]@{ checks = $checks.ToArray() }
        }
        [void]$checks.Add((New-Check 'PoolKnown' 'Check the name, and that the account may read the central management store.' {
                    $found = @(Invoke-Cmdlet { Get-CsPool -Identity $pool -ErrorAction Stop })
                    if ($found.Count -ne 1) { throw "the topology gave $($found.Count) pools" }; $pool }))
        [void]$checks.Add((New-Check 'ReplicationUpToDate' 'Run Invoke-CsManagementStoreReplication and wait until every replica is up to date.' {
                    $replicas = @(Invoke-Cmdlet { Get-CsManagementStoreReplicationStatus -ErrorAction Stop })
                    if ($replicas.Count -eq 0) { throw 'no replica reported' }
                    $late = @($replicas | Where-Object { (Get-TextProperty $_ @('UpToDate')) -ne 'True' } | ForEach-Object { Get-TextProperty $_ @('ReplicaFqdn') })
                    if ($late.Count -gt 0) { throw ('not up to date: ' + [string]::Join(', ', $late)) }
                    [string]$replicas.Count + ' replicas' }))
        [ordered]@{ checks = $checks.ToArray() }
    }
}

# ---------------------------------------------------------------------------------------------------------------------
# Jobs: what the task runs

# Moves the job from Claimed to Running, once. $null when it must not run.
function Enter-Job {
    param([string]$Id)
    $record = Get-JobVerdict $Id
    if ($null -eq $record) { throw ('There is no job ' + (Get-JobStatePath $Id)) }
    if ($record.Contains('broken')) { return $null }
    if ($record['state'] -ceq 'Interrupted') { Save-JobRecord $record; return $null }
    if ($record['state'] -cne 'Claimed') { return $null }
    if ($null -ne (Find-LiveJob $Id)) { return $null }
    $script:LogPath = Get-LyncOpsPath 'jobs' $Id 'log.txt'
    $record['state'] = 'Running'
    $record['started'] = Format-Time (Get-UtcNow)
    $record['bootTime'] = Get-BootTime
    $record['processId'] = [long]$PID
    $record['processStart'] = Get-ProcessStart $PID
    if ($record['processStart'] -isnot [string]) { Stop-WithCode 'Internal' 'WMI does not know the process of this job.' }
    # The log comes first: if state.json should ever vanish, the log tells that the job had begun.
    [System.IO.File]::AppendAllText($script:LogPath, '')
    Save-JobRecord $record
    return $record
}

# Writes the result. On a full disk it tries for ten minutes; after that the job counts as Interrupted, never as done.
function Exit-Job {
    param($Record)
    $Record['finished'] = Format-Time (Get-UtcNow)
    for ($try = 1; ; $try++) {
        try { Save-JobRecord $Record; return }
        catch {
            if ($try -ge 60) { throw }
            Wait-Seconds 10
        }
    }
}

function Invoke-LyncOpsJob {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)][string]$Id)
    if ($Id -cnotmatch $script:PatternId) { throw 'The job id is not one.' }
    $record = Invoke-Locked { Enter-Job $Id } 120
    if ($null -eq $record) { return }
    Write-JobLog ("$($record['action']) begins as process $PID, " + [System.Environment]::UserName)
    try {
        # The file was checked when it was claimed, and is checked again like anything that comes from a disk.
        $parameters = Read-JobParameters $record['action'] $record['parameters']
        switch -CaseSensitive ($record['action']) {
            'StagePackage' { Invoke-StagePackage $parameters }
            'StopServices' { Invoke-StopServices $parameters }
            'StopWebServer' { Invoke-StopWebServer $parameters['timeoutSeconds'] }
            'Install' { $record['exitCode'] = Invoke-Install $parameters $record }
            'RestartComputer' { Invoke-RestartComputer $parameters }
            'StartWebServer' { Invoke-StartWebServer $parameters['timeoutSeconds'] }
            'StartServices' { Invoke-StartServices $parameters }
            'UpdateDatabases' { Invoke-UpdateDatabases $parameters }
            'FailOverComputer' { Invoke-FailOverComputer $parameters }
            'FailBackComputer' { Invoke-FailBackComputer $parameters }
            'RecordServices' { Invoke-RecordServices }
            'MoveCentralManagement' { Invoke-MoveCentralManagement $parameters }
            'FailOverPool' { Invoke-FailOverPool $parameters }
            'FailBackPool' { Invoke-FailBackPool $parameters }
        }
        $record['state'] = 'Succeeded'
    }
    catch {
        $failure = Get-RootFailure $_.Exception
        $record['state'] = 'Failed'
        $record['message'] = $failure.Message
        if ($failure.Data.Contains('LyncOpsOutcome')) {
            $record['outcome'] = $failure.Data['LyncOpsOutcome']
            $record['exitCode'] = $failure.Data['LyncOpsExitCode']
        }
        elseif ($failure.Data.Contains('LyncOpsCode') -and @('CmdletFailed', 'CmdletMissing') -contains $failure.Data['LyncOpsCode']) { $record['outcome'] = 'CmdletFailed' }
        else { $record['outcome'] = Get-FailureOutcome $failure 'Internal' }
        Write-JobLog ('failed: ' + $record['outcome'] + ': ' + $record['message'])
    }
    if ($record['state'] -ceq 'Succeeded') { Write-JobLog 'succeeded' }
    Exit-Job $record
}

function Get-PackagePath {
    param($Parameters)
    return Get-LyncOpsPath 'packages' $Parameters['sha256'] $Parameters['fileName']
}

# An address without what may be secret in it.
function Hide-SourceSecret {
    param([string]$Source)
    if ($Source -match '^https://') { return [regex]::Replace([regex]::Replace($Source, '[?#].*\z', ''), '(?i)^(https://)[^/@]*@', '$1') }
    return $Source
}

function Open-PackageSource {
    param([string]$Source)
    if ($Source -notmatch '^https://') { return [System.IO.File]::Open($Source, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read) }
    # .NET 4 offers only older protocols unless asked; 3072 is TLS 1.2, which its enumeration may not name yet.
    [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.SecurityProtocolType]3072
    $request = [System.Net.HttpWebRequest][System.Net.WebRequest]::Create($Source)
    $request.Timeout = 60000
    $request.ReadWriteTimeout = 300000
    $response = $request.GetResponse()
    if ($response.ResponseUri.Scheme -cne 'https') { $response.Close(); throw (New-Object -TypeName System.IO.IOException -ArgumentList 'the address led away from https') }
    return $response.GetResponseStream()
}

function Invoke-StagePackage {
    param($Parameters)
    $target = Get-PackagePath $Parameters
    $shown = Hide-SourceSecret $Parameters['source']
    if ([System.IO.File]::Exists($target)) {
        if ((Get-FileSha256 $target) -ceq $Parameters['sha256']) { Write-JobLog "$target is there already and its hash is right"; return }
        Write-JobLog "$target is there with another hash and will be replaced"
    }
    [void][System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($target))
    $temporary = $target + '.' + [guid]::NewGuid().ToString('N') + '.tmp'
    try {
        try { $source = Open-PackageSource $Parameters['source'] }
        catch { Stop-WithOutcome (Get-FailureOutcome (Get-RootFailure $_.Exception) 'SourceUnreachable') ("$shown cannot be read: " + (Get-RootFailure $_.Exception).Message) }
        try {
            $sink = [System.IO.File]::Open($temporary, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
            try {
                $buffer = New-Object -TypeName 'byte[]' -ArgumentList 1048576
                for (;;) {
                    try { $count = $source.Read($buffer, 0, $buffer.Length) }
                    catch { Stop-WithOutcome 'SourceUnreachable' ("Reading $shown broke off: " + (Get-RootFailure $_.Exception).Message) }
                    if ($count -le 0) { break }
                    $sink.Write($buffer, 0, $count)
                }
                $sink.Flush($true)
            }
            finally { $sink.Close() }
        }
        finally { $source.Close() }
        $hash = Get-FileSha256 $temporary
        if ($hash -cne $Parameters['sha256']) { Stop-WithOutcome 'HashMismatch' "$shown has the SHA-256 $hash instead of $($Parameters['sha256']); it was not kept." }
        if ([System.IO.File]::Exists($target)) { [System.IO.File]::Delete($target) }
        [System.IO.File]::Move($temporary, $target)
        Write-JobLog "copied $shown to $target and verified it"
    }
    finally { if ([System.IO.File]::Exists($temporary)) { [System.IO.File]::Delete($temporary) } }
}

# Everything a cmdlet says goes to the log.
function Invoke-LoggedCmdlet {
    param([scriptblock]$Logged)
    Invoke-Cmdlet { & $Logged 4>&1 3>&1 } | ForEach-Object { Write-JobLog ([string]$_) }
}

function Invoke-StopServices {
    param($Parameters)
    if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'baseline.json'))) { Write-Baseline }
    # Nobody stops a server whose way back cannot be read.
    [void](Read-Baseline)
    $names = @(Get-StoppableService | ForEach-Object { $_['name'] })
    [void](Import-LyncModule)
    # Ordered even where nothing runs any more: the published steps ask for it after the installer too, and it does no harm.
    # -NoWait, because the cmdlet waits without end for a service that does not drain; we watch the service manager instead.
    $left = $names
    if ($Parameters['graceful']) {
        Write-JobLog 'Stop-CsWindowsService -Graceful'
        Invoke-LoggedCmdlet { Stop-CsWindowsService -Graceful -NoWait -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
        $left = @(Wait-ServiceStatus $names 'Stopped' $Parameters['timeoutSeconds'])
        if ($left.Count -gt 0) {
            $what = "After $($Parameters['timeoutSeconds']) seconds of draining " + [string]::Join(', ', $left) + '.'
            if ($Parameters['onTimeout'] -cne 'StopAtOnce') { Stop-WithOutcome 'DrainTimeout' $what }
            Write-JobLog "$what Now stopping at once."
        }
    }
    if ($left.Count -gt 0) {
        Write-JobLog 'Stop-CsWindowsService'
        Invoke-LoggedCmdlet { Stop-CsWindowsService -NoWait -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
        $seconds = $Parameters['timeoutSeconds']
        if ($Parameters['graceful']) { $seconds = $script:StopAtOnceSeconds }
        $left = @(Wait-ServiceStatus $names 'Stopped' $seconds)
        if ($left.Count -gt 0) { Stop-WithOutcome 'ServiceStuck' ("After $seconds seconds " + [string]::Join(', ', $left) + '.') }
    }
    Write-JobLog 'every Lync service is Stopped'
    if ($Parameters['webServer']) { Invoke-StopWebServer $Parameters['timeoutSeconds'] }
}

function Get-WebServerStatus {
    foreach ($service in @(Get-LyncService)) { if ($service['name'] -eq 'W3SVC') { return $service['status'] } }
    return 'Missing'
}

function Invoke-StopWebServer {
    param([long]$TimeoutSeconds)
    $status = Get-WebServerStatus
    if ('Missing', 'Stopped' -ccontains $status) { Write-JobLog "W3SVC is $status"; return }
    if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'baseline.json'))) { Write-Baseline }
    if ($status -cne 'StopPending') { Invoke-Cmdlet { Stop-WindowsService 'W3SVC' } }
    $left = @(Wait-ServiceStatus @('W3SVC') 'Stopped' $TimeoutSeconds)
    if ($left.Count -gt 0) { Stop-WithOutcome 'ServiceStuck' ("After $TimeoutSeconds seconds " + $left[0] + '.') }
    Write-JobLog 'W3SVC is Stopped'
}

function Invoke-StartWebServer {
    param([long]$TimeoutSeconds)
    $status = Get-WebServerStatus
    if ($status -ceq 'Missing') { Stop-WithOutcome 'CmdletFailed' 'There is no service W3SVC on this server.' }
    if ('Running', 'StartPending' -cnotcontains $status) { Invoke-Cmdlet { Start-WindowsService 'W3SVC' } }
    $left = @(Wait-ServiceStatus @('W3SVC') 'Running' $TimeoutSeconds)
    if ($left.Count -gt 0) { Stop-WithOutcome 'ServiceStuck' ("After $TimeoutSeconds seconds " + $left[0] + '.') }
    Write-JobLog 'W3SVC is Running'
}

function Invoke-StartServices {
    param($Parameters)
    $wanted = New-Object -TypeName System.Collections.ArrayList
    $baseline = Read-Baseline
    $services = @(Get-LyncService)
    if ($null -eq $baseline) {
        Write-JobLog 'there is no baseline; every Lync service that starts automatically is expected to run'
        foreach ($service in @(Get-StoppableService)) { if ($service['startType'] -ceq 'Automatic') { [void]$wanted.Add($service['name']) } }
    }
    else {
        foreach ($kept in $baseline) {
            if ($kept['status'] -ceq 'Running') { [void]$wanted.Add($kept['name']) }
            foreach ($service in $services) {
                if ($service['name'] -ne $kept['name'] -or $service['startType'] -ceq $kept['startType']) { continue }
                Write-JobLog "start type of $($kept['name']): $($service['startType']) becomes $($kept['startType'])"
                Invoke-Cmdlet { Set-WindowsServiceStartType $kept['name'] $kept['startType'] }
            }
        }
    }
    # Start-CsWindowsService need not start these two.
    foreach ($service in $services) {
        if ('W3SVC', 'FabricHostSvc' -contains $service['name'] -and $wanted -contains $service['name'] -and $service['status'] -ceq 'Stopped') {
            Write-JobLog "starting $($service['name'])"
            Invoke-Cmdlet { Start-WindowsService $service['name'] }
        }
    }
    foreach ($service in $services) {
        if ($service['status'] -cne 'Paused' -or $wanted -notcontains $service['name']) { continue }
        Write-JobLog "resuming $($service['name']), which was draining"
        # Where it cannot be resumed it may still be started.
        try { Resume-WindowsService $service['name'] } catch { Write-JobLog ('it cannot be resumed: ' + (Get-RootFailure $_.Exception).Message) }
    }
    if (@(Wait-ServiceStatus $wanted.ToArray() 'Running' 0).Count -gt 0) {
        [void](Import-LyncModule)
        Write-JobLog 'Start-CsWindowsService'
        Invoke-LoggedCmdlet { Start-CsWindowsService -NoWait -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
        $left = @(Wait-ServiceStatus $wanted.ToArray() 'Running' $Parameters['timeoutSeconds'])
        if ($left.Count -gt 0) { Stop-WithOutcome 'ServiceStuck' ("After $($Parameters['timeoutSeconds']) seconds " + [string]::Join(', ', $left) + '.') }
    }
    Write-JobLog 'every expected service is Running'
}

# The cmdlets would take another server as readily as this one.
function Assert-ThisComputer {
    param([string]$Name, [string]$Outcome)
    $here = Get-ComputerFqdn
    if ($Name.Split('.')[0] -ne $here.Split('.')[0]) { Stop-WithOutcome $Outcome "The order is for $Name, and this computer is $here." }
}

# What of the services is not as the baseline says.
function Get-BaselineDifference {
    $now = @{}
    foreach ($service in @(Get-LyncService)) { $now[$service['name']] = $service }
    $baseline = Read-Baseline
    if ($null -eq $baseline) { return }
    foreach ($kept in $baseline) {
        $is = $now[$kept['name']]
        if ($null -eq $is) { "$($kept['name']) is missing" }
        elseif ($is['status'] -cne $kept['status']) { "$($kept['name']) is $($is['status'])" }
        elseif ($is['startType'] -cne $kept['startType']) { "$($kept['name']) has start type $($is['startType'])" }
    }
}

# Moves users away, lets sessions end, stops the services and disables them. What exceeds WaitTime does nothing, by the cmdlet's own
# rule. It is not ended from here when it takes long: half a failover is worse. Neither forced nor without its own health check.
function Invoke-FailOverComputer {
    param($Parameters)
    $computer = $Parameters['computerName']
    Assert-ThisComputer $computer 'FailOverRefused'
    if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'baseline.json'))) { Write-Baseline }
    # Nobody stops a server whose way back cannot be read.
    [void](Read-Baseline)
    $names = @(Get-StoppableService | ForEach-Object { $_['name'] })
    [void](Import-LyncModule)
    $pool = $Parameters['poolFqdn']
    # A number would be ticks, and a number in a text days.
    $wait = [timespan]::FromSeconds($Parameters['waitSeconds'])
    $draining = [timespan]::FromSeconds($Parameters['drainingSeconds'])
    try {
        Write-JobLog "Get-CsPoolFabricState -PoolFqdn $pool"
        Invoke-LoggedCmdlet { Get-CsPoolFabricState -PoolFqdn $pool -WarningAction Continue -ErrorAction Stop }
        if ($draining.Ticks -gt 0) {
            Write-JobLog "Invoke-CsComputerFailOver -ComputerName $computer -WaitTime $wait -DrainingTimeout $draining"
            Invoke-LoggedCmdlet { Invoke-CsComputerFailOver -ComputerName $computer -WaitTime $wait -DrainingTimeout $draining -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
        }
        else {
            Write-JobLog "Invoke-CsComputerFailOver -ComputerName $computer -WaitTime $wait"
            Invoke-LoggedCmdlet { Invoke-CsComputerFailOver -ComputerName $computer -WaitTime $wait -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
        }
    }
    catch {
        $why = (Get-RootFailure $_.Exception).Message
        $changed = @(Get-BaselineDifference)
        if ($changed.Count -eq 0) { Stop-WithOutcome 'FailOverRefused' $why }
        Stop-WithOutcome 'CmdletFailed' ($why + ' Meanwhile ' + [string]::Join(', ', $changed) + '.')
    }
    $left = @(Wait-ServiceStatus $names 'Stopped' $script:StopAtOnceSeconds)
    if ($left.Count -gt 0) { Stop-WithOutcome 'ServiceStuck' ('Invoke-CsComputerFailOver ended, and ' + [string]::Join(', ', $left) + '.') }
    Write-JobLog 'failed over: every Lync service is Stopped'
}

# Enables and starts the services and takes users back. When that does not succeed in time the cmdlet leaves them disabled; the start
# types are ours to restore all the same, and a server that runs is better than one that does not. It still counts as failed.
function Invoke-FailBackComputer {
    param($Parameters)
    $computer = $Parameters['computerName']
    Assert-ThisComputer $computer 'FailBackFailed'
    [void](Read-Baseline)
    [void](Import-LyncModule)
    $wait = [timespan]::FromSeconds($Parameters['waitSeconds'])
    $why = ''
    try {
        Write-JobLog "Invoke-CsComputerFailBack -ComputerName $computer -WaitTime $wait"
        Invoke-LoggedCmdlet { Invoke-CsComputerFailBack -ComputerName $computer -WaitTime $wait -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
    }
    catch {
        $why = (Get-RootFailure $_.Exception).Message
        Write-JobLog ('failed: ' + $why + ' Restoring start types and starting the services without it.')
    }
    try { Invoke-StartServices @{ timeoutSeconds = [System.Math]::Min([long]1800, $Parameters['waitSeconds']) } }
    catch {
        if ($why -eq '') { throw }
        Stop-WithOutcome 'FailBackFailed' ($why + ' ' + (Get-RootFailure $_.Exception).Message)
    }
    if ($why -ne '') { Stop-WithOutcome 'FailBackFailed' ($why + ' The services were started without it.') }
}

# A failover of the pool stops services; what ran before could not be told afterwards.
function Invoke-RecordServices {
    if (-not [System.IO.File]::Exists((Get-LyncOpsPath 'baseline.json'))) { Write-Baseline }
    [void](Read-Baseline)
    Write-JobLog 'the services are written down'
}

# The planned move: both pools answer, and nothing is lost. The forms for a disaster need other parameters and are not here.
function Invoke-MoveCentralManagement {
    param($Parameters)
    $pool = $Parameters['poolFqdn']
    [void](Import-LyncModule)
    $computers = @(Get-PoolComputer $pool)
    $here = (Get-ComputerFqdn).Split('.')[0]
    if (@($computers | Where-Object { $_.Split('.')[0] -eq $here }).Count -eq 0) { Stop-WithOutcome 'MoveFailed' "The order is for a computer of $pool, and $here is none." }
    try {
        Write-JobLog 'Invoke-CsManagementServerFailover'
        Invoke-LoggedCmdlet { Invoke-CsManagementServerFailover -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
    }
    catch { Stop-WithOutcome 'MoveFailed' (Get-RootFailure $_.Exception).Message }
    $deadline = (Get-UptimeSeconds) + $Parameters['timeoutSeconds']
    for (;;) {
        $master = ''
        foreach ($row in @(Invoke-Cmdlet { Get-CsManagementStoreReplicationStatus -CentralManagementStoreStatus -ErrorAction Stop })) { $master = Get-TextProperty $row @('ActiveMasterFqdn') }
        foreach ($computer in $computers) { if ($computer -eq $master) { Write-JobLog "the active master is $master"; return } }
        if ((Get-UptimeSeconds) -ge $deadline) { Stop-WithOutcome 'MoveFailed' "After $($Parameters['timeoutSeconds']) seconds the active master is '$master' and no computer of $pool." }
        Wait-Seconds $script:PollSeconds
    }
}

# Neither forced nor in disaster mode: it moves users with their data, or fails. It is not ended from here when it takes long.
function Invoke-FailOverPool {
    param($Parameters)
    $pool = $Parameters['poolFqdn']
    [void](Import-LyncModule)
    try {
        Write-JobLog "Invoke-CsPoolFailOver -PoolFqdn $pool"
        Invoke-LoggedCmdlet { Invoke-CsPoolFailOver -PoolFqdn $pool -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
    }
    catch {
        # The console wraps the sentence, and so may whatever handed it on.
        $why = [regex]::Replace((Get-RootFailure $_.Exception).Message, '\s+', ' ')
        if ($why -match 'next hop for the Edge server') { Stop-WithOutcome 'EdgeNextHop' $why }
        Stop-WithOutcome 'FailOverFailed' $why
    }
    $state = Get-RegistrarState $pool -Central
    if ($state -ne 'FailedOver') { Stop-WithOutcome 'FailOverFailed' "The cmdlet ended without an error, and the registrar of $pool is $state." }
    Write-JobLog 'the pool is failed over'
}

function Invoke-FailBackPool {
    param($Parameters)
    $pool = $Parameters['poolFqdn']
    [void](Import-LyncModule)
    try {
        Write-JobLog "Invoke-CsPoolFailBack -PoolFqdn $pool"
        Invoke-LoggedCmdlet { Invoke-CsPoolFailBack -PoolFqdn $pool -Verbose -Confirm:$false -WarningAction Continue -ErrorAction Stop }
    }
    catch { Stop-WithOutcome 'FailBackFailed' (Get-RootFailure $_.Exception).Message }
    $state = Get-RegistrarState $pool -Central
    if ('Active', 'FailedBack' -notcontains $state) { Stop-WithOutcome 'FailBackFailed' "The cmdlet ended without an error, and the registrar of $pool is $state." }
    Write-JobLog 'the pool is failed back'
}

# Arguments as CommandLineToArgvW takes them apart.
function Join-CommandLine {
    param([string[]]$Arguments)
    $parts = New-Object -TypeName System.Collections.Generic.List[string]
    foreach ($argument in @($Arguments)) {
        if ($argument -cmatch '^[^\s"]+\z') { $parts.Add($argument); continue }
        $quoted = [regex]::Replace([string]$argument, '(\\*)"', '$1$1\"')
        $parts.Add('"' + [regex]::Replace($quoted, '(\\+)\z', '$1$1') + '"')
    }
    return [string]::Join(' ', $parts.ToArray())
}

function Start-Installer {
    param([string]$Path, [string]$CommandLine)
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $Path, $CommandLine
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    # The installer writes its logs beside itself.
    $start.WorkingDirectory = [System.IO.Path]::GetDirectoryName($Path)
    return [System.Diagnostics.Process]::Start($start)
}

# Gives the exit code. Never loads the Lync module, which would lock what the installer replaces.
function Invoke-Install {
    param($Parameters, $Record)
    $path = Get-PackagePath $Parameters
    if (-not [System.IO.File]::Exists($path)) { Stop-WithOutcome 'HashMismatch' "$path is not there; stage the package first." }
    $others = @(Get-ProcessIdsByFile $Parameters['fileName'])
    if ($others.Count -gt 0) { Stop-WithOutcome 'InstallerFailed' "$($Parameters['fileName']) runs already as process $($others[0]); wait until it has ended." }
    # Held open for reading until the installer has started, so that the file which was hashed is the file which runs.
    $guard = [System.IO.File]::Open($path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try {
        $hash = Get-FileSha256 $path
        if ($hash -cne $Parameters['sha256']) { Stop-WithOutcome 'HashMismatch' "$path has the SHA-256 $hash instead of $($Parameters['sha256']); it was not run." }
        $commandLine = Join-CommandLine $Parameters['arguments']
        Write-JobLog "running $path $commandLine"
        $process = Start-Installer $path $commandLine
    }
    finally { $guard.Close() }
    try {
        # If this process dies, readers see from this that the installer still runs.
        $Record['childProcessStart'] = Get-ProcessStart $process.Id
        $Record['childProcessId'] = [long]$process.Id
        Save-JobRecord $Record
    }
    catch { Write-JobLog ('the installer could not be recorded: ' + (Get-RootFailure $_.Exception).Message) }
    $deadline = (Get-UptimeSeconds) + $Parameters['timeoutSeconds']
    while (-not $process.WaitForExit(1000)) {
        if ((Get-UptimeSeconds) -lt $deadline) { continue }
        Write-JobLog "the installer did not end within $($Parameters['timeoutSeconds']) seconds and is ended"
        Stop-ProcessTree $process.Id $Record['childProcessStart']
        $gone = $process.WaitForExit(60000)
        $how = 'It was ended.'
        if (-not $gone) { $how = 'It could not be ended.' }
        Stop-WithOutcome 'InstallerTimeout' "The installer did not end within $($Parameters['timeoutSeconds']) seconds. $how"
    }
    [void]$process.WaitForExit()
    $code = [long]$process.ExitCode
    Write-JobLog "the installer ended with exit code $code"
    if (@(0, 2, 3010, 1641) -notcontains $code) { Stop-WithOutcome 'InstallerFailed' "The installer ended with exit code $code." $code }
    return $code
}

function Invoke-RestartComputer {
    param($Parameters)
    $code = Invoke-Shutdown $Parameters['delaySeconds']
    # 1190 and 1115: a shutdown is scheduled or under way already.
    if (@(0, 1190, 1115) -notcontains $code) {
        $outcome = 'CmdletFailed'
        if ($code -eq 5) { $outcome = 'AccessDenied' }
        Stop-WithOutcome $outcome "shutdown.exe ended with exit code $code."
    }
    Write-JobLog "the restart was asked for (exit code $code)"
}

# The published commands, as a name and its parameters.
function Get-DatabaseCommand {
    param($Parameters)
    $command = [ordered]@{}
    # Never on mirrored databases: the reference says that it fails there.
    if ($Parameters['update']) { $command['Update'] = $true }
    if ($Parameters['variant'] -ceq 'Standard') { $command['LocalDatabases'] = $true }
    elseif ($Parameters['variant'] -ceq 'CentralManagement') {
        $command['CentralManagementDatabase'] = $true
        $command['SqlServerFqdn'] = $Parameters['sqlServerFqdn']
        if ($Parameters['sqlInstanceName'] -ne '') { $command['SqlInstanceName'] = $Parameters['sqlInstanceName'] }
    }
    else {
        $command['ConfiguredDatabases'] = $true
        $command['SqlServerFqdn'] = $Parameters['sqlServerFqdn']
        if ($Parameters['variant'] -ceq 'EnterpriseCollocated') { $command['ExcludeCollocatedStores'] = $true }
    }
    return $command
}

# In a runspace of its own, because the cmdlet blocks and the deadline must hold all the same.
function Invoke-UpdateDatabases {
    param($Parameters)
    $module = Import-LyncModule
    $ended = $false
    # With the commands that powershell.exe itself starts with, and not with every snap-in there is.
    $shell = [System.Management.Automation.PowerShell]::Create([System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2())
    try {
        [void]$shell.AddCommand('Import-Module').AddParameter('Name', $module).AddParameter('DisableNameChecking', $true).AddParameter('ErrorAction', 'Stop')
        [void]$shell.Invoke()
        # A pipeline of its own for the one command: a batch of statements goes on behind our back after it has been stopped.
        $shell.Commands.Clear()
        [void]$shell.AddCommand('Install-CsDatabase')
        $shown = 'Install-CsDatabase'
        $command = Get-DatabaseCommand $Parameters
        foreach ($name in @($command.Keys)) {
            [void]$shell.AddParameter($name, $command[$name])
            $shown += ' -' + $name
            if ($command[$name] -is [string]) { $shown += ' ' + $command[$name] }
        }
        [void]$shell.AddParameter('Verbose', $true).AddParameter('Confirm', $false).AddParameter('ErrorAction', 'Stop')
        Write-JobLog $shown
        $running = $shell.BeginInvoke()
        $deadline = (Get-UptimeSeconds) + $Parameters['timeoutSeconds']
        $seen = @{ Verbose = 0; Warning = 0 }
        for (;;) {
            $ended = $running.AsyncWaitHandle.WaitOne(1000)
            foreach ($stream in 'Verbose', 'Warning') {
                $records = $shell.Streams.$stream
                for (; $seen[$stream] -lt $records.Count; $seen[$stream]++) { Write-JobLog ($stream + ': ' + $records[$seen[$stream]].Message) }
            }
            if ($ended) { break }
            if ((Get-UptimeSeconds) -ge $deadline) {
                [void]$shell.BeginStop($null, $null).AsyncWaitHandle.WaitOne(60000)
                Stop-WithOutcome 'DatabaseUpdateFailed' "The database update did not end within $($Parameters['timeoutSeconds']) seconds and was stopped. Look at the databases before trying again."
            }
        }
        try { [void]$shell.EndInvoke($running) }
        catch { Stop-WithOutcome 'DatabaseUpdateFailed' (Get-RootFailure $_.Exception).Message }
        if ($shell.Streams.Error.Count -gt 0) { Stop-WithOutcome 'DatabaseUpdateFailed' $shell.Streams.Error[0].ToString() }
    }
    # Only when it ended by itself: what was stopped may still be busy, and goes with this process.
    finally { if ($ended) { $shell.Dispose() } }
}

Export-ModuleMember -Function Get-LyncOpsFacts, Get-LyncOpsTopology, Get-LyncOpsPoolReadiness, Get-LyncOpsPoolFabric, Get-LyncOpsDatabase, Get-LyncOpsDatabaseMirror, Get-LyncOpsLocalDatabase, Get-LyncOpsPatchVersion, Get-LyncOpsServing, Get-LyncOpsReplication, Get-LyncOpsPartner, Get-LyncOpsPreflight, Start-LyncOpsJob, Clear-LyncOpsJobs, Invoke-LyncOpsJob
