#!/usr/bin/env bash
# The optional witnesses of the tests: programs of others without which some tests are skipped.
#
#   hack/witnesses.sh install   installs those that Debian has and this machine lacks; as root, where there is apt-get.
#                               Says one line for each that it installs or cannot get; never fails. LYNCOPS_INSTALL=no leaves all alone.
#   hack/witnesses.sh list      says for each whether it is here, and for a missing one how to get it
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

found() { # found PROGRAM: its path, also where Debian puts what administrators run
	PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

# What Debian has: the program that shows that a package is there, and the packages. wine64 is in a folder of its own.
packages='
krb5kdc       krb5-kdc krb5-admin-server krb5-user
curl          curl
python3       python3 python3-venv
cc            gcc libc6-dev
wine64        wine64
openssl       openssl
'

wine() {
	found wine64 || { [[ -x /usr/lib/wine/wine64 ]] && echo /usr/lib/wine/wine64; }
}

present() { # present PROGRAM
	case $1 in
	wine64) wine ;;
	python3) found python3 && python3 -c 'import venv, ensurepip' ;;
	krb5kdc) found krb5kdc && found kdb5_util && found kadmin.local ;;
	*) found "$1" ;;
	esac >/dev/null 2>&1
}

install() {
	[[ ${LYNCOPS_INSTALL:-} != no ]] || return 0
	local program names missing=() updated=
	while read -r program names; do
		if [[ -n $program ]] && ! present "$program"; then missing+=("$program $names"); fi
	done <<<"$packages"
	((${#missing[@]})) || return 0
	if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
		printf 'witnesses: %s\n' "some are missing and are not installed, because that takes root and apt-get; the end of the run says which"
		return 0
	fi
	export DEBIAN_FRONTEND=noninteractive
	for entry in "${missing[@]}"; do
		read -r program names <<<"$entry"
		# shellcheck disable=SC2086 # names are several packages
		if [[ -z $updated ]]; then
			timeout 120 apt-get -qq update >/dev/null 2>&1
			updated=yes
		fi
		# shellcheck disable=SC2086 # as above
		if timeout 300 apt-get -qq install --yes --no-install-recommends $names >/dev/null 2>&1 && present "$program"; then
			printf 'witnesses: installed %s\n' "$names"
		else
			printf 'witnesses: %s could not be installed\n' "$names"
		fi
	done
}

line() { # line WHAT WHERE HOW: WHERE is empty for one that is missing
	if [[ -n $2 ]]; then
		printf '  %-60s took part: %s\n' "$1" "$2"
	else
		printf '  %-60s not here, its tests were skipped: %s\n' "$1" "$3"
	fi
}

powershell() {
	if [[ -n ${PWSH:-} ]]; then
		command -v "$PWSH"
	elif ! command -v pwsh; then
		[[ -x ../shared/pwsh/pwsh ]] && echo ../shared/pwsh/pwsh
	fi
}

windows_missing() { # what make test-windows lacks, or that it has to be run
	local said
	said=$(go run ./internal/simulator/windows/doctor 2>&1 >/dev/null | grep -v '^exit status')
	printf '%s\n' "${said:-make test-windows has not passed}"
}

engine_tests() { # the folders whose tests look for an engine
	grep -rlF 'witness.PowerShell(t)' --include='*_test.go' . | sed 's|^\./||; s|/[^/]*$||' | sort -u | paste -sd' '
}

compiler() {
	local cc
	cc=$(go env CC)
	command -v "${cc%% *}"
}

kdc() {
	if present krb5kdc; then found krb5kdc; fi
}

clients='pywinrm|drives the simulator
pywinrm of Debian|drives the simulator
pypsrp|drives the simulator
Ansible|drives the simulator
curl|drives the simulator
gss-ntlmssp under curl --negotiate|drives the simulator
pyspnego as a server|takes the operator'"'"'s NTLM
OpenSSL of Python as a server|takes the operator'"'"'s certificate
MIT GSSAPI as a server|takes the operator'"'"'s Kerberos'

list() {
	line 'PowerShell engine (runs the module LyncOps)' "$(powershell)" 'set PWSH, or put pwsh on the PATH'
	[[ -z $(powershell) ]] || printf '    its tests: %s\n' "$(engine_tests)"
	# make test-windows writes down the tool whose machines it has used, when its tests have passed.
	line 'Windows machines of wine64 (the module, and a rollout)' "$(cat .cache/windows 2>/dev/null)" "$(windows_missing)"
	line 'KDC of MIT (Kerberos)' "$(kdc)" 'apt-get install krb5-kdc krb5-admin-server krb5-user'
	line 'OpenSSL (servers of old TLS, which the operator refuses)' "$(found openssl)" 'apt-get install openssl'
	line 'C compiler (race detector, grammar of PowerShell)' "$(compiler)" 'apt-get install gcc libc6-dev'
	local name role
	while IFS='|' read -r name role; do
		line "$name ($role)" "$([[ -f .cache/conformance ]] && awk -F '\t' -v name="$name" '$1 == name { print $2; exit }' .cache/conformance)" \
			'make conformance says why'
	done <<<"$clients"
}

case ${1:-} in
install) install ;;
list) list ;;
*)
	echo 'witnesses.sh: say install or list' >&2
	exit 2
	;;
esac
