package cmdlets

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// runSecedit exports the user rights of the host, as a security template in UTF-16; it knows no other work.
func runSecedit(_ context.Context, m *machine, r nativeRun) int {
	_, export := r.option("export")
	areas, _ := r.option("areas")
	path, _ := r.option("cfg")
	if !export || !strings.EqualFold(areas, "USER_RIGHTS") || path == "" {
		return r.fail(1, "The simulator's secedit knows /export /areas USER_RIGHTS /cfg.")
	}
	text := "[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\nRevision=1\r\n[Privilege Rights]\r\nSeNetworkLogonRight = *S-1-1-0,*S-1-5-32-544\r\n"
	for _, right := range []string{deployment.RightBatchLogon, deployment.RightDenyBatchLogon} {
		var holders []string
		for _, name := range m.host.UserRight(right) {
			if who, known := m.host.Identity(name); known {
				name = "*" + who.SID
			}
			holders = append(holders, name)
		}
		// What nobody has is not in the list.
		if len(holders) > 0 {
			text += fmt.Sprintf("%s = %s\r\n", right, strings.Join(holders, ","))
		}
	}
	var contents []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		contents = binary.LittleEndian.AppendUint16(contents, unit)
	}
	files := m.host.Files()
	err := files.WriteFile(files.WindowsPath(path), contents)
	if log, given := r.option("log"); given && err == nil {
		err = files.WriteFile(files.WindowsPath(log), []byte("The task has completed successfully.\r\n"))
	}
	if err != nil {
		return r.fail(1, "%v", err)
	}
	if _, quiet := r.option("quiet"); !quiet {
		r.say("The task has completed successfully.\r\nSee log %%windir%%\\security\\logs\\scesrv.log for detail info.")
	}
	return 0
}
