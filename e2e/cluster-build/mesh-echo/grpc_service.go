package main

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// One method; its messages have one string as field 1, which is what StringValue is on the wire.
const (
	echoService = "proto.EchoTestService"
	echoMethod  = "/" + echoService + "/Echo"
)

// describer makes the text of an answer out of a call's metadata.
type describer interface {
	describe(call metadata.MD) string
}

type grpcEcho struct{ hostname, port string }

func (e grpcEcho) describe(call metadata.MD) string {
	var text strings.Builder
	fmt.Fprintf(&text, "StatusCode=200\nServicePort=%s\n", e.port)
	for name, values := range call {
		if name == ":authority" {
			fmt.Fprintf(&text, "Host=%s\n", strings.Join(values, ","))
			continue
		}
		for _, value := range values {
			fmt.Fprintf(&text, "RequestHeader=%s:%s\n", name, value)
		}
	}
	fmt.Fprintf(&text, "Proto=GRPC\nHostname=%s\n", e.hostname)
	return text.String()
}

func registerEcho(server *grpc.Server, echo describer) {
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: echoService,
		HandlerType: (*describer)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				if err := decode(new(wrapperspb.StringValue)); err != nil {
					return nil, err
				}
				call, _ := metadata.FromIncomingContext(ctx)
				return wrapperspb.String(service.(describer).describe(call)), nil
			},
		}},
	}, echo)
}
