package main

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"strings"
)

const (
	maxArgsBytes = 16 << 10
	maxAddresses = 64
)

// Pod is what the runtime says of the sandbox.
type Pod struct {
	Name, Namespace, UID string
	ContainerID          string
	// Path of the network namespace on the node.
	Netns string
}

// podOf reads the variables of the specification and Kubernetes' arguments in CNI_ARGS. No pod: the sandbox is not one
// of Kubernetes, and nobody's business here.
func podOf(environment func(string) string) (*Pod, *Failure) {
	args := environment("CNI_ARGS")
	if len(args) > maxArgsBytes {
		return nil, invalidEnvironment("CNI_ARGS is longer than %d bytes", maxArgsBytes)
	}
	values := map[string]string{}
	for _, pair := range strings.Split(args, ";") {
		if key, value, found := strings.Cut(pair, "="); found {
			values[key] = value
		}
	}
	pod := Pod{
		Name:        values["K8S_POD_NAME"],
		Namespace:   values["K8S_POD_NAMESPACE"],
		UID:         values["K8S_POD_UID"],
		ContainerID: environment("CNI_CONTAINERID"),
		Netns:       environment("CNI_NETNS"),
	}
	if pod.Name == "" && pod.Namespace == "" {
		return nil, nil
	}
	if !isName(pod.Name) {
		return nil, invalidEnvironment("K8S_POD_NAME %s in CNI_ARGS is not the name of a pod", quote(pod.Name))
	}
	if !isName(pod.Namespace) {
		return nil, invalidEnvironment("K8S_POD_NAMESPACE %s in CNI_ARGS is not the name of a namespace", quote(pod.Namespace))
	}
	if pod.UID != "" && !isIdentifier(pod.UID) {
		return nil, invalidEnvironment("K8S_POD_UID %s in CNI_ARGS is not a uid", quote(pod.UID))
	}
	if !isIdentifier(pod.ContainerID) {
		return nil, invalidEnvironment("CNI_CONTAINERID %s is not the name of a container", quote(pod.ContainerID))
	}
	if !filepath.IsAbs(pod.Netns) || filepath.Clean(pod.Netns) != pod.Netns || len(pod.Netns) > 4096 {
		return nil, invalidEnvironment("CNI_NETNS %s is not an absolute path", quote(pod.Netns))
	}
	return &pod, nil
}

// addressesOf finds the pod's own addresses in the result of the plugins before.
func addressesOf(prevResult json.RawMessage) ([]netip.Addr, *Failure) {
	var result struct {
		Interfaces []struct {
			Sandbox string `json:"sandbox"`
		} `json:"interfaces"`
		IPs []struct {
			Interface *int   `json:"interface"`
			Address   string `json:"address"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(prevResult, &result); err != nil {
		return nil, failure(codeDecode, err.Error(), "prevResult cannot be decoded")
	}
	if len(result.IPs) > maxAddresses {
		return nil, failure(codeDecode, "", "prevResult names more than %d addresses", maxAddresses)
	}
	var found []netip.Addr
	for _, ip := range result.IPs {
		if at := ip.Interface; at != nil && *at >= 0 && *at < len(result.Interfaces) && result.Interfaces[*at].Sandbox == "" {
			// An address of the node's end of the link.
			continue
		}
		prefix, err := netip.ParsePrefix(ip.Address)
		if err != nil {
			return nil, failure(codeDecode, err.Error(), "prevResult: %s is not an address with its prefix", quote(ip.Address))
		}
		found = append(found, prefix.Addr().Unmap())
	}
	return found, nil
}

// isName: a DNS label or subdomain (RFC 1123), as names of pods and namespaces are.
func isName(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for _, label := range strings.Split(text, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, char := range []byte(label) {
			if !(char >= 'a' && char <= 'z' || char >= '0' && char <= '9' || char == '-') {
				return false
			}
		}
	}
	return true
}

func isIdentifier(text string) bool {
	if text == "" || len(text) > 128 {
		return false
	}
	for _, char := range []byte(text) {
		if !(char >= 'a' && char <= 'z' || char >= 'A' && char <= 'Z' || char >= '0' && char <= '9' ||
			char == '-' || char == '_' || char == '.') {
			return false
		}
	}
	return true
}
