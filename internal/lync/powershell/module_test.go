package powershell_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"lyncops.dev/operator/internal/lync/powershell"
)

func TestModuleIsTheFileAndCannotBeChanged(t *testing.T) {
	onDisk, err := os.ReadFile("LyncOps.psm1")
	if err != nil {
		t.Fatal(err)
	}
	first := powershell.Module()
	if !bytes.Equal(first, onDisk) {
		t.Fatal("Module is not the file LyncOps.psm1")
	}
	sum := sha256.Sum256(onDisk)
	if got := powershell.SHA256(); got != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA256 = %s, the file has %x", got, sum)
	}
	first[0] = 'X'
	if !bytes.Equal(powershell.Module(), onDisk) {
		t.Error("a caller changed the module for everybody else")
	}
}

// Windows PowerShell reads a file without a byte order mark in the server's ANSI code page.
func TestModuleIsASCII(t *testing.T) {
	for number, line := range strings.Split(string(powershell.Module()), "\n") {
		for _, character := range []byte(line) {
			if character != '\t' && (character < 0x20 || character > 0x7e) {
				t.Errorf("line %d holds the byte %#x", number+1, character)
				break
			}
		}
	}
}

// The module travels through the standard input of a WinRM command, about 5 MB/s at best and far less on a bad day, and an
// administrator has to read it.
func TestModuleStaysSmall(t *testing.T) {
	const limit = 144 * 1024
	if size := len(powershell.Module()); size > limit {
		t.Errorf("the module has %d bytes, more than %d", size, limit)
	}
}

// withoutComments gives the lines of the module that are code: comments may name what the code must never do.
func withoutComments(module string) []string {
	comment := regexp.MustCompile(`^\s*#.*$`)
	lines := strings.Split(module, "\n")
	for i, line := range lines {
		lines[i] = comment.ReplaceAllString(line, "")
	}
	return lines
}

func TestModuleNeverSays(t *testing.T) {
	forbidden := map[string]string{
		`(?i)-Clean\b`:                              "it destroys databases",
		`(?i)FullReset|QuorumLossRecovery`:          "it throws away pool state",
		`(?i)Uninstall-`:                            "nothing is ever uninstalled, least of all a mirror",
		`(?i)Reset-Cs`:                              "no order of the protocol resets a pool",
		`(?i)-DisasterMode|-BackupSql|-MirrorSql`:   "what a failover for a disaster leaves behind is lost",
		`(?i)Invoke-Expression|\biex\b`:             "it makes code of data",
		`(?i)ScriptBlock\]::Create|\.AddScript`:     "it makes code of data",
		`(?i)NewScriptBlock|InvokeScript`:           "it makes code of data",
		`(?i)Add-Type`:                              "it compiles code on the server",
		`(?i)Win32_Product\b`:                       "it makes Windows Installer check every product",
		`(?i)-WhatIf`:                               "with -Force a fail-over cmdlet ignores it",
		`(?i)-Cs\w+[^|;}]*\s-Force\b`:               "no Lync cmdlet is forced",
		`(?i)schtasks`:                              "a password would stand on its command line",
		`(?i)ServerCertificateValidationCallback`:   "it would skip the certificate check",
		`(?i)CertificatePolicy`:                     "it would skip the certificate check",
		`(?i)Get-FileHash|Register-ScheduledTask`:   "Windows PowerShell 3.0 on 2008 R2 has no such cmdlet",
		`(?i)::new\(|Get-CimInstance|Get-Content`:   "not in 3.0, or not the same in all versions",
		`(?i)\bWrite-Host\b|\bSend-\w+|Start-Job\b`: "has no business here",
		`(?i)-ExecutionPolicy\s+(Bypass|Unrestr)`:   "the administrator's policy stands",
	}
	for number, line := range withoutComments(string(powershell.Module())) {
		for pattern, why := range forbidden {
			if found := regexp.MustCompile(pattern).FindString(line); found != "" {
				t.Errorf("line %d says %q: %s", number+1, found, why)
			}
		}
	}
}

func TestHeaderTellsTheAdministrator(t *testing.T) {
	header, _, found := strings.Cut(string(powershell.Module()), "Set-StrictMode")
	if !found {
		t.Fatal("the module does not set the strict mode")
	}
	for _, wanted := range []string{"WHAT IT DOES", "WHAT IT NEVER DOES", "HOW TO SIGN IT", "Set-AuthenticodeSignature"} {
		if !strings.Contains(header, wanted) {
			t.Errorf("the header does not say %q", wanted)
		}
	}
	for _, verb := range []string{
		"Get-LyncOpsFacts", "Get-LyncOpsTopology", "Get-LyncOpsPoolReadiness", "Get-LyncOpsPoolFabric", "Get-LyncOpsDatabase",
		"Get-LyncOpsDatabaseMirror", "Get-LyncOpsLocalDatabase", "Get-LyncOpsPatchVersion", "Get-LyncOpsServing", "Get-LyncOpsReplication", "Get-LyncOpsPreflight", "Start-LyncOpsJob", "Clear-LyncOpsJobs", "Invoke-LyncOpsJob",
	} {
		if !strings.Contains(header, verb) {
			t.Errorf("the header does not name %s", verb)
		}
		if !regexp.MustCompile(`(?m)^function ` + verb + ` \{`).Match(powershell.Module()) {
			t.Errorf("the module has no function %s", verb)
		}
	}
}
