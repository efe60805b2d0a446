//go:build deps

package hack

import (
	_ "github.com/Azure/go-ntlmssp"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/masterzen/winrm"
	_ "github.com/yuin/gopher-lua"
	_ "golang.org/x/crypto/md4"
	_ "k8s.io/api/core/v1"
	_ "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	_ "sigs.k8s.io/controller-runtime"
	_ "sigs.k8s.io/controller-runtime/pkg/envtest"
	_ "sigs.k8s.io/yaml"
)
