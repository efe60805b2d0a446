$ProgressPreference='SilentlyContinue'
$module=Join-Path $env:ProgramData 'LyncOps\module\<sha256>\LyncOps.psm1'
if(-not [System.IO.File]::Exists($module)){'LYNCOPS-NOT-STAGED'; exit 3}
Import-Module -Name $module -DisableNameChecking
