#!/bin/sh
# Prints a folder with kube-apiserver, etcd and kubectl, for KUBEBUILDER_ASSETS:
#   export KUBEBUILDER_ASSETS="$(hack/envtest-assets.sh)"
# Tried in this order: KUBEBUILDER_ASSETS itself, an earlier build, a download
# through setup-envtest, a build from Go modules (many minutes, once a machine).
# LYNCOPS_ASSETS=download|build forces one; LYNCOPS_CACHE names the cache folder.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${HOME:-}" ]; then # Go needs a place for its caches
	HOME=${LYNCOPS_CACHE:-$PWD/.cache}/home
	export HOME
fi
exec go run ./hack/fetch assets
