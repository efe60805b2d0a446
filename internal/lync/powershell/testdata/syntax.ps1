# Says of each construct that Windows PowerShell 3.0 does not know where it is. A newer engine's parser accepts them.
param([string]$Path)
$tokens = $null; $errors = $null
$ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$tokens, [ref]$errors)
$errors | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.Message)" }
# Every kind of syntax that 3.0 has, after the reference of System.Management.Automation.Language for that version. Anything else is newer.
$old = 'ArrayExpression', 'ArrayLiteral', 'AssignmentStatement', 'Attribute', 'AttributedExpression', 'BinaryExpression', 'BlockStatement', 'BreakStatement', 'CatchClause', 'Command',
'CommandExpression', 'CommandParameter', 'ConstantExpression', 'ContinueStatement', 'ConvertExpression', 'DataStatement', 'DoUntilStatement', 'DoWhileStatement', 'ExitStatement',
'ExpandableStringExpression', 'FileRedirection', 'ForEachStatement', 'ForStatement', 'FunctionDefinition', 'Hashtable', 'IfStatement', 'IndexExpression', 'InvokeMemberExpression',
'MemberExpression', 'MergingRedirection', 'NamedAttributeArgument', 'NamedBlock', 'ParamBlock', 'Parameter', 'ParenExpression', 'Pipeline', 'ReturnStatement', 'ScriptBlock',
'ScriptBlockExpression', 'StatementBlock', 'StringConstantExpression', 'SubExpression', 'SwitchStatement', 'ThrowStatement', 'TrapStatement', 'TryStatement', 'TypeConstraint',
'TypeExpression', 'UnaryExpression', 'UsingExpression', 'VariableExpression', 'WhileStatement'
$oldTypes = New-Object System.Collections.Generic.HashSet[string]
$old | ForEach-Object { [void]$oldTypes.Add($_ + 'Ast') }
$ast.FindAll({ param($a)
        -not $oldTypes.Contains($a.GetType().Name) -or
        ($a -is [System.Management.Automation.Language.PipelineBaseAst] -and $a.PSObject.Properties['Background'] -and $a.Background) -or
        ($a -is [System.Management.Automation.Language.MemberExpressionAst] -and $a.NullConditional) -or
        ($a -is [System.Management.Automation.Language.IndexExpressionAst] -and $a.NullConditional) -or
        ($a -is [System.Management.Automation.Language.ScriptBlockAst] -and ($null -ne $a.CleanBlock -or @($a.UsingStatements).Count -gt 0)) -or
        ($a -is [System.Management.Automation.Language.InvokeMemberExpressionAst] -and @('new', 'Where', 'ForEach') -contains $a.Member.Extent.Text)
    }, $true) | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.GetType().Name) $($_.Extent.Text.Split("`n")[0])" }
$tokens | Where-Object { 'QuestionQuestion', 'QuestionQuestionEquals', 'AndAnd', 'OrOr', 'QuestionDot', 'QuestionLBracket', 'QuestionMark' -contains $_.Kind } |
    ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.Text)" }
# Commands by name: those of the module, and those of the table that the check without an engine uses too.
$table = [System.IO.Path]::Combine($PSScriptRoot, '..', '..', '..', '..', 'hack', 'tools', 'powershell-check', 'commands-3.0.txt')
$known = @([System.IO.File]::ReadAllLines($table) | Where-Object { $_ -match '^[A-Za-z]' } | ForEach-Object { $_.Split(' ')[0] })
$own = @($ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $true) | ForEach-Object { $_.Name })
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.CommandAst] }, $true) | ForEach-Object {
    $name = $_.GetCommandName()
    if ($null -ne $name -and $known -notcontains $name -and $own -notcontains $name) { "FAIL line $($_.Extent.StartLineNumber): the command $name is not on the list" }
}
# Nothing builds code from data. What is called without a name is a block of the module's own, or a program of Windows by its full path; methods and
# properties that are called or set have names that stand in the text; a pipeline of its own gets commands by constant names.
$blocks = @('$Block', '$Logged') + @('shutdown.exe', 'secedit.exe' | ForEach-Object { "([System.IO.Path]::Combine([System.Environment]::SystemDirectory, '$_'))" })
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.CommandAst] -and $null -eq $a.GetCommandName() }, $true) |
    Where-Object { $blocks -cnotcontains $_.CommandElements[0].Extent.Text -or $_.InvocationOperator -ne 'Ampersand' } |
    ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): calls what is not known from the text: $($_.Extent.Text.Split("`n")[0])" }
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.InvokeMemberExpressionAst] }, $true) | ForEach-Object {
    $member = $_.Member
    if ($member -isnot [System.Management.Automation.Language.StringConstantExpressionAst]) { "FAIL line $($_.Extent.StartLineNumber): calls a method by a name that is not in the text: $($_.Extent.Text)" }
    elseif ('AddScript', 'InvokeScript', 'NewScriptBlock', 'ExpandString', 'ParseInput' -contains $member.Value -or ($member.Value -eq 'Create' -and $_.Expression.Extent.Text -match 'scriptblock')) { "FAIL line $($_.Extent.StartLineNumber): makes code of text: $($_.Extent.Text)" }
    elseif ($member.Value -eq 'AddCommand' -and $_.Arguments[0] -isnot [System.Management.Automation.Language.StringConstantExpressionAst]) { "FAIL line $($_.Extent.StartLineNumber): a command by a name that is not in the text: $($_.Extent.Text)" }
}
# -PipelineVariable is of 4.0; Remove-Item and the like have no business here.
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.CommandParameterAst] -and $a.ParameterName -like 'PipelineV*' }, $true) | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): -PipelineVariable" }
"ok $($own.Count) functions"
'done'
