package main

import (
	"errors"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The expressions of an entry of healthCheckExprs. A Kustomization or HelmRelease gives `current`, and may give the others.
type expressions struct {
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

// evaluate follows the rules of Flux (fluxcd/pkg, runtime/cel): what does not answer the present generation is in progress;
// then the first expression that is true decides, and where none is, the object is in progress.
func (e expressions) evaluate(object *unstructured.Unstructured) (answer, error) {
	if e.Current == "" {
		return answer{}, errors.New("healthCheckExprs need the expression `current`")
	}
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err == nil && found && observed != object.GetGeneration() {
		return answer{Status: status.InProgressStatus.String()}, nil
	}
	for _, rule := range []struct {
		expression string
		status     status.Status
	}{
		{e.InProgress, status.InProgressStatus},
		{e.Failed, status.FailedStatus},
		{e.Current, status.CurrentStatus},
	} {
		if rule.expression == "" {
			continue
		}
		if holds, err := evaluate(rule.expression, object.Object); err != nil {
			return answer{}, fmt.Errorf("%s: %w", rule.expression, err)
		} else if holds {
			return answer{Status: rule.status.String()}, nil
		}
	}
	return answer{Status: status.InProgressStatus.String()}, nil
}

// evaluate evaluates an expression over the fields of an object, in the environment that Flux gives it.
func evaluate(expression string, fields map[string]any) (bool, error) {
	environment, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	)
	if err != nil {
		return false, err
	}
	parsed, issues := environment.Parse(expression)
	if issues != nil {
		return false, issues.Err()
	}
	program, err := environment.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return false, err
	}
	value, _, err := program.Eval(fields)
	if err != nil {
		return false, err
	}
	holds, isBool := value.(types.Bool)
	if !isBool {
		return false, fmt.Errorf("it is %v, neither true nor false", value)
	}
	return bool(holds), nil
}
