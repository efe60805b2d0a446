#requires -Version 3.0
# What Windows PowerShell 3.0 takes, in the forms that a grammar may stumble over.
Set-StrictMode -Version 3.0

function Get-Free {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)][string]$Drive, [switch]$Round)
    try { $found = @(Get-WmiObject -Class Win32_LogicalDisk -Filter "DeviceID = '$Drive'" -ErrorAction Stop) }
    catch [System.Runtime.InteropServices.COMException] { throw }
    finally { $global:LASTEXITCODE = 0 }
    if ($Round -and $found[0].FreeSpace -lt 20GB) { return [System.Math]::Floor($found[0].FreeSpace / 1GB) } else { return $found[0].FreeSpace }
}

function Join-All { return [string]::Join(',', $args) }

$checks = [ordered]@{ free = (Get-Free -Drive 'C:' -Round -Verbose); all = (Join-All -anything 1 2) }
foreach ($name in @($checks.Keys)) {
    switch -CaseSensitive ($name) {
        'free' { Write-Output -InputObject "$($checks[$name]) GB" }
        default { & { param($a) $a | Where-Object { $null -ne $_ } | ForEach-Object { $_ } } $name 4>&1 3>&1 }
    }
}
for (;;) { break }
do { Start-Sleep -Seconds 1 } until ($true)
& icacls.exe 'C:\ProgramData' /setowner '*S-1-5-32-544' /Q | Out-Null
$text = @"
a here-string && nothing else ?? $($checks.Count)
"@
Add-Type -AssemblyName System.Web
[void]$text
Export-ModuleMember -Function Get-Free, Join-All
