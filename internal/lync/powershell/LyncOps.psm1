#requires -Version 3.0
# LyncOps.psm1 - what the Lync operator runs on a Lync or Skype for Business server.
#
# WHO READS THIS: the administrator who must allow this file on a server. Everything the operator can do on the server is
# in this one file. The page docs/server-protocol.md describes each question and order, argument by argument.
#
# WHAT IT DOES
#   Questions change nothing: Get-LyncOpsFacts, Get-LyncOpsTopology, Get-LyncOpsPoolReadiness, Get-LyncOpsPoolFabric,
#   Get-LyncOpsDatabase, Get-LyncOpsPreflight. Get-LyncOpsFacts reads only the registry, WMI and our own files.
#   Start-LyncOpsJob registers one scheduled task in the folder \LyncOps and runs it. The task calls Invoke-LyncOpsJob,
#   which does one of: copy and verify an update package, stop or start the Lync services or W3SVC, run the verified
#   package, restart the computer, run Install-CsDatabase -Update. Clear-LyncOpsJobs files finished jobs under history.
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
    while ($null -ne $failure.InnerException) { $failure = $failure.InnerException }
    return $failure
}

function Hide-Secret {
    param([string]$Text)
    if (-not [string]::IsNullOrEmpty($script:Password)) { $Text = $Text.Replace($script:Password, '***') }
    return $Text
}

# Runs Lync or Windows cmdlets and turns what they throw into CmdletFailed or CmdletMissing.
function Invoke-Cmdlet {
    param([scriptblock]$Block)
    try { & $Block }
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

function ConvertTo-JsonString {
    param([string]$Text)
    $out = New-Object -TypeName System.Text.StringBuilder
    [void]$out.Append('"')
    foreach ($character in $Text.ToCharArray()) {
        $code = [int]$character
        if ($code -eq 34) { [void]$out.Append('\"') }
        elseif ($code -eq 92) { [void]$out.Append('\\') }
        elseif ($code -eq 10) { [void]$out.Append('\n') }
        elseif ($code -eq 13) { [void]$out.Append('\r') }
        elseif ($code -eq 9) { [void]$out.Append('\t') }
        # The angle brackets are escaped so that no text can look like the marks around an answer.
        elseif ($code -lt 32 -or $code -gt 126 -or $code -eq 60 -or $code -eq 62) { [void]$out.Append('\u' + $code.ToString('x4')) }
        else { [void]$out.Append($character) }
    }
    [void]$out.Append('"')
    return $out.ToString()
}

function ConvertTo-LyncOpsJson {
    param($Value, [int]$Depth = 12)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [psobject]) { $Value = $Value.PSObject.BaseObject }
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
        foreach ($key in $Value.Keys) { $parts.Add((ConvertTo-JsonString ([string]$key)) + ':' + (ConvertTo-LyncOpsJson $Value[$key] ($Depth - 1))) }
        return '{' + [string]::Join(',', $parts.ToArray()) + '}'
    }
    if ($Value -is [System.Collections.IEnumerable]) {
        foreach ($item in $Value) { $parts.Add((ConvertTo-LyncOpsJson $item ($Depth - 1))) }
        return '[' + [string]::Join(',', $parts.ToArray()) + ']'
    }
    $bag = New-Object -TypeName System.Management.Automation.PSObject -ArgumentList $Value
    foreach ($property in @($bag.PSObject.Properties)) {
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
    $script:JsonAt = 0
    $document = Read-JsonValue
    Skip-JsonSpace
    if ($script:JsonAt -ne $script:JsonText.Length) { Stop-JsonReading }
    if ($document -isnot [System.Collections.IDictionary]) { $script:JsonAt = 0; Stop-JsonReading }
    return $document
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

function Wait-Seconds { param([int]$Seconds) Start-Sleep -Seconds $Seconds }

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

# When this process was created, to the microsecond, or $null when there is no such process. Does not move with the clock.
function Get-ProcessStart {
    param([long]$ProcessId)
    $process = @(Get-WmiObject -Class Win32_Process -Filter "ProcessId = $ProcessId" -ErrorAction Stop)
    if ($process.Count -eq 0 -or $null -eq $process[0]) { return $null }
    $start = ConvertFrom-WmiTime ([string]$process[0].CreationDate)
    if ($null -eq $start) { Stop-WithCode 'UnknownShape' "WMI gave process $ProcessId no creation date." 'null' }
    return $start.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
}

function Get-ProcessIdsByFile {
    param([string]$FileName)
    foreach ($process in @(Get-WmiObject -Class Win32_Process -ErrorAction Stop)) {
        if ($null -ne $process -and [string]$process.Name -eq $FileName) { [long]$process.ProcessId }
    }
}

# Ends a process we started and what it started, children first. Windows Installer itself is a service and no child.
function Stop-ProcessTree {
    param([long]$ProcessId)
    foreach ($child in @(Get-WmiObject -Class Win32_Process -Filter "ParentProcessId = $ProcessId" -ErrorAction Stop)) {
        if ($null -ne $child -and [long]$child.ProcessId -ne $ProcessId) { Stop-ProcessTree ([long]$child.ProcessId) }
    }
    Stop-Process -Id $ProcessId -Force -Confirm:$false -ErrorAction SilentlyContinue
}

function Start-WindowsService { param([string]$Name) Start-Service -Name $Name -Confirm:$false -WarningAction SilentlyContinue -ErrorAction Stop }

# Asks and does not wait; services that depend on it are stopped by the service manager's own rule.
function Stop-WindowsService { param([string]$Name) (Get-Service -Name $Name -ErrorAction Stop).Stop() }

function Set-WindowsServiceStartType { param([string]$Name, [string]$StartType) Set-Service -Name $Name -StartupType $StartType -Confirm:$false -ErrorAction Stop }

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
    switch ([int]$task.State) { 1 { return 'Disabled' } 2 { return 'Queued' } 3 { return 'Ready' } 4 { return 'Running' } default { return 'Unknown' } }
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
    param([scriptblock]$Block)
    $mutex = Open-LyncOpsMutex
    try {
        $taken = $false
        try { $taken = $mutex.WaitOne($script:LockSeconds * 1000) }
        catch {
            # Its last owner died with it. Every file is replaced as a whole, so nothing half done can be behind it.
            if ((Get-RootFailure $_.Exception) -isnot [System.Threading.AbandonedMutexException]) { throw }
            $taken = $true
        }
        if (-not $taken) { Stop-WithCode 'Internal' "The mutex Global\LyncOps was not free within $($script:LockSeconds) seconds; ask again." }
        try { & $Block } finally { $mutex.ReleaseMutex() }
    }
    finally { $mutex.Close() }
}

