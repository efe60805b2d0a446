"""Runs requests with the WSMan shell client of pypsrp; input and output are those of pywinrm_driver.py, and "transport" is one of
pypsrp's names for a way to log on."""
import base64
import json
import sys
from urllib.parse import urlsplit

from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan


def answer(session, request):
    url = urlsplit(session["url"])
    poll = request.get("poll") or 20
    wsman = WSMan(url.hostname, port=url.port, ssl=url.scheme == "https", auth=session["transport"], username=session["user"],
                  password=request.get("password") or session["password"], operation_timeout=poll, read_timeout=poll + 600,
                  cert_validation=session["ca"] if url.scheme == "https" else True,
                  encryption="never" if url.scheme == "https" else "always",
                  negotiate_send_cbt=not request.get("unbound", False))
    with wsman, WinRS(wsman, codepage=65001) as shell:
        if request.get("script"):
            encoded = base64.b64encode(request["script"].encode("utf-16-le")).decode()
            process = Process(shell, "powershell", ["-encodedcommand", encoded])
        else:
            process = Process(shell, request["command"])
        if request.get("stdin"):
            process.begin_invoke()
            process.send(request["stdin"].encode(), end=True)
            process.end_invoke()
        else:
            process.invoke()
        process.signal(SignalCode.TERMINATE)
        return {"exit": process.rc, "stdout": base64.b64encode(process.stdout).decode(), "stderr": base64.b64encode(process.stderr).decode()}


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
