// Package winrm is one authenticated session with one Windows host: it runs command lines there, one at a time, over
// HTTPS. What the commands mean belongs elsewhere.
//
// The SOAP messages are those of github.com/masterzen/winrm. Everything below and around them is ours, because that
// library's transports poll for ever when a shell is lost, end a canceled call only after the poll in flight, and send the
// password under another scheme than the configured one when a server asks for it.
package winrm
