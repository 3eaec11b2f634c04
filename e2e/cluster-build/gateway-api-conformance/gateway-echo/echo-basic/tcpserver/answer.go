// Package tcpserver has the shape of the TCP echo of tests of Gateways.
package tcpserver

// WelcomeMessage is none that a server sends: a test that waits for it fails.
const WelcomeMessage = "tests of Gateways cannot be run by this build of the suite"

type TLSAssertion struct {
	ServerName         string
	NegotiatedProtocol string
}

type TCPAssertions struct {
	Namespace    string
	Pod          string
	TLSAssertion TLSAssertion
}
