"""Leads the names of the simulated servers to this machine, as a line in the hosts file would; the clients themselves stay as they are."""
import socket

_getaddrinfo = socket.getaddrinfo


def _resolve(host, *arguments, **options):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.lower().endswith(".contoso.com"):
        host = "127.0.0.1"
    return _getaddrinfo(host, *arguments, **options)


socket.getaddrinfo = _resolve
