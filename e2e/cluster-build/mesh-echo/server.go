package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

// How long what is under way may take when the pod ends.
const drain = 5 * time.Second

// ports is a flag that may be given several times.
type ports []int

func (p *ports) String() string { return fmt.Sprint(*p) }

func (p *ports) Set(text string) error {
	port, err := strconv.ParseUint(text, 10, 16)
	*p = append(*p, int(port))
	return err
}

func (p ports) or(usual int) ports {
	if len(p) == 0 {
		return ports{usual}
	}
	return p
}

// serve answers HTTP (1.1 and, in plaintext too, 2), gRPC and TCP on all ports named until it is told to end.
func serve(arguments []string) error {
	var web, secure, rpc, raw ports
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.Var(&web, "port", "HTTP (8080)")
	flags.Var(&secure, "tls", "which of the HTTP ports speak TLS")
	flags.Var(&rpc, "grpc", "gRPC (7070)")
	flags.Var(&raw, "tcp", "TCP, sent back (9090)")
	certificate := flags.String("crt", "", "file; made at the start when it does not exist")
	key := flags.String("key", "", "file")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	ending, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	failed := make(chan error)
	var stops []func(context.Context)

	var identity *tls.Config
	if len(secure) > 0 {
		if identity, err = serverIdentity(*certificate, *key); err != nil {
			return err
		}
	}
	for _, port := range web.or(8080) {
		listener, err := listen(port)
		if err != nil {
			return err
		}
		server := webServer(hostname, port)
		if contains(secure, port) {
			server.TLSConfig = identity
			go func() { failed <- server.ServeTLS(listener, "", "") }()
		} else {
			go func() { failed <- server.Serve(listener) }()
		}
		stops = append(stops, func(ctx context.Context) { _ = server.Shutdown(ctx) })
	}
	for _, port := range rpc.or(7070) {
		listener, err := listen(port)
		if err != nil {
			return err
		}
		server := grpc.NewServer()
		registerEcho(server, grpcEcho{hostname: hostname, port: strconv.Itoa(port)})
		go func() { failed <- server.Serve(listener) }()
		stops = append(stops, func(ctx context.Context) {
			context.AfterFunc(ctx, server.Stop)
			server.GracefulStop()
		})
	}
	for _, port := range raw.or(9090) {
		listener, err := listen(port)
		if err != nil {
			return err
		}
		go func() { failed <- sendBack(listener) }()
	}

	select {
	case err := <-failed:
		return err
	case <-ending.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	go func() {
		for range failed {
		}
	}()
	for _, stop := range stops {
		stop(limit)
	}
	return nil
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}

func contains(list ports, port int) bool {
	for _, one := range list {
		if one == port {
			return true
		}
	}
	return false
}

func webServer(hostname string, port int) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			_, _ = io.Copy(io.Discard, request.Body)
			answer.Header().Set("Content-Type", "text/plain")
			describeRequest(answer, request, hostname, port)
		}),
	}
}

func describeRequest(to io.Writer, request *http.Request, hostname string, port int) {
	fmt.Fprintf(to, "ServicePort=%d\nHost=%s\nURL=%s\nMethod=%s\nProto=%s\n",
		port, request.Host, request.RequestURI, request.Method, request.Proto)
	if ip, _, err := net.SplitHostPort(request.RemoteAddr); err == nil {
		fmt.Fprintf(to, "IP=%s\n", ip)
	}
	for name, values := range request.Header {
		for _, value := range values {
			fmt.Fprintf(to, "RequestHeader=%s:%s\n", name, value)
		}
	}
	fmt.Fprintf(to, "Hostname=%s\n", hostname)
}

func sendBack(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_, _ = io.Copy(connection, connection)
		}()
	}
}

// serverIdentity reads a certificate, or makes one that nobody trusts: the mesh's tests never look at it.
func serverIdentity(certificate, key string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if errors.Is(err, fs.ErrNotExist) {
		pair, err = madeIdentity()
	}
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func madeIdentity() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"echo"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
