# What stands in for .NET types that only Windows has, or whose answer would be about this computer. A name that is given to another class
# here means that class in every script that the process reads afterwards.
[NoRunspaceAffinity()]
class LyncSimRegistryKey {
    hidden $Key
    static [LyncSimRegistryKey] OpenBaseKey($hive, $view) { return [LyncSimRegistryKey]::new() }
    [object] OpenSubKey([string]$path) {
        $found = (Invoke-LyncSim 'LyncSim-RegistryKey' @{ Path = $path })[0]
        if ($null -eq $found) { return $null }
        $opened = [LyncSimRegistryKey]::new()
        $opened.Key = $found
        return $opened
    }
    [string[]] GetSubKeyNames() { return [string[]]@($this.Key.Subkeys) }
    [object] GetValue([string]$name) { return $this.Key.Values[$name] }
    [void] Close() { }
}
[NoRunspaceAffinity()]
class LyncSimProcess {
    [int]$Id
    [object]$ExitCode = $null
    static [LyncSimProcess] Start($start) {
        $process = [LyncSimProcess]::new()
        $process.Id = (Invoke-LyncSim 'LyncSim-StartProcess' @{ Path = $start.FileName; Arguments = $start.Arguments; Parent = $global:PID })[0]
        return $process
    }
    static [object] GetProcessById([int]$id) { throw [System.ArgumentException]::new("Process with an Id of $id is not running.") }
    [bool] WaitForExit([int]$milliseconds) {
        if ($null -eq $this.ExitCode) { $this.ExitCode = (Invoke-LyncSim 'LyncSim-WaitProcess' @{ Id = $this.Id; Milliseconds = $milliseconds })[0] }
        return $null -ne $this.ExitCode
    }
    [void] WaitForExit() { [void]$this.WaitForExit(-1) }
}
[NoRunspaceAffinity()]
# Where this file needs the real one it says [Environment]: what a name means is kept from its first use on.
class LyncSimEnvironment {
    static [string]$MachineName
    static [string]$UserName
    static [string]$UserDomainName
    # Empty, so that a program of this folder is called by its bare name, which is a function below.
    static [string]$SystemDirectory = ''
    static [string]$NewLine = "`r`n"
    static [string] GetEnvironmentVariable([string]$name) { return [Environment]::GetEnvironmentVariable($name) }
}
[NoRunspaceAffinity()]
class LyncSimStopwatch {
    static [long]$Frequency = 1000
    # Counts from the host's boot, and not from that of this computer.
    static [long]$Offset
    static [long] Real() { return [Environment]::TickCount64 }
    static [long] GetTimestamp() { return [LyncSimStopwatch]::Offset + [LyncSimStopwatch]::Real() }
}
[NoRunspaceAffinity()]
class LyncSimIdentity {
    [string]$Name
    static [LyncSimIdentity] GetCurrent() { return [LyncSimIdentity]@{ Name = $env:LYNCSIM_USER } }
}
# An account, by its name or its identifier, and what a token of it would tell.
[NoRunspaceAffinity()]
class LyncSimAccount {
    [string]$Kind
    [object]$Found
    [object[]]$Groups
    [object] Translate($type) {
        if ($null -eq $this.Found) { throw 'Some or all identity references could not be translated.' }
        if ($this.Kind -like '*.SecurityIdentifier') { return [pscustomobject]@{ Value = $this.Found.Name } }
        return [pscustomobject]@{ Value = $this.Found.SID }
    }
    [void] Dispose() { }
}
# Every account of a deployment is an administrator of every host.
[NoRunspaceAffinity()]
class LyncSimPrincipal { [bool] IsInRole($role) { return $true } }
[NoRunspaceAffinity()]
class LyncSimAddress {
    static [object] GetIPGlobalProperties() {
        $name, $domain = $env:LYNCSIM_FQDN.Split('.', 2)
        $properties = [pscustomobject]@{ HostName = $name; DomainName = $domain }
        $properties.PSObject.Methods.Add([psscriptmethod]::new('GetActiveTcpListeners', {
                    foreach ($port in (Invoke-LyncSim 'LyncSim-Listeners')[0]) { [System.Net.IPEndPoint]::new([System.Net.IPAddress]::Parse('192.0.2.1'), $port) } }))
        return $properties
    }
}
$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
foreach ($stand in @(
        @('Microsoft.Win32.RegistryKey', [LyncSimRegistryKey]), @('System.Diagnostics.Process', [LyncSimProcess]), @('System.Environment', [LyncSimEnvironment]),
        @('System.Diagnostics.Stopwatch', [LyncSimStopwatch]), @('System.Security.Principal.WindowsIdentity', [LyncSimIdentity]),
        @('System.Net.NetworkInformation.IPGlobalProperties', [LyncSimAddress]),
        # A class is known by its own name only in the session that has read it.
        @('LyncSimEnvironment', [LyncSimEnvironment]), @('LyncSimStopwatch', [LyncSimStopwatch]), @('LyncSimPrincipal', [LyncSimPrincipal]), @('LyncSimAccount', [LyncSimAccount]))) { $accelerators::Add($stand[0], $stand[1]) }
Remove-Variable -Name accelerators, stand
