// Package powershell interprets the part of the Windows PowerShell language, and of cmd.exe command lines, that
// administrators and WinRM clients send to a server; what the server itself is (its cmdlets, programs, files and
// clock) belongs to whoever implements Machine, and no knowledge of Lync belongs here.
package powershell
