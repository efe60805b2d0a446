# Says of each construct that Windows PowerShell 3.0 does not know where it is. A newer engine's parser accepts them.
param([string]$Path)
$tokens = $null; $errors = $null
$ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$tokens, [ref]$errors)
$errors | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.Message)" }
$new = 'TernaryExpressionAst', 'PipelineChainAst', 'TypeDefinitionAst', 'UsingStatementAst', 'FunctionMemberAst', 'PropertyMemberAst'
$ast.FindAll({ param($a)
        $new -contains $a.GetType().Name -or
        ($a -is [System.Management.Automation.Language.PipelineBaseAst] -and $a.PSObject.Properties['Background'] -and $a.Background) -or
        ($a -is [System.Management.Automation.Language.MemberExpressionAst] -and $a.NullConditional) -or
        ($a -is [System.Management.Automation.Language.IndexExpressionAst] -and $a.NullConditional) -or
        ($a -is [System.Management.Automation.Language.ScriptBlockAst] -and $null -ne $a.CleanBlock) -or
        ($a -is [System.Management.Automation.Language.InvokeMemberExpressionAst] -and @('new', 'Where', 'ForEach') -contains $a.Member.Extent.Text)
    }, $true) | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.GetType().Name) $($_.Extent.Text.Split("`n")[0])" }
$tokens | Where-Object { 'QuestionQuestion', 'QuestionQuestionEquals', 'AndAnd', 'OrOr', 'QuestionDot', 'QuestionLBracket', 'QuestionMark' -contains $_.Kind } |
    ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): $($_.Text)" }
# Commands by name: those of the module, those of Lync, and those that Windows PowerShell 3.0 has on Windows Server 2008 R2.
$known = 'Get-WmiObject', 'Get-Item', 'Get-ExecutionPolicy', 'Get-Service', 'Start-Service', 'Set-Service', 'Stop-Process', 'Start-Sleep', 'New-Object', 'Where-Object', 'ForEach-Object', 'Out-Null', 'Out-String',
'Import-Module', 'Get-Module', 'Export-ModuleMember', 'Set-StrictMode', 'Get-CsPool', 'Get-CsComputer', 'Get-CsService', 'Get-CsPoolUpgradeReadinessState', 'Get-CsPoolFabricState',
'Get-CsManagementStoreReplicationStatus', 'Test-CsDatabase', 'Get-CsDatabaseMirrorState', 'Get-CsWindowsService', 'Stop-CsWindowsService', 'Start-CsWindowsService', 'Get-CsUpgradeDomainInfo', 'Get-CsServerPatchVersion', 'Invoke-CsComputerFailOver', 'Invoke-CsComputerFailBack', 'Get-CsRegistrarConfiguration', 'Get-CsBackupServiceStatus', 'Invoke-CsManagementServerFailover', 'Invoke-CsPoolFailOver', 'Invoke-CsPoolFailBack'
$own = @($ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $true) | ForEach-Object { $_.Name })
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.CommandAst] }, $true) | ForEach-Object {
    $name = $_.GetCommandName()
    if ($null -ne $name -and $known -notcontains $name -and $own -notcontains $name) { "FAIL line $($_.Extent.StartLineNumber): the command $name is not on the list" }
}
# -PipelineVariable is of 4.0; Remove-Item and the like have no business here.
$ast.FindAll({ param($a) $a -is [System.Management.Automation.Language.CommandParameterAst] -and $a.ParameterName -like 'PipelineV*' }, $true) | ForEach-Object { "FAIL line $($_.Extent.StartLineNumber): -PipelineVariable" }
"ok $($own.Count) functions"
'done'
