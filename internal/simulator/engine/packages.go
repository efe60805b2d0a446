package engine

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lyncops.dev/operator/internal/simulator/deployment"
)

// packages are the web servers that update packages come from. The engine's processes reach them through a proxy that each host has
// of its own (https_proxy), so that the module's own request, redirects and TLS included, is what asks.
type packages struct {
	certificate tls.Certificate
	bundle      string
	names       []string
	servers     []*http.Server
	proxies     map[*deployment.Host]string
	serving     sync.WaitGroup
	ctx         context.Context
	cancel      context.CancelFunc
}

// servePackages starts a proxy for each host. directory gets the certificate that clients have to trust.
func servePackages(ctx context.Context, model *deployment.Model, directory string) (*packages, error) {
	p := &packages{proxies: map[*deployment.Host]string{}, bundle: filepath.Join(directory, "packages.pem")}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, source := range model.Description().Packages {
		for _, address := range source.Sources {
			if parsed, err := url.Parse(address); err == nil && parsed.Scheme == "https" && !slices.Contains(p.names, parsed.Hostname()) {
				p.names = append(p.names, parsed.Hostname())
			}
		}
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return p, err
	}
	encoded, err := p.certify()
	if err != nil {
		return p, err
	}
	if err := os.WriteFile(p.bundle, encoded, 0o600); err != nil {
		return p, err
	}
	for _, host := range model.Hosts() {
		var listening net.ListenConfig
		listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return p, err
		}
		server := &http.Server{Handler: p.proxy(host), ReadHeaderTimeout: 10 * time.Second}
		p.servers = append(p.servers, server)
		p.proxies[host] = "http://" + listener.Addr().String()
		p.serving.Go(func() {
			// After close there is nobody to tell; before it, a listener of this process does not fail.
			_ = server.Serve(listener)
		})
	}
	return p, nil
}

// writeShares puts the packages of file shares into a folder. A UNC path is no path on this system but a name, which a process that begins in
// the folder finds there.
func writeShares(model *deployment.Model, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, source := range model.Description().Packages {
		for _, address := range source.Sources {
			contents, _ := model.PackageContents(address)
			if !strings.HasPrefix(address, `\\`) {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, address), contents, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *packages) proxyOf(host *deployment.Host) string { return p.proxies[host] }

func (p *packages) close() {
	p.cancel()
	for _, server := range p.servers {
		_ = server.Close()
	}
	p.serving.Wait()
}

// certify makes a certificate for the names of all web servers, and gives it as PEM.
func (p *packages) certify() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lyncsim packages"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, DNSNames: p.names,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	p.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// proxy answers CONNECT for the web servers it knows, and is then that web server.
func (p *packages) proxy(host *deployment.Host) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		name, _, err := net.SplitHostPort(request.Host)
		if request.Method != http.MethodConnect || err != nil || !slices.Contains(p.names, name) {
			http.Error(answer, "no such server", http.StatusBadGateway)
			return
		}
		hijacker, ok := answer.(http.Hijacker)
		if !ok {
			http.Error(answer, "no tunnel", http.StatusInternalServerError)
			return
		}
		connection, _, err := hijacker.Hijack()
		if err != nil {
			return
		}
		p.serving.Go(func() {
			defer connection.Close()
			stop := context.AfterFunc(p.ctx, func() { _ = connection.Close() })
			defer stop()
			// Whoever breaks off gets no answer.
			_ = p.serve(connection, host)
		})
	})
}

func (p *packages) serve(connection net.Conn, host *deployment.Host) error {
	if _, err := io.WriteString(connection, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	secure := tls.Server(connection, &tls.Config{Certificates: []tls.Certificate{p.certificate}, MinVersion: tls.VersionTLS12})
	defer secure.Close()
	request, err := http.ReadRequest(bufio.NewReader(secure))
	if err != nil {
		return err
	}
	source := url.URL{Scheme: "https", Host: request.Host, Path: request.URL.Path}
	contents, err := host.Fetch(p.ctx, source.String())
	if errors.Is(err, deployment.ErrSourceUnreachable) {
		_, err = io.WriteString(secure, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return err
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(secure, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: "+strconv.Itoa(len(contents))+"\r\n\r\n")
	if err == nil {
		_, err = secure.Write(contents)
	}
	return err
}
