// The conformance suite of the Gateway API, whole and unchanged, as a program: the flags are its own.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) { conformance.RunConformance(t) }
