# One of several callers. Its task scheduler is the folder all of them share, and slow enough for the others to come between.
param([string]$Id)
$ErrorActionPreference = 'Stop'
$env:ProgramData = $env:LYNCOPS_TEST_FOLDER
Import-Module -Name $env:LYNCOPS_MODULE -DisableNameChecking
& (Get-Module -Name LyncOps) {
    function script:Get-TaskFile { param($Id) return [System.IO.Path]::Combine($env:ProgramData, $Id + '.task') }
    function script:Register-JobTask { param($Id, $Xml, $Kind, $UserName) [System.Threading.Thread]::Sleep(200); [System.IO.File]::WriteAllText((Get-TaskFile $Id), 'Ready'); [System.Console]::Out.WriteLine('registered') }
    function script:Start-JobTask { param($Id) [System.IO.File]::WriteAllText((Get-TaskFile $Id), 'Running'); [System.Console]::Out.WriteLine('ran') }
    function script:Get-JobTaskState { param($Id) if ([System.IO.File]::Exists((Get-TaskFile $Id))) { return [System.IO.File]::ReadAllText((Get-TaskFile $Id)) }; return 'Missing' }
}
$json = '{"id":"' + $Id + '","action":"RestartComputer","parameters":{"delaySeconds":5},"principal":{"kind":"LocalSystem"}}'
[System.Console]::SetIn((New-Object System.IO.StringReader ([System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($json)))))
Start-LyncOpsJob -ArgumentFromInput
