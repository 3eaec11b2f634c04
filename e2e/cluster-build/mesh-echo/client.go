package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The limits of the client that the suite was written for, which are what makes its tests of weights hard.
const (
	allRequests = 5 * time.Second
	connecting  = 2 * time.Second
	atOnce      = 20
)

// fields are headers in the form NAME:VALUE; the flag may be given several times.
type fields [][2]string

func (f *fields) String() string { return "" }

func (f *fields) Set(text string) error {
	name, value, found := strings.Cut(text, ":")
	if !found {
		return errors.New("must be NAME:VALUE")
	}
	*f = append(*f, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	return nil
}

// job is what is to be sent, and how often.
type job struct {
	target *url.URL
	method string
	fields fields
	count  int
}

// request sends all requests and prints all answers; the first request that gets none ends it.
func request(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("name a URL")
	}
	var work job
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.StringVar(&work.method, "method", http.MethodGet, "of HTTP requests")
	flags.Var(&work.fields, "H", "header, NAME:VALUE")
	flags.IntVar(&work.count, "count", 1, "number of requests")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	var err error
	if work.target, err = url.Parse(arguments[0]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), allRequests)
	defer cancel()
	var send func(context.Context) (string, error)
	switch work.target.Scheme {
	case "http":
		send = work.sendHTTP
	case "grpc":
		connection, err := grpc.NewClient("passthrough:///"+work.target.Host,
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
		if err != nil {
			return err
		}
		defer connection.Close()
		send = func(ctx context.Context) (string, error) { return work.sendGRPC(ctx, connection) }
	default:
		return fmt.Errorf("scheme %q: there are http and grpc", work.target.Scheme)
	}
	answers, err := work.sendAll(ctx, send)
	if err != nil {
		return err
	}
	for number, answer := range answers {
		printAnswer(os.Stdout, number, work.target, answer)
	}
	return nil
}

func (j job) sendAll(ctx context.Context, send func(context.Context) (string, error)) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	answers := make([]string, j.count)
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, j.count) {
		workers.Go(func() {
			for number := range numbers {
				answer, err := send(ctx)
				if err != nil {
					cancel(fmt.Errorf("request %d: %w", number, err))
					return
				}
				answers[number] = answer
			}
		})
	}
	for number := range j.count {
		select {
		case numbers <- number:
		case <-ctx.Done():
		}
	}
	close(numbers)
	workers.Wait()
	return answers, context.Cause(ctx)
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: connecting}).DialContext(ctx, "tcp", address)
}

// sendHTTP makes one request on a connection of its own; redirects are answers.
func (j job) sendHTTP(ctx context.Context) (string, error) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, j.method, j.target.String(), nil)
	if err != nil {
		return "", err
	}
	for _, field := range j.fields {
		if strings.EqualFold(field[0], "host") {
			request.Host = field[1]
		} else {
			request.Header.Add(field[0], field[1])
		}
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return dial(ctx, address) },
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Latency=%v\nStatusCode=%d\n", time.Since(began), answer.StatusCode)
	for name, values := range answer.Header {
		for _, value := range values {
			fmt.Fprintf(&text, "ResponseHeader=%s:%s\n", name, value)
		}
	}
	return text.String() + bodyLines(string(body)), nil
}

func (j job) sendGRPC(ctx context.Context, connection *grpc.ClientConn) (string, error) {
	began := time.Now()
	for _, field := range j.fields {
		ctx = metadata.AppendToOutgoingContext(ctx, field[0], field[1])
	}
	answer := new(wrapperspb.StringValue)
	var header metadata.MD
	if err := connection.Invoke(ctx, echoMethod, wrapperspb.String("hello"), answer, grpc.Header(&header)); err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Latency=%v\n", time.Since(began))
	for name, values := range header {
		for _, value := range values {
			fmt.Fprintf(&text, "ResponseHeader=%s:%s\n", name, value)
		}
	}
	return text.String() + bodyLines(answer.GetValue()), nil
}

func bodyLines(body string) string {
	var text strings.Builder
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(&text, "body] %s\n", line)
		}
	}
	return text.String()
}

// printAnswer writes the lines of one answer, with its number before each, and a blank one.
func printAnswer(to io.Writer, number int, target *url.URL, answer string) {
	fmt.Fprintf(to, "[%d] Url=%s\n", number, target)
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "body] ") {
			fmt.Fprintf(to, "[%d %s", number, line)
		} else {
			fmt.Fprintf(to, "[%d] %s", number, line)
		}
	}
	fmt.Fprintln(to)
}
