"""Runs requests with pywinrm. Standard input holds {"url", "user", "password", "ca", "transport", "requests": [{"name", "command",
"script", "stdin", "poll", "password", "unbound"}]}; standard output gets a list of {"name", "exit", "stdout", "stderr", "error"}, texts in Base64."""
import base64
import json
import sys

import winrm
from winrm.protocol import Protocol


def answer(session, request):
    options = {
        "endpoint": session["url"],
        "transport": session["transport"],
        "username": session["user"],
        "password": request.get("password") or session["password"],
        "server_cert_validation": "validate",
        "send_cbt": not request.get("unbound", False),
        "operation_timeout_sec": request.get("poll") or 20,
        "read_timeout_sec": (request.get("poll") or 20) + 600,
    }
    if session["url"].startswith("https:"):
        options["ca_trust_path"] = session["ca"]
    protocol = Protocol(**options)
    shell = protocol.open_shell(codepage=65001)
    try:
        if request.get("script"):
            encoded = base64.b64encode(request["script"].encode("utf-16-le")).decode()
            line, arguments = "powershell", ["-encodedcommand", encoded]
        else:
            line, arguments = request["command"], []
        command = protocol.run_command(shell, line, arguments, skip_cmd_shell=False)
        try:
            if request.get("stdin"):
                # The client of 2018 (Debian's) has no public way to send input.
                protocol.send_command_input(shell, command, request["stdin"], end=True)
            stdout, stderr, code = protocol.get_command_output(shell, command)
        finally:
            protocol.cleanup_command(shell, command)
    finally:
        protocol.close_shell(shell)
    return {"exit": code, "stdout": base64.b64encode(stdout).decode(), "stderr": base64.b64encode(stderr).decode()}


def main():
    session = json.load(sys.stdin)
    answers = []
    for request in session["requests"]:
        try:
            result = answer(session, request)
        except Exception as error:  # whatever a client raises is what a person would see
            result = {"error": f"{type(error).__name__}: {error}"}
        result["name"] = request["name"]
        answers.append(result)
    json.dump(answers, sys.stdout)


main()
