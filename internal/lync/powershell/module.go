// Package powershell holds the module LyncOps.psm1 that runs on the servers, embedded as it is staged there, and nothing that
// talks to a server.
package powershell

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

//go:embed LyncOps.psm1
var module string

// Module returns a copy of the module file, byte for byte as it must arrive on a server.
func Module() []byte {
	return []byte(module)
}

// SHA256 returns the SHA-256 of the module file in lower-case hexadecimal, which names its folder on a server.
func SHA256() string {
	sum := sha256.Sum256([]byte(module))
	return hex.EncodeToString(sum[:])
}
