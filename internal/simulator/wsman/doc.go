// Package wsman is a WinRM (WS-Management) server for the cmd shell, written from the published protocol: it holds what
// travels on the wire (HTTP, authentication, sealing, SOAP, shells) and knows nothing about what a command line means.
package wsman
