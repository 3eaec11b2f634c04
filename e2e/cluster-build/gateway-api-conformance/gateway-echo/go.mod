// What the suite imports of the echo server of its tests of Gateways, which no test of a mesh runs: the types and nothing
// behind them, so that the suite compiles without that server's module. Whoever calls them is refused.
module sigs.k8s.io/gateway-api-conformance-images

go 1.26.0

require google.golang.org/grpc v1.84.0
