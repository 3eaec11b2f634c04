// Package udpechoserver has the shape of the UDP echo of tests of Gateways.
package udpechoserver

// EchoResponse reads no answer: a test that wants the name of a pod fails.
type EchoResponse struct {
	Pod string `json:"-"`
}