function Test-Administrator {
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
    return $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
}

# ---------------------------------------------------------------------------------------------------------------------
# Files

function Get-LyncOpsPath {
    $path = [System.IO.Path]::Combine([string]$env:ProgramData, 'LyncOps')
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
            $stream = New-Object -TypeName System.IO.FileStream -ArgumentList $Path, ([System.IO.FileMode]::Open), ([System.IO.FileAccess]::Read), $share
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
$script:PatternFileName = '^[A-Za-z0-9_]([A-Za-z0-9._ ()+-]{0,125}[A-Za-z0-9_)])?\z'

function Stop-BadArgument { param([string]$Field, [string]$Rule) Stop-WithCode 'BadArgument' ($Field + ': ' + $Rule) }

function Assert-KnownFields {
    param($Object, [string]$Where, [string[]]$Names)
    foreach ($key in @($Object.Keys)) { if ($Names -cnotcontains $key) { Stop-BadArgument ($Where + $key) 'is not known here' } }
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
            Assert-KnownFields $Given $where @('variant', 'sqlServerFqdn', 'timeoutSeconds')
            $checked['variant'] = Get-TextField $Given $where 'variant' '^(Enterprise|EnterpriseCollocated|Standard)\z' 'must be Enterprise, EnterpriseCollocated or Standard'
            if ($checked['variant'] -ceq 'Standard') { $checked['sqlServerFqdn'] = '' } else { $checked['sqlServerFqdn'] = Get-FqdnField $Given $where 'sqlServerFqdn' }
            $checked['timeoutSeconds'] = Get-IntegerField $Given $where 'timeoutSeconds' 1 86400
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
        $request['principal']['userName'] = Get-TextField $principal 'principal.' 'userName' '^[^\x00-\x1f"/\[\]:;|=,+*?<>]{1,256}\z' 'must be an account name'
    }
    if ($kind -ceq 'StoredAccount' -and [string]::IsNullOrEmpty($script:Password)) { Stop-BadArgument 'principal.password' 'must be given for a stored account' }
    return $request
}

# ---------------------------------------------------------------------------------------------------------------------
# The envelope around every verb

# [Console]::Out and not the pipeline: the host would wrap a long line at the width of a console nobody sees.
function Write-Answer { param([string]$Line) [System.Console]::Out.WriteLine($Line); [System.Console]::Out.Flush() }

# Reads the argument, keeps a password out of it, runs the block with it and writes one answer, whatever happens.
function Invoke-Verb {
    param([string]$Verb, [string]$Argument, [bool]$FromInput, [scriptblock]$Block)
    $script:Password = $null
    $answer = [ordered]@{ protocol = 1; verb = $Verb; ok = $false }
    try {
        try {
            if ($FromInput) { $encoded = [System.Console]::In.ReadToEnd() } else { $encoded = $Argument }
            $strict = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false, $true
            $script:JsonText = $strict.GetString([System.Convert]::FromBase64String($encoded))
            $document = Read-JsonDocument
        }
        catch { Stop-WithCode 'BadArgument' 'argument: must be the Base64 of a JSON object in UTF-8' }
        finally { $script:JsonText = ''; $encoded = $null }
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
