// Package lync asks Lync servers questions and gives them orders, in Lync's own words: what travels is described in
// docs/server-protocol.md, how it travels belongs in internal/winrm, and what to do next belongs elsewhere.
package lync
