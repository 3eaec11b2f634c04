package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// How long ADD waits for an agent that is not there: a restart of it should not cost kubelet's back-off.
	agentAbsence = 10 * time.Second
	absencePause = 50 * time.Millisecond
	// How long an answer may take. The agent gives up on its own sooner.
	answerMust     = 20 * time.Second
	answerMay      = 10 * time.Second
	maxAnswerBytes = 64 << 10
)

// question is the body of POST /cmdadd. Netns, PodName, PodNamespace and IPs are as Istio's plugin sends them.
type question struct {
	Netns        string
	PodName      string
	PodNamespace string
	PodUID       string `json:",omitempty"`
	ContainerID  string
	IPs          []ipConfig
	// Whether the pod may not start without the agent's consent.
	MustWait bool
}

// answer is what comes back, with status 200 for consent.
type answer struct {
	Error string `json:"error"`
	// The agent could not find out whether the pod belongs into the mesh.
	Undecided bool `json:"undecided"`
}

type ipConfig struct {
	Interface *int
	Address   struct {
		IP   string
		Mask string
	}
	Gateway string
}

// askAgent returns nil when the pod may start. A pod that need not wait starts without an agent, too, and with one that
// knows nothing of it; but a refusal counts for every pod, because the agent knows the pod's own labels.
func askAgent(config *Config, pod *Pod, ips []netip.Addr, mustWait bool, why string, deadline time.Time) *Failure {
	patience := answerMay
	if mustWait {
		patience = answerMust
	}
	connection, err := dial(config.socket(), mustWait, deadline)
	if err != nil {
		if !mustWait {
			return nil
		}
		return failure(codeTryAgain, err.Error(),
			"pod %s/%s waits: %s, but the node agent does not answer on %s (%s); is the istio-cni-node pod of this node running?",
			pod.Namespace, pod.Name, why, config.socket(), reason(err))
	}
	defer connection.Close()
	until := time.Now().Add(patience)
	if until.After(deadline) {
		until = deadline
	}
	_ = connection.SetDeadline(until)
	status, said, err := post(connection, questionOf(pod, ips, mustWait))
	if err != nil {
		if !mustWait {
			return nil
		}
		return failure(codeTryAgain, err.Error(),
			"pod %s/%s waits: %s, but the node agent did not answer (%s); look at the log of the istio-cni-node pod of this node",
			pod.Namespace, pod.Name, why, reason(err))
	}
	if status == 200 || said.Undecided && !mustWait {
		return nil
	}
	code := codeAgentRefused
	if status >= 500 {
		code = codeTryAgain
	}
	return failure(code, "", "pod %s/%s is not in the mesh yet: %s", pod.Namespace, pod.Name, said.Error)
}

func dial(socket string, mustWait bool, deadline time.Time) (net.Conn, error) {
	until := time.Now().Add(agentAbsence)
	if until.After(deadline) {
		until = deadline
	}
	for {
		connection, err := net.DialTimeout("unix", socket, time.Second)
		if err == nil || !mustWait || time.Now().After(until) {
			return connection, err
		}
		time.Sleep(absencePause)
	}
}

func questionOf(pod *Pod, ips []netip.Addr, mustWait bool) []byte {
	body := question{
		Netns: pod.Netns, PodName: pod.Name, PodNamespace: pod.Namespace, PodUID: pod.UID, ContainerID: pod.ContainerID,
		IPs: []ipConfig{}, MustWait: mustWait,
	}
	for _, ip := range ips {
		var entry ipConfig
		entry.Address.IP = ip.String()
		body.IPs = append(body.IPs, entry)
	}
	text, _ := json.Marshal(body)
	return text
}

// post sends one request and reads one answer. A client of net/http would more than double the size of this program, and
// one request on a connection of its own to our own agent needs none of it.
func post(connection net.Conn, body []byte) (int, answer, error) {
	head := fmt.Sprintf("POST /cmdadd HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		len(body))
	if _, err := connection.Write(append([]byte(head), body...)); err != nil {
		return 0, answer{}, err
	}
	text, err := io.ReadAll(io.LimitReader(connection, maxAnswerBytes+1))
	if err != nil {
		return 0, answer{}, err
	}
	return parseAnswer(text)
}

func parseAnswer(text []byte) (int, answer, error) {
	if len(text) > maxAnswerBytes {
		return 0, answer{}, errors.New("the answer is too long")
	}
	head, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	if !found {
		return 0, answer{}, errors.New("the connection ended before the answer")
	}
	lines := strings.Split(string(head), "\r\n")
	parts := strings.SplitN(lines[0], " ", 3)
	if len(parts) < 2 || parts[0] != "HTTP/1.1" || len(parts[1]) != 3 {
		return 0, answer{}, fmt.Errorf("%s is no status line", quote(lines[0]))
	}
	status, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, answer{}, fmt.Errorf("%s is no status line", quote(lines[0]))
	}
	length := -1
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Content-Length") {
			length, err = strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				return 0, answer{}, fmt.Errorf("%s is no length", quote(value))
			}
		}
	}
	// Without this a consent that was cut off would count as one.
	if length != len(body) {
		return 0, answer{}, errors.New("the answer is not whole")
	}
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		return 0, answer{}, errors.New("the answer cannot be decoded")
	}
	if said.Error == "" {
		said.Error = "status " + parts[1]
	}
	return status, said, nil
}

// reason is an error in few words.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "the socket is not there"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	default:
		var system *os.SyscallError
		if errors.As(err, &system) {
			return system.Err.Error()
		}
		return err.Error()
	}
}
