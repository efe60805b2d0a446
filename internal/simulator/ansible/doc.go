// Package ansible answers what Ansible's executor for Windows (ansible-core 2.19) sends to a server: it reads the manifest that
// names a module and its arguments, and does what the module does; the scripts that travel with it are C# and PowerShell that no
// interpreter here runs, and what commands do on the server belongs to whoever implements Machine.
package ansible
