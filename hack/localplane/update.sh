#!/bin/sh
# Points localplane at another release of Kubernetes, by rewriting go.mod and go.sum:
#   hack/localplane/update.sh v1.36.3 [v3.6.8]
# The second argument is the version of etcd; left out, it is what Kubernetes asks for.
#
# k8s.io/kubernetes asks for the modules of its staging folder at v0.0.0, which
# were never published. Each needs a replacement by its release v0.36.3.
set -eu
kubernetes=$1 etcd=${2:-} staging=v0.${1#v1.}
cd "$(dirname "$0")"
rm -f go.mod go.sum
go mod init lyncops.dev/operator/hack/localplane
manifest=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
go mod edit -go=1.26.0 -godebug=default=go1.26 -require="k8s.io/kubernetes@$kubernetes" ${etcd:+-require="go.etcd.io/etcd/server/v3@$etcd"}
sed -n 's|^[[:space:]]*\(k8s.io/[^ ]*\) => ./staging/.*|\1|p' "$manifest" | while read -r module; do
	go mod edit -replace="$module=$module@$staging"
done
go mod tidy
