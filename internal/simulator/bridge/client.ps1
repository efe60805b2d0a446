# The part of a module of the simulator that asks the bridge (package internal/simulator/bridge). For PowerShell 7.

# What a value is on the wire.
function ConvertTo-LyncSimJson {
    param($Value, [int]$Depth = 4)
    if ($null -eq $Value) { return 'null' }
    $bare = $Value
    if ($Value -is [psobject]) { $bare = $Value.PSObject.BaseObject }
    if ($bare -is [switch]) { $bare = [bool]$bare }
    if ($bare -is [bool]) { return $bare.ToString().ToLowerInvariant() }
    if ($bare -is [enum] -or $bare -is [string] -or $bare -is [char] -or $bare -is [guid] -or $bare -is [uri] -or $bare -is [version]) {
        return '"' + [System.Text.Json.JsonEncodedText]::Encode([string]$bare).ToString() + '"'
    }
    if ($bare -is [timespan]) { return '{"kind":"span","ticks":' + $bare.Ticks + '}' }
    if ($bare -is [ValueType] -and $bare -is [System.IConvertible] -and $bare -isnot [datetime]) { return [System.Convert]::ToString($bare, [cultureinfo]::InvariantCulture) }
    if ($bare -is [System.Collections.IEnumerable] -and $bare -isnot [System.Collections.IDictionary]) {
        return '[' + [string]::Join(',', @(foreach ($one in $bare) { ConvertTo-LyncSimJson $one ($Depth - 1) })) + ']'
    }
    $properties = @()
    if ($Depth -gt 0) {
        $properties = @(foreach ($property in $Value.PSObject.Properties) {
                if ($property.MemberType -ne 'ScriptProperty') { '[' + (ConvertTo-LyncSimJson $property.Name) + ',' + (ConvertTo-LyncSimJson $property.Value ($Depth - 1)) + ']' } })
    }
    return '{"kind":"object","type":' + (ConvertTo-LyncSimJson $Value.PSObject.TypeNames[0]) + ',"text":' + (ConvertTo-LyncSimJson "$Value") + ',"properties":[' + [string]::Join(',', $properties) + ']}'
}

# A real enumeration with the one name that was answered; "$value" is the name and [int]$value the number. Each is an assembly, which stays as long
# as the process, and so is kept for all its sessions.
function New-LyncSimEnum {
    param([string]$Type, [string]$Name, [long]$Number)
    $known = [System.AppDomain]::CurrentDomain.GetData('LyncSimEnums')
    if ($null -eq $known) {
        $known = [System.Collections.Concurrent.ConcurrentDictionary[string, object]]::new()
        [System.AppDomain]::CurrentDomain.SetData('LyncSimEnums', $known)
    }
    $key = "$Type $Name $Number"
    $value = $null
    if (-not $known.TryGetValue($key, [ref]$value)) {
        $assembly = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly([System.Reflection.AssemblyName]::new('LyncSim'), 'Run')
        $builder = $assembly.DefineDynamicModule('LyncSim').DefineEnum($Type, 'Public', [int])
        [void]$builder.DefineLiteral($Name, [int]$Number)
        $value = [enum]::ToObject($builder.CreateType(), [int]$Number)
        $known[$key] = $value
    }
    return $value
}

# A script block that sees the functions of this file. A closure would be a module of its own each time, which costs much more.
function New-LyncSimBlock {
    param([string]$Text)
    $block = [scriptblock]::Create($Text)
    $module = $ExecutionContext.SessionState.Module
    if ($null -eq $module) { return $block }
    return $module.NewBoundScriptBlock($block)
}

# A text as PowerShell writes it.
function ConvertTo-LyncSimLiteral {
    param([string]$Text)
    return "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($Text) + "'"
}

function ConvertFrom-LyncSimJson {
    param($Element)
    switch ([string]$Element.ValueKind) {
        'String' { return $Element.GetString() }
        'True' { return $true }
        'False' { return $false }
        'Number' {
            $small = 0; $large = [long]0
            if ($Element.TryGetInt32([ref]$small)) { return $small }
            if ($Element.TryGetInt64([ref]$large)) { return $large }
            return $Element.GetDouble()
        }
        'Array' {
            $list = [System.Collections.ArrayList]::new()
            foreach ($one in $Element.EnumerateArray()) { [void]$list.Add((ConvertFrom-LyncSimJson $one)) }
            return , $list.ToArray()
        }
        'Object' { return ConvertFrom-LyncSimObject $Element }
    }
    return $null
}

