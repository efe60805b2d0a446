# Writes the module so that it notes, by its number, each statement that begins for the first time, in the file that LYNCOPS_RAN names; and the
# list of those statements: number, line, function and text, between tabs. Those that come after a plain command or assignment begin when that
# one ended, and are left out.
param([string]$Path, [string]$Module, [string]$List)
$tokens = $null; $errors = $null
$ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$tokens, [ref]$errors)
$text = $ast.Extent.Text
$inText = {
    param($node)
    for (; $null -ne $node; $node = $node.Parent) { if ($node -is [System.Management.Automation.Language.ExpandableStringExpressionAst]) { return $true } }
    return $false
}
$function = {
    param($node)
    for (; $null -ne $node; $node = $node.Parent) { if ($node -is [System.Management.Automation.Language.FunctionDefinitionAst]) { return $node.Name } }
    return ''
}
$statements = @($ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.StatementBlockAst] -or $a -is [System.Management.Automation.Language.NamedBlockAst] }, $true) | ForEach-Object {
        $plain = $false
        foreach ($statement in $_.Statements) {
            if (-not $plain -and $statement -isnot [System.Management.Automation.Language.FunctionDefinitionAst]) { $statement }
            $plain = $statement -is [System.Management.Automation.Language.PipelineAst] -or ($statement -is [System.Management.Automation.Language.AssignmentStatementAst] -and ($statement.Right -is [System.Management.Automation.Language.PipelineAst] -or $statement.Right -is [System.Management.Automation.Language.CommandExpressionAst]))
        }
    } | Where-Object { (& $function $_) -ne '' -and -not (& $inText $_) } | Sort-Object -Property { $_.Extent.StartOffset } -Unique)
$out = [System.Text.StringBuilder]::new()
$listed = [System.Text.StringBuilder]::new()
$at = 0
for ($i = 0; $i -lt $statements.Count; $i++) {
    $extent = $statements[$i].Extent
    [void]$out.Append($text, $at, $extent.StartOffset - $at)
    [void]$out.Append("if (-not `$script:Ran[$i]) { `$script:Ran[$i] = `$true; [System.IO.File]::AppendAllText(`$env:LYNCOPS_RAN, '$i ') }; ")
    $at = $extent.StartOffset
    [void]$listed.Append("$i`t$($extent.StartLineNumber)`t$(& $function $statements[$i])`t$($extent.Text.Split("`n")[0].Trim())`n")
}
[void]$out.Append($text, $at, $text.Length - $at)
$whole = $out.ToString()
$first = $whole.IndexOf("Set-StrictMode -Version ")
$whole = $whole.Insert($first, "`$script:Ran = New-Object -TypeName 'bool[]' -ArgumentList $($statements.Count); ")
[System.IO.File]::WriteAllText($Module, $whole)
[System.IO.File]::WriteAllText($List, $listed.ToString())
"ok $($statements.Count) statements"
'done'
