package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Health codes of Argo CD.
const (
	Healthy     = "Healthy"
	Suspended   = "Suspended"
	Progressing = "Progressing"
	Missing     = "Missing"
	Degraded    = "Degraded"
	Unknown     = "Unknown"
)

// scriptLimit is how long Argo CD lets a script run. One that has run for so long has another try: it may be the machine that stood still.
const scriptLimit = time.Second

// Compute runs a health script over an object as Argo CD runs a script from argocd-cm: in the same engine, with the
// libraries base, package and table only and for at most one second. As in Argo CD an object that is being deleted is
// Progressing and the script is not asked. The error is of a script that cannot be run, or whose result Argo CD could not use.
func Compute(script string, object map[string]any) (status, message string, err error) {
	if deleting(object) {
		return Progressing, "Pending deletion", nil
	}
	status, message, err = compute(script, object)
	if err != nil && strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		status, message, err = compute(script, object)
	}
	return status, message, err
}

func compute(script string, object map[string]any) (status, message string, err error) {
	engine := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer engine.Close()
	ctx, cancel := context.WithTimeout(context.Background(), scriptLimit)
	defer cancel()
	engine.SetContext(ctx)
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		call := lua.P{Fn: engine.NewFunction(library.open), NRet: 0, Protect: true}
		if err := engine.CallByParam(call, lua.LString(library.name)); err != nil {
			return "", "", fmt.Errorf("open the Lua library %q: %w", library.name, err)
		}
	}
	value, err := luaValue(engine, object)
	if err != nil {
		return "", "", fmt.Errorf("hand the object to the health script: %w", err)
	}
	engine.SetGlobal("obj", value)
	if err := engine.DoString(script); err != nil {
		return "", "", fmt.Errorf("run the health script: %w", err)
	}
	return scriptResult(engine.Get(-1))
}

func scriptResult(value lua.LValue) (status, message string, err error) {
	table, isTable := value.(*lua.LTable)
	if !isTable {
		return "", "", fmt.Errorf("the health script returned %s, not a table", value.Type())
	}
	status = lua.LVAsString(table.RawGetString("status"))
	message = lua.LVAsString(table.RawGetString("message"))
	if !slices.Contains([]string{Healthy, Suspended, Progressing, Missing, Degraded, Unknown}, status) {
		return "", "", fmt.Errorf("the health script returned the status %q, which Argo CD does not know", status)
	}
	return status, message, nil
}

// luaValue turns what a decoder for unstructured objects yields into what a script sees.
func luaValue(engine *lua.LState, value any) (lua.LValue, error) {
	switch typed := value.(type) {
	case nil:
		return lua.LNil, nil
	case bool:
		return lua.LBool(typed), nil
	case string:
		return lua.LString(typed), nil
	case int64:
		return lua.LNumber(typed), nil
	case float64:
		return lua.LNumber(typed), nil
	case []any:
		list := engine.CreateTable(len(typed), 0)
		for _, item := range typed {
			converted, err := luaValue(engine, item)
			if err != nil {
				return nil, err
			}
			list.Append(converted)
		}
		return list, nil
	case map[string]any:
		table := engine.CreateTable(0, len(typed))
		for key, item := range typed {
			converted, err := luaValue(engine, item)
			if err != nil {
				return nil, err
			}
			table.RawSetString(key, converted)
		}
		return table, nil
	default:
		return nil, fmt.Errorf("a value of type %T: decode the object as unstructured.Unstructured does", value)
	}
}
