# A process that runs one script after another, each in a session of its own, so that a question does not cost the start of an engine. A
# request is a line: JSON in Base64 with the script's file, environment and standard input; so is the answer.
param([string]$Once, [string]$First)
if ($Once) { . $Once }
$requests = [System.Console]::In
$answers = [System.Console]::Out
$utf8 = [System.Text.UTF8Encoding]::new($false)
$begin = ''
if ($First) { $begin = ". '" + $First.Replace("'", "''") + "'; " }
# Gives text as a console would show it.
$show = {
    process {
        if ($_ -is [string]) { [System.Console]::Out.WriteLine($_) }
        else { [System.Console]::Out.Write(($_ | Microsoft.PowerShell.Utility\Out-String)) }
    }
}.ToString()
while ($null -ne ($line = $requests.ReadLine())) {
    $request = [System.Text.Json.JsonDocument]::Parse($utf8.GetString([System.Convert]::FromBase64String($line))).RootElement
    foreach ($variable in $request.GetProperty('environment').EnumerateObject()) {
        Microsoft.PowerShell.Management\Set-Item -LiteralPath "env:$($variable.Name)" -Value $variable.Value.GetString()
        if ($variable.Name -eq 'PSModulePath') { $env:PSModulePath = $env:PSModulePath + [System.IO.Path]::PathSeparator + $PSHOME + '/Modules' }
        # A process reads this variable once.
        if ($variable.Name -eq 'https_proxy') { [System.Net.WebRequest]::DefaultWebProxy = [System.Net.WebProxy]::new($variable.Value.GetString()) }
    }
    $said = [System.IO.StringWriter]::new()
    $complained = [System.IO.StringWriter]::new()
    [System.Console]::SetOut($said)
    [System.Console]::SetError($complained)
    [System.Console]::SetIn([System.IO.StringReader]::new($request.GetProperty('input').GetString()))
    $code = 0
    $session = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
    $session.Open()
    $shell = [powershell]::Create($session)
    try {
        $file = $request.GetProperty('file').GetString().Replace("'", "''")
        $shell.AddScript("$begin`$LASTEXITCODE = 0; & '$file' | & { $show }; `$LASTEXITCODE").Invoke() | ForEach-Object { $code = [int]$_ }
        if ($null -ne $shell.InvocationStateInfo.Reason) { $code = 1 }
    }
    catch {
        $complained.WriteLine($_.Exception.Message)
        $code = 1
    }
    foreach ($record in $shell.Streams.Warning) { $said.WriteLine("WARNING: $record") }
    foreach ($record in $shell.Streams.Error) { $complained.WriteLine("$record"); $complained.WriteLine($record.InvocationInfo.PositionMessage) }
    $shell.Dispose()
    $session.Dispose()
    $answer = [ordered]@{ output = $said.ToString(); error = $complained.ToString(); code = $code }
    $answers.WriteLine([System.Convert]::ToBase64String($utf8.GetBytes(($answer | ConvertTo-Json -Compress))))
    $answers.Flush()
}
