# What stands in for Windows in a PowerShell engine on another system, before anything else runs. No function of the operator's module
# is replaced: these are commands and .NET types that only Windows has, or whose answer would be about this computer.

# The host and the user of this session.
[LyncSimEnvironment]::MachineName = $env:COMPUTERNAME
[LyncSimEnvironment]::UserName = $env:USERNAME
[LyncSimEnvironment]::UserDomainName = $env:USERDOMAIN
[LyncSimStopwatch]::Offset = [System.DateTimeOffset]::UtcNow.ToUnixTimeMilliseconds() - [long]$env:LYNCSIM_BOOT - [LyncSimStopwatch]::Real()

# Objects.
function global:New-Object {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string]$TypeName, [Parameter(Position = 1)][object[]]$ArgumentList, [System.Collections.IDictionary]$Property, [string]$ComObject, [switch]$Strict)
    if ($ComObject -eq 'Schedule.Service') { return (Invoke-LyncSim 'LyncSim-TaskService')[0] }
    switch ($TypeName) {
        'System.Data.SqlClient.SqlConnection' { return (Invoke-LyncSim 'LyncSim-SQL' @{ Connection = [string]$ArgumentList[0] })[0] }
        'System.Security.Principal.WindowsPrincipal' { return [LyncSimPrincipal]::new() }
        { 'System.Security.Principal.NTAccount', 'System.Security.Principal.SecurityIdentifier', 'System.Security.Principal.WindowsIdentity' -eq $_ } {
            $found = (Invoke-LyncSim 'LyncSim-Identity' @{ Name = [string]$ArgumentList[0] })[0]
            return [LyncSimAccount]@{ Kind = $TypeName; Found = $found; Groups = @(if ($null -ne $found) { foreach ($sid in $found.Groups) { [pscustomobject]@{ Value = $sid } } }) }
        }
        'System.IO.DriveInfo' { return [pscustomobject]@{ AvailableFreeSpace = [long](Invoke-LyncSim 'LyncSim-FreeBytes')[0] } }
        # Machine-wide means wide as the host, not as this computer with all its hosts.
        'System.Threading.Mutex' { if ($ArgumentList.Count -ge 2) { return [System.Threading.Mutex]::new($ArgumentList[0], [string]$ArgumentList[1] + '-' + $env:LYNCSIM_HOST) } }
    }
    Microsoft.PowerShell.Utility\New-Object @PSBoundParameters
}

# Commands whose answer would be about this computer.
function global:Get-Item {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]]$Path, [string[]]$LiteralPath, [switch]$Force, [string]$Filter, [string[]]$Include, [string[]]$Exclude, [string[]]$Stream)
    if ("$Path" -notlike 'WSMan:*') { return Microsoft.PowerShell.Management\Get-Item @PSBoundParameters }
    $setting = (Invoke-LyncSim 'LyncSim-WinRMSetting' @{ Path = "$Path" })[0]
    if ($null -eq $setting) { Write-Error "Cannot find path '$Path' because it does not exist."; return }
    $setting
}
function global:Get-ExecutionPolicy {
    [CmdletBinding()] param([Parameter(Position = 0)][string]$Scope, [switch]$List)
    $policies = foreach ($name in 'MachinePolicy', 'UserPolicy', 'Process', 'CurrentUser', 'LocalMachine') {
        $policy = 'Undefined'
        if ($name -eq 'Process') { $policy = $env:LYNCSIM_POLICY }
        if ($name -eq 'LocalMachine') { $policy = 'RemoteSigned' }
        [pscustomobject]@{ Scope = $name; ExecutionPolicy = $policy }
    }
    if ($List) { return $policies }
    if ($Scope) { return @($policies | Where-Object { $_.Scope -eq $Scope })[0].ExecutionPolicy }
    return $env:LYNCSIM_POLICY
}
function global:Stop-Process {
    [CmdletBinding(SupportsShouldProcess = $true)] param([Parameter(Mandatory = $true, Position = 0)][int[]]$Id, [switch]$Force)
    foreach ($one in $Id) {
        if (-not (Invoke-LyncSim 'LyncSim-EndProcess' @{ Id = $one })[0]) { Write-Error "Cannot find a process with the process identifier $one." }
    }
}
# What waits on a host waits in its time.
function global:Start-Sleep {
    [CmdletBinding()] param([Parameter(Position = 0)][double]$Seconds, [int]$Milliseconds)
    $whole = $Seconds * 1000 + $Milliseconds
    [System.Threading.Thread]::Sleep([int][System.Math]::Ceiling($whole / [double]::Parse($env:LYNCSIM_TIME_SCALE, [cultureinfo]::InvariantCulture)))
}

# Programs, each called by a function of its name.
function global:Invoke-LyncSimProgram {
    param([string]$Name, [object[]]$Arguments)
    $done = (Invoke-LyncSim 'LyncSim-Native' @{ Name = $Name; Arguments = @($Arguments) })[0]
    if ($done.Output) { $done.Output.TrimEnd() -split "`r`n" }
    if ($done.Error) { [System.Console]::Error.Write($done.Error) }
    $global:LASTEXITCODE = $done.Code
}
