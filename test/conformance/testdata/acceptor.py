"""An HTTP server that lets clients in and answers every message with a fault that names the account and the message. Standard input holds
one line, {"way", "certificate", "key", "clients", "user", "password", "binding"}: the way to log in (ntlm, kerberos, certificate, basic); PEM
files for TLS, or none for HTTP with sealed messages; the authority of client certificates; the account of basic; and what the channel
binding must say, in hexadecimal. NTLM (pyspnego) takes its accounts from NTLM_USER_FILE, Kerberos (MIT's GSSAPI) its key from KRB5_KTNAME.
The first line of standard output is the port. The server ends with standard input."""
import base64
import json
import re
import ssl
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULT = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code>
<s:Reason><s:Text xml:lang="en-US">%s sent %s</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"""
BOUNDARY = b"--Encrypted Boundary"
ORDER = json.loads(sys.stdin.readline())
BINDING = bytes.fromhex(ORDER.get("binding", ""))
MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"


class NTLM:
    """One login of pyspnego's."""

    def __init__(self):
        import spnego
        from spnego.channel_bindings import GssChannelBindings
        self.context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm,
                                     channel_bindings=GssChannelBindings(application_data=BINDING) if BINDING else None)

    def step(self, token):
        return self.context.step(token)

    @property
    def complete(self):
        return self.context.complete

    @property
    def account(self):
        return self.context.client_principal


class Kerberos:
    """One login of MIT's."""

    def __init__(self):
        import gssapi
        from gssapi.raw import ChannelBindings
        gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False
        self.context = gssapi.SecurityContext(usage="accept", creds=gssapi.Credentials(usage="accept"),
                                              channel_bindings=ChannelBindings(application_data=BINDING) if BINDING else None)

    def step(self, token):
        return self.context.step(token) or b""

    @property
    def complete(self):
        return self.context.complete

    @property
    def account(self):
        return str(self.context.initiator_name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    context = None  # of this connection: each has a handler of its own

    def log_message(self, *arguments):
        pass

    def say(self, status, body=b"", content_type="application/soap+xml;charset=UTF-8", challenge=None):
        self.send_response(status)
        if challenge is not None:
            self.send_header("WWW-Authenticate", challenge)
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        authorization = self.headers.get("Authorization", "")
        if ORDER["way"] == "basic":
            account = ORDER["user"]
            if authorization != "Basic " + base64.b64encode((account + ":" + ORDER["password"]).encode()).decode():
                return self.say(401, challenge='Basic realm="WSMAN"')
        elif ORDER["way"] == "certificate":
            if authorization != MUTUAL:
                return self.say(401, challenge=MUTUAL)
            account = dict(part[0] for part in self.connection.getpeercert()["subject"])["commonName"]
        else:
            if authorization:
                return self.login(*authorization.split(" ", 1))
            if self.context is None or not self.context.complete:
                return self.say(401, challenge="Negotiate")
            account = self.context.account
        if ORDER.get("certificate"):
            return self.say(500, self.fault(account, body))
        if BOUNDARY not in body:
            return self.say(500)
        self.say(500, self.seal(self.fault(account, self.unseal(body))), 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"')

    def login(self, scheme, token):
        if self.context is None:
            self.context = {"ntlm": NTLM, "kerberos": Kerberos}[ORDER["way"]]()
        try:
            answer = self.context.step(base64.b64decode(token))
        except Exception as error:  # whatever the library raises is a refusal
            print(repr(error), file=sys.stderr)
            self.context = None
            return self.say(401, challenge="Negotiate")
        if not self.context.complete:
            return self.say(401, challenge=scheme + " " + base64.b64encode(answer).decode())
        self.say(200)

    def fault(self, account, message):
        action = re.search(rb"<(?:\w+:)?Action[^>]*>([^<]+)<", message)
        return (FAULT % (account, action.group(1).decode() if action else "nothing")).encode()

    def unseal(self, body):
        header, _, data = body.partition(b"application/octet-stream\r\n")
        length = int(re.search(rb"Length=(\d+)", header).group(1))
        signature = struct.unpack("<i", data[:4])[0]
        return self.context.context.unwrap_winrm(data[4:4 + signature], data[4 + signature:4 + signature + length])

    def seal(self, message):
        signature, data, _ = self.context.context.wrap_winrm(message)
        return (BOUNDARY + b"\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
                + str(len(message)).encode() + b"\r\n" + BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n"
                + struct.pack("<i", len(signature)) + signature + data + BOUNDARY + b"--\r\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if ORDER.get("certificate"):
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(ORDER["certificate"], ORDER["key"])
    if ORDER.get("clients"):
        secure.verify_mode = ssl.CERT_REQUIRED
        secure.load_verify_locations(ORDER["clients"])
    server.socket = secure.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
