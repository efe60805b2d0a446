# The two cmdlets of Lync that change services. They tell the simulator, which judges, and then do it to the services of this machine.
function Stop-CsWindowsService {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string[]]$Name, [switch]$Graceful, [switch]$NoWait, [switch]$Force, [string]$Report, [switch]$LeaveClsAgentRunning, [switch]$LeaveWebServerRunning)
    if (-not $PSCmdlet.ShouldProcess('services of this computer')) { return }
    $said = [ordered]@{}
    foreach ($key in 'Name', 'Graceful', 'NoWait', 'LeaveClsAgentRunning', 'LeaveWebServerRunning') { if ($PSBoundParameters.ContainsKey($key)) { $said[$key] = $PSBoundParameters[$key] } }
    Write-Verbose 'Stopping services on this computer.'
    [void](Invoke-LyncSim 'Stop-CsWindowsService' $said)
    $chosen = @($script:LyncServices | Where-Object { (-not $Name -or $Name -contains $_.Name) -and -not ($LeaveWebServerRunning -and $_.Name -eq 'W3SVC') -and -not ($LeaveClsAgentRunning -and $_.Name -eq 'RTCCLSAGT') })
    foreach ($service in $chosen) {
        $controller = Get-Service -Name $service.Name -ErrorAction Stop
        if ([string]$controller.Status -ne 'Running' -and [string]$controller.Status -ne 'Paused') { continue }
        # A service that drains is in StopPending for so long; Paused is not shown.
        $seconds = $service.Stop
        if ($Graceful) { $seconds += $service.Drain }
        Set-ItemProperty -Path "HKLM:\SYSTEM\CurrentControlSet\Services\$($service.Name)\Parameters" -Name StopSeconds -Value $seconds -Type DWord
        $controller.Stop()
    }
    if (-not $NoWait) { Wait-LyncService $chosen 'Stopped' }
}

function Start-CsWindowsService {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param([Parameter(Position = 0)][string[]]$Name, [switch]$NoWait, [switch]$Force, [string]$Report)
    if (-not $PSCmdlet.ShouldProcess('services of this computer')) { return }
    $said = [ordered]@{}
    foreach ($key in 'Name', 'NoWait') { if ($PSBoundParameters.ContainsKey($key)) { $said[$key] = $PSBoundParameters[$key] } }
    Write-Verbose 'Starting services on this computer.'
    [void](Invoke-LyncSim 'Start-CsWindowsService' $said)
    $chosen = @($script:LyncServices | Where-Object { -not $Name -or $Name -contains $_.Name })
    foreach ($service in $chosen) {
        $controller = Get-Service -Name $service.Name -ErrorAction Stop
        if ([string]$controller.Status -eq 'Stopped' -and [string]$controller.StartType -ne 'Disabled') { $controller.Start() }
    }
    if (-not $NoWait) { Wait-LyncService $chosen 'Running' }
}

function Wait-LyncService {
    param($Services, [string]$Status)
    foreach ($service in $Services) {
        for (;;) {
            $is = [string](Get-Service -Name $service.Name -ErrorAction Stop).Status
            if ($is -eq $Status) { break }
            if ($is -notmatch 'Pending') { throw "The service $($service.Name) is $is." }
            Start-Sleep -Milliseconds 300
        }
    }
}
