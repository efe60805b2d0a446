# What the module makes of the answers that owners of real servers sent: one line an answer, "FOLDER QUESTION ANSWER". At the end
# what a server that is fit, and one without the Lync module, says in preflight.
. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
$uninstall = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall'

function Read-Recorded {
    param([string]$Folder, [string]$Name)
    $path = [System.IO.Path]::Combine($Folder, $Name)
    if (-not [System.IO.File]::Exists($path)) { return $null }
    return , ([System.IO.File]::ReadAllText($path) | ConvertFrom-Json)
}

foreach ($folder in [System.IO.Directory]::GetDirectories([System.IO.Path]::Combine($PSScriptRoot, 'recorded'))) {
    $name = [System.IO.Path]::GetFileName($folder)
    Reset-Machine
    $readiness = Read-Recorded $folder 'readiness.json'
    if ($null -ne $readiness) {
        $global:Answers['Get-CsPoolUpgradeReadinessState'] = { , $readiness }.GetNewClosure()
        [void](Invoke-Ask Get-LyncOpsPoolReadiness '{"poolFqdn":"pool01.contoso.com"}')
        [System.Console]::Out.WriteLine("$name readiness $global:Line")
    }
    $services = Read-Recorded $folder 'services.json'
    if ($null -ne $services) { $global:Machine.services = @($services) }
    $keys = Read-Recorded $folder 'uninstall.json'
    foreach ($key in @($keys)) {
        if ($null -ne $key) { $global:Machine.registry["$uninstall\$($key.PSChildName)"] = @{ DisplayName = $key.DisplayName; DisplayVersion = $key.DisplayVersion } }
    }
    if ($null -ne $services -or $null -ne $keys) {
        [void](Invoke-Ask Get-LyncOpsFacts)
        [System.Console]::Out.WriteLine("$name facts $global:Line")
    }
}

Reset-Machine
$global:Answers['Get-CsPool'] = [pscustomobject]@{ Identity = 'pool01.contoso.com' }
$global:Answers['Get-CsManagementStoreReplicationStatus'] = @(1..7 | ForEach-Object { [pscustomobject]@{ UpToDate = $true; ReplicaFqdn = "fe0$_.contoso.com" } })
[void](Invoke-Ask Get-LyncOpsPreflight '{"poolFqdn":"pool01.contoso.com"}')
[System.Console]::Out.WriteLine("- fit $global:Line")
Get-Module -Name Lync | Remove-Module -Force
$env:PSModulePath = $env:ProgramData
[void](Invoke-Ask Get-LyncOpsPreflight '{"poolFqdn":"pool01.contoso.com"}')
[System.Console]::Out.WriteLine("- withoutLync $global:Line")
