// Program gitops-health says what GitOps tools make of objects, by the libraries and the rules of those tools.
//
// Each line on standard input is a question as JSON, each line on standard output the answer to it. A question has the
// field `ask` and what it needs:
//
//	kstatus    object                        {"status", "message"}, as cli-utils computes it
//	health     object, script                {"status", "message"}, as Argo CD runs a health.lua of its ConfigMap
//	discovery  object, script                {"value"}: the table that a discovery.lua returns
//	action     object, script                {"value"}: the object that an action.lua returns
//	flux       object, expressions           {"status"}, as Flux evaluates an entry of healthCheckExprs
//
// A script or an expression that fails answers {"error"}. What is not a question ends the program.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Ask         string                    `json:"ask"`
	Object      unstructured.Unstructured `json:"object"`
	Script      string                    `json:"script"`
	Expressions expressions               `json:"expressions"`
}

type answer struct {
	Status  string          `json:"status,omitempty"`
	Message string          `json:"message,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Error   string          `json:"error,omitempty"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops-health:", err)
		os.Exit(1)
	}
}

// serve answers every question until there are no more.
func serve(questions io.Reader, answers io.Writer) error {
	decoder := json.NewDecoder(questions)
	buffered := bufio.NewWriter(answers)
	encoder := json.NewEncoder(buffered)
	for {
		var asked question
		if err := decoder.Decode(&asked); err == io.EOF {
			return buffered.Flush()
		} else if err != nil {
			return fmt.Errorf("reading a question: %w", err)
		}
		found, err := reply(&asked)
		if err != nil {
			found = answer{Error: err.Error()}
		}
		if err := encoder.Encode(found); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
}

func reply(asked *question) (answer, error) {
	switch asked.Ask {
	case "kstatus":
		return computeStatus(&asked.Object)
	case "health":
		return judgeHealth(&asked.Object, asked.Script)
	case "discovery", "action":
		value, err := runScript(&asked.Object, asked.Script)
		return answer{Value: value}, err
	case "flux":
		return asked.Expressions.evaluate(&asked.Object)
	default:
		return answer{}, fmt.Errorf("there is no question %q", asked.Ask)
	}
}