function ConvertFrom-LyncSimObject {
    param($Element)
    switch ($Element.GetProperty('kind').GetString()) {
        'time' { return [datetime]::Parse($Element.GetProperty('value').GetString(), [cultureinfo]::InvariantCulture, 'RoundtripKind') }
        'enum' { return New-LyncSimEnum $Element.GetProperty('type').GetString() $Element.GetProperty('name').GetString() $Element.GetProperty('number').GetInt64() }
        'table' {
            $table = [ordered]@{}
            foreach ($entry in $Element.GetProperty('entries').EnumerateArray()) { $table[(ConvertFrom-LyncSimJson $entry[0])] = ConvertFrom-LyncSimJson $entry[1] }
            return $table
        }
    }
    $object = [psobject]::new()
    foreach ($pair in $Element.GetProperty('properties').EnumerateArray()) {
        $object.PSObject.Properties.Add([psnoteproperty]::new($pair[0].GetString(), (ConvertFrom-LyncSimJson $pair[1])))
    }
    $text = $Element.GetProperty('text').GetString()
    if ($text -ne '') { $object.PSObject.Methods.Add([psscriptmethod]::new('ToString', (New-LyncSimBlock (ConvertTo-LyncSimLiteral $text)))) }
    foreach ($method in $Element.GetProperty('methods').EnumerateArray()) {
        $id = $Element.GetProperty('id').GetString(); $name = $method.GetString()
        $object.PSObject.Methods.Add([psscriptmethod]::new($name, (New-LyncSimBlock "Invoke-LyncSimMethod '$id' '$name' `$args")))
    }
    # Last, because what the engine knows about types of these names would be in the way.
    $object.PSObject.TypeNames.Insert(0, $Element.GetProperty('type').GetString())
    return $object
}

# Sends one request and gives the answer as a JSON element. Waits in small steps, so that a pipeline that is stopped lets go.
function Send-LyncSim {
    param([string]$Path, [string]$Body)
    $at = $script:LyncSimAddress.LastIndexOf(':')
    $client = [System.Net.Sockets.TcpClient]::new()
    try {
        $client.NoDelay = $true
        $client.Connect($script:LyncSimAddress.Substring(0, $at), [int]$script:LyncSimAddress.Substring($at + 1))
        $stream = $client.GetStream()
        $utf8 = [System.Text.UTF8Encoding]::new($false)
        $content = $utf8.GetBytes($Body)
        $head = $utf8.GetBytes("POST $Path HTTP/1.0`r`nAuthorization: Bearer $($script:LyncSimToken)`r`nContent-Length: $($content.Length)`r`n`r`n")
        $stream.Write($head, 0, $head.Length)
        $stream.Write($content, 0, $content.Length)
        $received = [System.IO.MemoryStream]::new()
        $buffer = [byte[]]::new(65536)
        for (;;) {
            $reading = $stream.ReadAsync($buffer, 0, $buffer.Length)
            while (-not $reading.Wait(50)) { continue }
            if ($reading.Result -eq 0) { break }
            $received.Write($buffer, 0, $reading.Result)
        }
    }
    finally { $client.Close() }
    $text = $utf8.GetString($received.ToArray())
    $end = $text.IndexOf("`r`n`r`n")
    if ($end -lt 0) { throw 'The simulator did not answer: this host has gone down, or this process has outlived its session.' }
    $answer = $text.Substring($end + 4)
    if ($text -notmatch '^HTTP/1\.[01] 200 ') { throw "The simulator refused the call: $answer" }
    return [System.Text.Json.JsonDocument]::Parse($answer).RootElement
}

function New-LyncSimFailure {
    param($Failure)
    $message = $Failure.GetProperty('message').GetString()
    $id = $Failure.GetProperty('id').GetString()
    if ($id -eq 'CommandNotFoundException') { $exception = [System.Management.Automation.CommandNotFoundException]::new($message) }
    elseif ($Failure.GetProperty('type').GetString() -eq 'System.UnauthorizedAccessException') { $exception = [System.UnauthorizedAccessException]::new($message) }
    else { $exception = [System.InvalidOperationException]::new($message) }
    return [System.Management.Automation.ErrorRecord]::new($exception, $id, 'NotSpecified', $null)
}

