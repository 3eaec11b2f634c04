// Package grpcechoserver has the shape of the gRPC echo of tests of Gateways; calls are refused.
package grpcechoserver

import (
	"context"
	"errors"

	"google.golang.org/grpc"
)

var errRefused = errors.New("tests of Gateways cannot be run by this build of the suite")

type EchoRequest struct{}

type EchoResponse struct{}

type Assertions struct{}

type Context struct{}

func (*EchoResponse) GetAssertions() *Assertions    { return nil }
func (*Assertions) GetFullyQualifiedMethod() string { return "" }
func (*Assertions) GetContext() *Context            { return nil }
func (*Context) GetNamespace() string               { return "" }
func (*Context) GetPod() string                     { return "" }

type GrpcEchoClient struct{}

func NewGrpcEchoClient(grpc.ClientConnInterface) GrpcEchoClient { return GrpcEchoClient{} }

func (GrpcEchoClient) Echo(context.Context, *EchoRequest, ...grpc.CallOption) (*EchoResponse, error) {
	return nil, errRefused
}

func (GrpcEchoClient) EchoTwo(context.Context, *EchoRequest, ...grpc.CallOption) (*EchoResponse, error) {
	return nil, errRefused
}

func (GrpcEchoClient) EchoThree(context.Context, *EchoRequest, ...grpc.CallOption) (*EchoResponse, error) {
	return nil, errRefused
}
