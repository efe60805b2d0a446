$ErrorActionPreference='Stop'
$ProgressPreference='SilentlyContinue'
$root=Join-Path $env:ProgramData 'LyncOps'
[void][System.IO.Directory]::CreateDirectory($root)
& icacls.exe $root /setowner '*S-1-5-32-544' /Q | Out-Null
& icacls.exe $root /inheritance:r /grant:r '*S-1-5-32-544:(OI)(CI)F' /grant:r '*S-1-5-18:(OI)(CI)F' /Q | Out-Null
$bytes=[System.Convert]::FromBase64String([System.Console]::In.ReadToEnd())
$sha=New-Object System.Security.Cryptography.SHA256CryptoServiceProvider
$hash=[System.BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-','').ToLowerInvariant()
if($hash -ne '<sha256>'){'LYNCOPS-HASH-MISMATCH '+$hash; exit 4}
$folder=Join-Path $root 'module\<sha256>'
[void][System.IO.Directory]::CreateDirectory($folder)
$target=Join-Path $folder 'LyncOps.psm1'
$temporary=Join-Path $folder ([System.Guid]::NewGuid().ToString('N')+'.tmp')
[System.IO.File]::WriteAllBytes($temporary,$bytes)
if([System.IO.File]::Exists($target)){[System.IO.File]::Delete($temporary)}else{[System.IO.File]::Move($temporary,$target)}
'LYNCOPS-STAGED'
