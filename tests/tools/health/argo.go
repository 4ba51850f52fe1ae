package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// How long Argo CD lets a script run.
const patience = time.Second

// The states of health that Argo CD knows.
var healthStates = []string{"Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"}

// runScript runs a script as Argo CD runs one of its ConfigMap: with the object in `obj`, and with no other libraries than
// package, base and table, and of os nothing but time and date (argo-cd, util/lua/lua.go). It returns what the script
// returns, as JSON.
func runScript(object *unstructured.Unstructured, script string) (json.RawMessage, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.OsLibName, lua.OpenOs},
	}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return nil, fmt.Errorf("opening the library %s: %w", library.name, err)
		}
	}
	restrictOs(state)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.SetContext(ctx)

	state.SetGlobal("obj", luajson.DecodeValue(state, plain(object.Object)))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script returns %s instead of a table", returned.Type())
	}
	return luajson.Encode(returned)
}

// restrictOs leaves of the library os what Argo CD offers, as a global and for `require`.
func restrictOs(state *lua.LState) {
	full := state.GetGlobal(lua.OsLibName).(*lua.LTable)
	safe := state.NewTable()
	for _, name := range []string{"time", "date"} {
		safe.RawSetString(name, full.RawGetString(name))
	}
	state.SetGlobal(lua.OsLibName, safe)
	loaded := state.GetField(state.Get(lua.RegistryIndex), "_LOADED").(*lua.LTable)
	loaded.RawSetString(lua.OsLibName, safe)
}

// plain gives numbers the one type that Lua has.
func plain(value any) any {
	switch value := value.(type) {
	case int64:
		return float64(value)
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = plain(item)
		}
		return items
	case map[string]any:
		fields := make(map[string]any, len(value))
		for name, field := range value {
			fields[name] = plain(field)
		}
		return fields
	default:
		return value
	}
}

// judgeHealth runs a health.lua. It is stricter than Argo CD, which takes a state that it does not know for Unknown.
func judgeHealth(object *unstructured.Unstructured, script string) (answer, error) {
	returned, err := runScript(object, script)
	if err != nil {
		return answer{}, err
	}
	var health answer
	if err := json.Unmarshal(returned, &health); err != nil {
		return answer{}, fmt.Errorf("the script returns %s: %w", returned, err)
	}
	if !slices.Contains(healthStates, health.Status) {
		return answer{}, fmt.Errorf("Argo CD does not know the health %q", health.Status)
	}
	return health, nil
}
