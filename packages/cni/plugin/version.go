package main

import (
	"encoding/json"
	"io"
)

const newestVersion = "1.1.0"

// Chaining by prevResult began with 0.3.0.
var supportedVersions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", newestVersion}

func sayVersions(out io.Writer, version string) int {
	text, _ := json.Marshal(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{version, supportedVersions})
	return pass(out, text)
}
