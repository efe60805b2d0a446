package wsman

import (
	"net/http"
	"strconv"
)

// authenticateHeader is written in the capitals of Windows, which net/http would change.
const authenticateHeader = "WWW-Authenticate"

// exchange is one HTTP request and its answer.
type exchange struct {
	server     *Server
	host       Host
	run        *machineRun
	connection *connection
	writer     http.ResponseWriter
	request    *http.Request

	account string
	sealed  bool // the request was sealed, and so is the answer
}

func (x *exchange) serve(body []byte) {
	anonymousIdentify := x.request.URL.Path == pathUnauthorized ||
		x.request.URL.Path == path && x.request.Header.Get("WSMANIDENTIFY") == "unauthenticated"
	switch {
	case x.request.URL.Path != path && x.request.URL.Path != pathUnauthorized:
		x.reply(http.StatusNotFound, "text/html; charset=us-ascii", []byte(notFoundPage))
		return
	case x.request.Method != http.MethodPost:
		x.writer.Header().Set("Allow", http.MethodPost)
		x.reply(http.StatusMethodNotAllowed, "", nil)
		return
	case anonymousIdentify:
		x.serveAnonymousIdentify(body)
		return
	}

	result := x.server.authenticate(x.host, x.connection, x.request, len(body) == 0)
	if result.refusal != nil {
		x.server.options.Log.Info("Refused a client", "host", x.host.Name(), "client", x.request.RemoteAddr, "reason", result.refusal.Error())
	}
	if result.challenge != "" {
		x.writer.Header()[authenticateHeader] = []string{result.challenge}
	}
	if result.account == "" {
		x.count(func(counters *HostCounters) { counters.Refusals++ })
		if result.challenge == "" {
			x.writer.Header()[authenticateHeader] = x.server.offeredSchemes(x.request)
		}
		x.reply(http.StatusUnauthorized, "", nil)
		return
	}
	if result.proven {
		x.count(func(counters *HostCounters) { counters.Authentications++ })
	}
	x.account = result.account
	x.serveMessage(body)
}

// serveMessage takes the body out of its seal, if it has one.
func (x *exchange) serveMessage(body []byte) {
	if len(body) == 0 {
		x.reply(http.StatusOK, "", nil)
		return
	}
	identity := x.connection.identity
	x.sealed = isSealed(x.request.Header.Get("Content-Type"))
	switch {
	case x.sealed:
		if identity == nil || identity.receive == nil {
			x.sealed = false
			x.reply(http.StatusBadRequest, "", nil)
			return
		}
		plain, err := openSealed(body, identity.receive)
		if err != nil {
			x.server.options.Log.Info("Refused a sealed message", "host", x.host.Name(), "reason", err.Error())
			x.sealed = false
			x.connection.forget() // The key stream is out of step now.
			x.reply(http.StatusBadRequest, "", nil)
			return
		}
		body = plain
	case x.request.TLS == nil && identity != nil && !x.server.options.UnsealedNTLMOverPlainHTTP:
		x.server.options.Log.Info("Refused a message that is neither sealed nor inside TLS", "host", x.host.Name())
		x.reply(http.StatusInternalServerError, "", nil)
		return
	}
	x.serveSOAP(body)
}

func (x *exchange) serveAnonymousIdentify(body []byte) {
	if message, err := parseEnvelope(body); err != nil || message.Body.Identify == nil {
		x.reply(http.StatusBadRequest, "", nil)
		return
	}
	x.count(func(counters *HostCounters) { counters.SOAPMessages++ })
	x.reply(http.StatusOK, soapContentType, identifyAnswer(false))
}

func (x *exchange) count(change func(*HostCounters)) {
	x.server.ledger.record(x.host.Name(), change)
}

// reply writes the HTTP answer, sealed if the request was, unless the machine has gone down meanwhile.
func (x *exchange) reply(status int, contentType string, body []byte) {
	if x.run.ctx.Err() != nil {
		x.server.dropped(x.host, x.connection)
	}
	if x.sealed {
		contentType, body = sealedContentType, makeSealed(body, x.connection.identity.send)
	}
	header := x.writer.Header()
	header.Set("Server", serverName)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	x.writer.WriteHeader(status)
	written, _ := x.writer.Write(body) // A client that has gone cannot be told.
	x.count(func(counters *HostCounters) { counters.BytesOut += int64(written) })
}

// notFoundPage is what Windows answers for a path that no service has claimed.
const notFoundPage = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">` + "\r\n" +
	"<HTML><HEAD><TITLE>Not Found</TITLE>\r\n" +
	`<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>` + "\r\n" +
	"<BODY><h2>Not Found</h2>\r\n<hr><p>HTTP Error 404. The requested resource is not found.</p>\r\n</BODY></HTML>\r\n"
