package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const result = `{"cniVersion":"1.0.0", "interfaces":[{"name":"veth1"},{"name":"eth0","sandbox":"/var/run/netns/x"}],
 "ips":[{"interface":1,"address":"10.0.0.5/24"},{"interface":0,"address":"10.0.0.1/24"},{"address":"fd00::5/64"}], "further":{"b":1,"a":2}}`

type call struct {
	command, config, args, netns string
	wait                         time.Duration
}

// execute runs the plugin as the runtime would, with a run directory of its own.
func execute(t *testing.T, dir string, call call) (int, string) {
	t.Helper()
	if call.args == "" {
		call.args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u-1"
	}
	if call.netns == "" {
		call.netns = "/var/run/netns/x"
	}
	if call.config == "" {
		call.config = `{"cniVersion":"1.0.0","name":"k8s","type":"ambit-cni","cni_agent_run_dir":"` + dir + `","exclude_namespaces":["kube-system"],"prevResult":` + result + `}`
	}
	if call.wait == 0 {
		call.wait = 200 * time.Millisecond
	}
	environment := map[string]string{
		"CNI_COMMAND": call.command, "CNI_CONTAINERID": "abc", "CNI_IFNAME": "eth0", "CNI_NETNS": call.netns, "CNI_ARGS": call.args,
	}
	var out bytes.Buffer
	status := run(func(name string) string { return environment[name] }, strings.NewReader(call.config), &out, time.Now().Add(call.wait))
	return status, out.String()
}

// agent answers every request with the same bytes and hands over what it was asked.
func agent(t *testing.T, dir string, answer string) <-chan string {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(dir, "pluginevent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	asked := make(chan string, 16)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 65536)
			length, _ := connection.Read(buffer)
			asked <- string(buffer[:length])
			if answer != "silence" {
				_, _ = connection.Write([]byte(answer))
				connection.Close()
			}
		}
	}()
	return asked
}

func view(t *testing.T, dir string, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "namespaces.json"), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

const consent = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"enrolled\":true}"

func refusal(text string) string {
	body, _ := json.Marshal(map[string]string{"error": text})
	return "HTTP/1.1 503 Service Unavailable\r\ncontent-length: " + itoa(len(body)) + "\r\nConnection: close\r\n\r\n" + string(body)
}

func itoa(value int) string {
	text, _ := json.Marshal(value)
	return string(text)
}

func TestAddPassesTheResultUnchanged(t *testing.T) {
	dir := t.TempDir()
	asked := agent(t, dir, consent)
	status, out := execute(t, dir, call{command: "ADD"})
	if status != 0 || out != result {
		t.Fatalf("status %d, output %s", status, out)
	}
	question := <-asked
	for _, part := range []string{"POST /cmdadd HTTP/1.1\r\n", `"Netns":"/var/run/netns/x"`, `"PodName":"web-1"`, `"PodNamespace":"shop"`, `"PodUID":"u-1"`, `"IP":"10.0.0.5"`, `"IP":"fd00::5"`} {
		if !strings.Contains(question, part) {
			t.Errorf("%s is not in %s", part, question)
		}
	}
	if strings.Contains(question, "10.0.0.1") {
		t.Error("the node's end of the link is called an address of the pod")
	}
}

func TestWhoWaits(t *testing.T) {
	const listed = `{"version":1,"enrolled":["shop"],"others":["free"]}`
	args := func(namespace, name string) string { return "K8S_POD_NAMESPACE=" + namespace + ";K8S_POD_NAME=" + name }
	for _, test := range []struct {
		name, args, view string
		mode             os.FileMode
		says             string
	}{
		{"an enrolled namespace", args("shop", "web"), listed, 0o600, "namespace shop is in the mesh"},
		{"an unknown namespace", args("new", "web"), listed, 0o600, "does not know namespace new yet"},
		{"another namespace", args("free", "web"), listed, 0o600, ""},
		{"no view", args("free", "web"), "", 0, "has not said which namespaces"},
		{"a broken view", args("free", "web"), `{"version":1,`, 0o600, "cannot be decoded"},
		{"a view of the future", args("free", "web"), `{"version":2}`, 0o600, "is of version 2"},
		{"a view that others may write", args("free", "web"), listed, 0o622, "written by others"},
		{"an excluded namespace", args("kube-system", "dns"), "", 0, ""},
		{"the node proxy", args("istio-system", "ztunnel-x1"), "", 0, ""},
		{"the agent", args("istio-system", "istio-cni-node-x1"), "", 0, ""},
		{"somebody else there", args("istio-system", "web"), "", 0, "has not said which namespaces"},
		{"a pod that only calls itself so", args("shop", "ztunnel-x1"), listed, 0o600, "in the mesh"},
		{"no pod at all", "A=B", "", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if test.view != "" {
				view(t, dir, test.view, test.mode)
				if err := os.Chmod(filepath.Join(dir, "namespaces.json"), test.mode); err != nil {
					t.Fatal(err)
				}
			}
			status, out := execute(t, dir, call{command: "ADD", args: test.args})
			if test.says == "" {
				if status != 0 || out != result {
					t.Fatalf("it waits: %s", out)
				}
				return
			}
			if status != 1 || !strings.Contains(out, test.says) || !strings.Contains(out, "is the istio-cni-node pod of this node running?") || !strings.Contains(out, `"code":11`) {
				t.Fatalf("status %d, output %s", status, out)
			}
		})
	}
}

