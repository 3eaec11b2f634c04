package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Error codes of the CNI specification, section 5, and our own from 100 on.
const (
	codeIncompatibleVersion = 1
	codeInvalidEnvironment  = 4
	codeIO                  = 5
	codeDecode              = 6
	codeInvalidConfig       = 7
	codeTryAgain            = 11
	codeAgentRefused        = 100
)

// Failure is an error of the CNI specification. Kubelet shows the message as an event of the pod.
type Failure struct {
	Code    int
	Message string
	Details string
}

func failure(code int, details string, format string, values ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, values...), Details: details}
}

func invalidEnvironment(format string, values ...any) *Failure {
	return failure(codeInvalidEnvironment, "", format, values...)
}

func invalidConfig(format string, values ...any) *Failure {
	return failure(codeInvalidConfig, "", format, values...)
}

// fail writes the error where the runtime reads it. The version is that of the configuration, if it could be read.
func fail(out io.Writer, version string, failure *Failure) int {
	if version == "" {
		version = newestVersion
	}
	text, _ := json.Marshal(struct {
		CNIVersion string `json:"cniVersion"`
		Code       int    `json:"code"`
		Message    string `json:"msg"`
		Details    string `json:"details,omitempty"`
	}{version, failure.Code, "ambit-cni: " + failure.Message, failure.Details})
	_, _ = out.Write(append(text, '\n'))
	return 1
}

func pass(out io.Writer, result json.RawMessage) int {
	if _, err := out.Write(result); err != nil {
		return 1
	}
	return 0
}

// quote shows what somebody else wrote, bounded.
func quote(text string) string {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return strconv.Quote(text)
}
