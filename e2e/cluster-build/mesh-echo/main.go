// The two programs that the Gateway API's conformance suite finds in the image of its mesh tests, `server` and `client`,
// written anew: the same flags as its manifests and tests use, and the output that they read. One program, told apart by
// its name.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	var err error
	switch name := filepath.Base(os.Args[0]); name {
	case "server":
		err = serve(os.Args[1:])
	case "client":
		err = request(os.Args[1:])
	default:
		err = fmt.Errorf("called as %s: there are server and client", name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