function Invoke-LyncSimMethod {
    param([string]$Id, [string]$Method, $Arguments)
    $answer = Send-LyncSim '/method' ('{"object":"' + $Id + '","method":"' + $Method + '","arguments":' + (ConvertTo-LyncSimJson @($Arguments)) + '}')
    $failure = $answer.GetProperty('error')
    if ([string]$failure.ValueKind -eq 'Object') { throw (New-LyncSimFailure $failure) }
    # A method without a result gives nothing, not $null.
    $result = $answer.GetProperty('output')[0]
    if ([string]$result.ValueKind -ne 'Null') { return ConvertFrom-LyncSimJson $result }
}

# Calls a command with named values and gives its whole output as a list; throws what it fails with.
function Invoke-LyncSim {
    param([string]$Command, [System.Collections.IDictionary]$Parameters = @{})
    $named = @(foreach ($name in $Parameters.Keys) { (ConvertTo-LyncSimJson $name) + ':' + (ConvertTo-LyncSimJson $Parameters[$name]) })
    $answer = Send-LyncSim '/call' ('{"command":"' + $Command + '","parameters":{' + [string]::Join(',', $named) + '}}')
    $failure = $answer.GetProperty('error')
    if ([string]$failure.ValueKind -eq 'Object') { throw (New-LyncSimFailure $failure) }
    return ConvertFrom-LyncSimJson $answer.GetProperty('output')
}

# Sorts what a function was given into named and positional values, calls, and writes to the streams of the function's cmdlet.
function Invoke-LyncSimCmdlet {
    param([string]$Command, $Cmdlet, $Bound, $Rest, $Given, [string[]]$Declared)
    $named = [ordered]@{}
    $positional = [System.Collections.ArrayList]::new()
    foreach ($name in $Declared) { if ($Bound.ContainsKey($name)) { $named[$name] = [bool]$Bound[$name] } }
    $rest = @($Rest)
    for ($i = 0; $i -lt $rest.Count; $i++) {
        $one = $rest[$i]
        if ($one -isnot [string] -or $one -cnotmatch '^-([A-Za-z][A-Za-z0-9]*)(:?)$') { if ($null -ne $one -or $rest.Count -gt 1) { [void]$positional.Add($one) }; continue }
        $name = $Matches[1]
        $colon = $Matches[2] -eq ':'
        $next = '-'
        if ($i + 1 -lt $rest.Count) { $next = $rest[$i + 1] }
        $switch = @($script:LyncSimSwitches | Where-Object { $_ -eq $name -or ($name.Length -ge 4 -and $_.StartsWith($name, 'OrdinalIgnoreCase')) }).Count -gt 0
        if ($colon -or ($switch -and $next -is [bool]) -or (-not $switch -and -not ($next -is [string] -and $next -cmatch '^-([A-Za-z]|$)'))) { $named[$name] = $next; $i++ }
        else { $named[$name] = $true }
    }
    $parameters = @(foreach ($name in $named.Keys) { (ConvertTo-LyncSimJson $name) + ':' + (ConvertTo-LyncSimJson $named[$name]) })
    $body = '{"command":"' + $Command + '","parameters":{' + [string]::Join(',', $parameters) + '},"positional":' + (ConvertTo-LyncSimJson $positional) + ',"input":' + (ConvertTo-LyncSimJson $Given) + '}'
    $answer = Send-LyncSim '/call' $body
    foreach ($record in $answer.GetProperty('records').EnumerateArray()) {
        $text = $record.GetProperty('text').GetString()
        switch ($record.GetProperty('stream').GetString()) {
            'Warning' { $Cmdlet.WriteWarning($text) }
            'Verbose' { $Cmdlet.WriteVerbose($text) }
            'Error' { $Cmdlet.WriteError([System.Management.Automation.ErrorRecord]::new([System.InvalidOperationException]::new($text), $Command, 'NotSpecified', $null)) }
        }
    }
    $failure = $answer.GetProperty('error')
    if ([string]$failure.ValueKind -eq 'Object') { $Cmdlet.ThrowTerminatingError((New-LyncSimFailure $failure)) }
    foreach ($value in $answer.GetProperty('output').EnumerateArray()) { $Cmdlet.WriteObject((ConvertFrom-LyncSimJson $value)) }
}
