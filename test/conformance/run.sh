#!/bin/sh
# Installs WinRM clients of others in the cache folder, as far as they can be had, and runs the tests of this folder with them.
# One line for each client says whether it took part; .cache/conformance keeps those that did.
set -u
cd "$(dirname "$0")/../.." || exit 1
mkdir -p .cache && rm -f .cache/conformance
log=$(mktemp) && trap 'rm -f "$log"' EXIT

folder() { # folder SET NAMES: prints the folder of a set of clients, or says why there is none
	go run ./hack/fetch "clients-$1" 2>"$log" && return
	echo "conformance: $2 skipped: $(grep -v '^exit status' "$log" | tail -n 1)" >&2
}
LYNCOPS_CLIENTS_WINRM=$(folder winrm 'pywinrm and pypsrp')
LYNCOPS_CLIENTS_ANSIBLE=$(folder ansible Ansible)
LYNCOPS_CLIENTS_DEBIAN=$(folder debian "Debian's pywinrm and gss-ntlmssp")
command -v curl >/dev/null || echo 'conformance: curl skipped: it is not on the PATH' >&2
LYNCOPS_CONFORMANCE=1
LYNCOPS_CONFORMANCE_REPORT=$PWD/.cache/conformance
export LYNCOPS_CLIENTS_WINRM LYNCOPS_CLIENTS_ANSIBLE LYNCOPS_CLIENTS_DEBIAN LYNCOPS_CONFORMANCE LYNCOPS_CONFORMANCE_REPORT

go test -count=1 -timeout "${TEST_TIMEOUT:-20m}" "$@" ./test/conformance || exit 1
if [ -f .cache/conformance ]; then
	sort -u .cache/conformance | sed 's/^/conformance: /; s/$/ took part/' | tr '\t' ' '
fi
