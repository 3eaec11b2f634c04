package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// A configuration with the result of a chain is a few kilobytes.
	maxConfigBytes = 1 << 20
	maxNamespaces  = 1000
)

// Config is the plugin's entry in the network configuration list, with what the runtime adds to it. Keys are those of
// Istio's plugin where it has them; the runtime may add others, which are not looked at.
type Config struct {
	CNIVersion string `json:"cniVersion"`
	Type       string `json:"type"`
	// The folder that plugin and agent share on the node.
	RunDir string `json:"cni_agent_run_dir"`
	// Namespaces whose pods are never captured.
	ExcludeNamespaces []string `json:"exclude_namespaces"`
	// The namespace of the mesh itself.
	MeshNamespace string          `json:"pod_namespace"`
	PrevResult    json.RawMessage `json:"prevResult"`
}

// Programs of the mesh by which the others are taken in: would they wait for each other, nothing would ever start.
var meshPods = []string{"istio-cni-node-", "istiod-", "ztunnel-"}

func readConfig(in io.Reader) (*Config, *Failure) {
	text, err := io.ReadAll(io.LimitReader(in, maxConfigBytes+1))
	if err != nil {
		return nil, failure(codeIO, err.Error(), "cannot read the network configuration")
	}
	if len(text) > maxConfigBytes {
		return nil, failure(codeDecode, "", "the network configuration is longer than %d bytes", maxConfigBytes)
	}
	var config Config
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, failure(codeDecode, err.Error(), "the network configuration cannot be decoded")
	}
	if !slices.Contains(supportedVersions, config.CNIVersion) {
		return nil, failure(codeIncompatibleVersion, "", "cniVersion %s is not one of %s",
			quote(config.CNIVersion), strings.Join(supportedVersions, ", "))
	}
	if config.RunDir == "" {
		config.RunDir = "/var/run/istio-cni"
	}
	if !filepath.IsAbs(config.RunDir) || filepath.Clean(config.RunDir) != config.RunDir {
		return nil, invalidConfig("cni_agent_run_dir %s is not an absolute path", quote(config.RunDir))
	}
	if config.MeshNamespace == "" {
		config.MeshNamespace = "istio-system"
	}
	if !isName(config.MeshNamespace) {
		return nil, invalidConfig("pod_namespace %s is not the name of a namespace", quote(config.MeshNamespace))
	}
	if len(config.ExcludeNamespaces) > maxNamespaces {
		return nil, invalidConfig("exclude_namespaces has more than %d entries", maxNamespaces)
	}
	for _, name := range config.ExcludeNamespaces {
		if !isName(name) {
			return nil, invalidConfig("exclude_namespaces: %s is not the name of a namespace", quote(name))
		}
	}
	return &config, nil
}

func requirePrevResult(config *Config) *Failure {
	if len(config.PrevResult) == 0 || string(config.PrevResult) == "null" {
		return invalidConfig("there is no prevResult: this plugin must stand behind others in a list, not alone or first")
	}
	return nil
}

func (config *Config) excludes(pod *Pod) bool {
	if slices.Contains(config.ExcludeNamespaces, pod.Namespace) {
		return true
	}
	return pod.Namespace == config.MeshNamespace &&
		slices.ContainsFunc(meshPods, func(prefix string) bool { return strings.HasPrefix(pod.Name, prefix) })
}

func (config *Config) socket() string {
	return filepath.Join(config.RunDir, "pluginevent.sock")
}

func (config *Config) view() *View {
	return readView(filepath.Join(config.RunDir, "namespaces.json"), os.Geteuid())
}