func TestAgentsAnswers(t *testing.T) {
	for _, test := range []struct{ name, answer, says string }{
		{"a refusal", refusal("AMBIT_ZDS_NO_PROXY: no ztunnel"), "AMBIT_ZDS_NO_PROXY: no ztunnel"},
		{"half an answer", "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"enr", "not whole"},
		{"nothing", "", "ended before the answer"},
		{"another protocol", "SSH-2.0-x\r\n\r\n", "no status line"},
		{"no end", "silence", "no answer in time"},
		{"too much", consent + strings.Repeat(" ", maxAnswerBytes), "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			agent(t, dir, test.answer)
			status, out := execute(t, dir, call{command: "ADD"})
			if status != 1 || !strings.Contains(out, test.says) {
				t.Fatalf("status %d, output %s", status, out)
			}
		})
	}
	t.Run("a refusal counts where nobody must wait", func(t *testing.T) {
		dir := t.TempDir()
		view(t, dir, `{"version":1,"enrolled":[],"others":["shop"]}`, 0o600)
		agent(t, dir, refusal("the pod is labelled"))
		if status, out := execute(t, dir, call{command: "ADD"}); status != 1 || !strings.Contains(out, "the pod is labelled") {
			t.Fatalf("status %d, output %s", status, out)
		}
	})
	t.Run("an agent that knows nothing of the pod", func(t *testing.T) {
		dir := t.TempDir()
		body := `{"error":"the API server does not answer","undecided":true}`
		asked := agent(t, dir, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: "+itoa(len(body))+"\r\n\r\n"+body)
		if status, out := execute(t, dir, call{command: "ADD"}); status != 1 || !strings.Contains(out, "the API server does not answer") {
			t.Fatalf("status %d, output %s", status, out)
		}
		view(t, dir, `{"version":1,"enrolled":[],"others":["shop"]}`, 0o600)
		if status, out := execute(t, dir, call{command: "ADD"}); status != 0 {
			t.Fatalf("output %s", out)
		}
		if first, second := <-asked, <-asked; !strings.Contains(first, `"MustWait":true`) || !strings.Contains(second, `"MustWait":false`) {
			t.Fatalf("asked %s and %s", first, second)
		}
	})
	t.Run("an agent that comes while the pod waits", func(t *testing.T) {
		dir := t.TempDir()
		go func() {
			time.Sleep(120 * time.Millisecond)
			agent(t, dir, consent)
		}()
		if status, out := execute(t, dir, call{command: "ADD", wait: 5 * time.Second}); status != 0 {
			t.Fatalf("output %s", out)
		}
	})
}

func TestStrictInput(t *testing.T) {
	config := func(fields string) string {
		return `{"cniVersion":"1.0.0","type":"ambit-cni",` + fields + `"prevResult":` + result + `}`
	}
	for _, test := range []struct {
		name string
		call call
		says string
	}{
		{"no JSON", call{config: "{"}, `"code":6`},
		{"a version from before chaining", call{config: `{"cniVersion":"0.2.0"}`}, `"code":1`},
		{"no result before", call{config: `{"cniVersion":"1.0.0"}`}, "stand behind others"},
		{"a relative folder", call{config: config(`"cni_agent_run_dir":"x",`)}, "cni_agent_run_dir"},
		{"a number for a list", call{config: config(`"exclude_namespaces":3,`)}, `"code":6`},
		{"a bad name", call{config: config(`"exclude_namespaces":["A/B"],`)}, "exclude_namespaces"},
		{"too long", call{config: strings.Repeat(" ", maxConfigBytes+1)}, "longer than"},
		{"a bad pod", call{args: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=../x"}, "K8S_POD_NAME"},
		{"a bad namespace", call{args: "K8S_POD_NAMESPACE=;K8S_POD_NAME=x"}, "K8S_POD_NAMESPACE"},
		{"a bad uid", call{args: "K8S_POD_NAMESPACE=a;K8S_POD_NAME=x;K8S_POD_UID=a b"}, "K8S_POD_UID"},
		{"a relative namespace", call{netns: "x"}, "CNI_NETNS"},
		{"a path that climbs", call{netns: "/var/run/netns/../x"}, "CNI_NETNS"},
		{"a result that is none", call{config: `{"cniVersion":"1.0.0","prevResult":{"ips":[{"address":"x"}]}}`}, "not an address"},
		{"an unknown command", call{command: "MUL"}, "CNI_COMMAND"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.call.command == "" {
				test.call.command = "ADD"
			}
			status, out := execute(t, t.TempDir(), test.call)
			if status != 1 || !strings.Contains(out, test.says) || !json.Valid([]byte(out)) {
				t.Fatalf("status %d, output %s", status, out)
			}
		})
	}
}

func TestOtherCommandsNeedNoAgent(t *testing.T) {
	for _, command := range []string{"DEL", "CHECK", "GC", "STATUS"} {
		if status, out := execute(t, t.TempDir(), call{command: command}); status != 0 || out != "" {
			t.Errorf("%s: status %d, output %s", command, status, out)
		}
	}
	status, out := execute(t, t.TempDir(), call{command: "VERSION", config: `{"cniVersion":"1.1.0"}`})
	if status != 0 || out != `{"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}` {
		t.Errorf("VERSION: status %d, output %s", status, out)
	}
}
