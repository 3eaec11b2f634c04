package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
)

// 10,000 namespaces with the longest names are 700 kilobytes.
const maxViewBytes = 8 << 20

// View is what the agent knew of namespaces when it last wrote them down.
type View struct {
	Version int `json:"version"`
	// Namespaces whose pods are in the mesh unless they opt out, and all the others.
	Enrolled []string `json:"enrolled"`
	Others   []string `json:"others"`
	// Why there is no view.
	absent string
}

// readView never fails: what cannot be read or trusted is an empty view, to which every namespace is unknown.
func readView(path string, owner int) *View {
	none := func(format string, values ...any) *View { return &View{absent: fmt.Sprintf(format, values...)} }
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return none("%v", err)
	}
	defer file.Close()
	facts, err := file.Stat()
	if err != nil {
		return none("%v", err)
	}
	if system, known := facts.Sys().(*syscall.Stat_t); !facts.Mode().IsRegular() || !known || int(system.Uid) != owner ||
		facts.Mode().Perm()&0o077 != 0 {
		return none("%s could have been written by others than the agent", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxViewBytes+1))
	if err != nil || len(text) > maxViewBytes {
		return none("%s cannot be read whole", path)
	}
	var view View
	if err := json.Unmarshal(text, &view); err != nil {
		return none("%s cannot be decoded: %v", path, err)
	}
	if view.Version != 1 {
		return none("%s is of version %d", path, view.Version)
	}
	return &view
}

// mustWait: whether a pod of the namespace may not start without the agent, and why.
func (view *View) mustWait(namespace string) (bool, string) {
	if view.absent != "" {
		return true, "the agent has not said which namespaces are in the mesh (" + view.absent + ")"
	}
	for _, name := range view.Enrolled {
		if name == namespace {
			return true, "namespace " + namespace + " is in the mesh"
		}
	}
	for _, name := range view.Others {
		if name == namespace {
			return false, ""
		}
	}
	return true, "the agent does not know namespace " + namespace + " yet"
}
