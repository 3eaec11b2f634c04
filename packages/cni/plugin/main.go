// The chained CNI plugin: holds a pod's sandbox back until the node agent has taken the pod into the mesh.
//
// It decides as little as possible. Pods of namespaces that the agent's stored view calls enrolled, and of namespaces
// that it does not know, wait for the agent; without its consent ADD fails, and kubelet tries again. Excluded namespaces
// and the pods of the mesh itself never wait. The previous plugin's result is passed on byte for byte.
package main

import (
	"io"
	"os"
	"time"
)

// The process gives up by itself before the container runtime loses patience.
const processDeadline = 35 * time.Second

func main() {
	deadline := time.Now().Add(processDeadline)
	os.Exit(run(os.Getenv, os.Stdin, os.Stdout, deadline))
}

// run executes one CNI command and returns the exit status. Everything it says goes to out, as the CNI specification has it.
func run(environment func(string) string, in io.Reader, out io.Writer, deadline time.Time) int {
	// The specification lets VERSION come without any of the other variables.
	command := environment("CNI_COMMAND")
	config, failure := readConfig(in)
	if failure != nil {
		return fail(out, "", failure)
	}
	switch command {
	case "VERSION":
		return sayVersions(out, config.CNIVersion)
	case "ADD":
		failure = add(environment, config, deadline)
		if failure != nil {
			return fail(out, config.CNIVersion, failure)
		}
		return pass(out, config.PrevResult)
	case "CHECK":
		// What the agent did is proven by the agent, every half minute and from inside the pod.
		if failure = requirePrevResult(config); failure != nil {
			return fail(out, config.CNIVersion, failure)
		}
		return 0
	case "DEL", "GC":
		// The pod's rules go with its namespace, and the agent learns of the end from the API server.
		return 0
	case "STATUS":
		// Always able: a node whose network is called unready starts no pods, and the agent is one.
		return 0
	default:
		return fail(out, config.CNIVersion, invalidEnvironment("CNI_COMMAND %s is not known", quote(command)))
	}
}

func add(environment func(string) string, config *Config, deadline time.Time) *Failure {
	if failure := requirePrevResult(config); failure != nil {
		return failure
	}
	pod, failure := podOf(environment)
	if failure != nil {
		return failure
	}
	if pod == nil || config.excludes(pod) {
		return nil
	}
	ips, failure := addressesOf(config.PrevResult)
	if failure != nil {
		return failure
	}
	mustWait, why := config.view().mustWait(pod.Namespace)
	return askAgent(config, pod, ips, mustWait, why, deadline)
}
