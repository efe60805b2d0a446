. ([System.IO.Path]::Combine($PSScriptRoot, 'harness.ps1'))
[System.Console]::Out.WriteLine('ok x'); [System.Console]::Out.WriteLine('done')
