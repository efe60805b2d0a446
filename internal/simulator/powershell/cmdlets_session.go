package powershell

import (
	"strings"
	"time"
)

func getDate(in *interpreter, b *bound, input []Value, fed bool, out sink) error {
	when := in.machine.Now()
	given, has := b.parameters["date"]
	if fed && len(input) > 0 && !has {
		given, has = input[0], true
	}
	if has {
		converted, err := in.convert("datetime", given)
		if err != nil {
			failed := asFailure(err)
			failed.Message = "Cannot bind parameter 'Date'. " + failed.Message
			failed.command = "Get-Date"
			return failed
		}
		when, _ = converted.(time.Time)
	}
	parts := []int64{int64(when.Year()), int64(when.Month()), int64(when.Day()), int64(when.Hour()), int64(when.Minute()), int64(when.Second())}
	changed := false
	for i, name := range []string{"year", "month", "day", "hour", "minute", "second"} {
		if b.has(name) {
			number, err := b.number(name, 0)
			if err != nil {
				return err
			}
			parts[i], changed = max(0, min(9999, number)), true
		}
	}
	if changed {
		when = time.Date(int(parts[0]), time.Month(parts[1]), int(parts[2]), int(parts[3]), int(parts[4]), int(parts[5]), when.Nanosecond(), when.Location())
	}
	if b.has("format") {
		return out(formatTime(when, b.text("format")))
	}
	return out(when)
}

func importModule(in *interpreter, b *bound, input []Value, _ bool, _ sink) error {
	names := list(b.parameters["name"])
	if !b.has("name") {
		names = input
	}
	for _, name := range names {
		commands, err := in.machine.ImportModule(in.ctx, toText(name))
		if in.cancelled() != nil {
			return in.cancelled()
		}
		if err != nil {
			failed := asFailure(err)
			if failed.ID == "" {
				failed.ID = "Modules_ModuleNotFound,Microsoft.PowerShell.Commands.ImportModuleCommand"
				failed.Category = "ResourceUnavailable: (" + toText(name) + ":String)"
				failed.Type = "System.IO.FileNotFoundException"
			}
			if err := b.fails(in, failed); err != nil {
				return err
			}
			continue
		}
		for command, run := range commands {
			in.session[strings.ToLower(command)] = run
		}
	}
	return nil
}

func newObject(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	name := b.text("typename")
	if b.has("comobject") {
		return &Failure{ID: "NoCOMClassIdentified,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "ResourceUnavailable: (:)", command: "New-Object",
			Message: "Retrieving the COM class factory for component with CLSID {00000000-0000-0000-0000-000000000000} failed: '" + b.text("comobject") + "' is not registered."}
	}
	full, ok := knownType(name)
	if !ok {
		return &Failure{ID: "TypeNotFound,Microsoft.PowerShell.Commands.NewObjectCommand", Category: "InvalidType: (:)", command: "New-Object", Type: "System.Management.Automation.PSArgumentException",
			Message: "Cannot find type [" + name + "]: verify that the assembly containing this type is loaded."}
	}
	var arguments []Value
	if b.has("argumentlist") {
		arguments = list(b.parameters["argumentlist"])
	}
	made, err := in.create(full, arguments)
	if err != nil {
		return err
	}
	if table, ok := b.parameters["property"].(*Hashtable); ok {
		object, isObject := made.(*Object)
		if !isObject {
			return failure("InvalidOperationException,Microsoft.PowerShell.Commands.NewObjectCommand", "The properties of [%s] cannot be set here.", full)
		}
		for _, key := range table.keys {
			object.Set(toText(key), table.Get(key))
		}
	}
	return out(made)
}

func startSleep(in *interpreter, b *bound, input []Value, fed bool, _ sink) error {
	var pause time.Duration
	switch {
	case b.has("milliseconds"):
		number, err := b.number("milliseconds", 0)
		if err != nil {
			return err
		}
		pause = time.Duration(max(0, min(number, 1<<31))) * time.Millisecond
	default:
		value := b.parameters["seconds"]
		if fed && len(input) > 0 {
			value = input[0]
		}
		number, err := toInteger(value)
		if err != nil {
			return err
		}
		pause = time.Duration(max(0, min(number, 1<<31))) * time.Second
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-in.ctx.Done():
		return in.cancelled()
	}
}

func invokeExpression(in *interpreter, b *bound, input []Value, fed bool, out sink) error {
	text := b.text("command")
	if fed && !b.has("command") && len(input) > 0 {
		text = toText(input[0])
	}
	script, err := Parse(text)
	if err != nil {
		return parseFailure(err)
	}
	leave, err := in.enter()
	if err != nil {
		return err
	}
	defer leave()
	origin := in.source
	err = in.run(script, out)
	in.source = origin
	return err
}

func getVariable(in *interpreter, b *bound, _ []Value, _ bool, out sink) error {
	for _, name := range list(b.parameters["name"]) {
		lower := strings.ToLower(toText(name))
		value, ok := in.lookup(lower)
		if !ok {
			value = in.variable(&variable{name: lower})
			ok = value != nil
		}
		if !ok {
			if err := b.fails(in, &Failure{ID: "VariableNotFound", Category: "ObjectNotFound: (" + toText(name) + ":String)", Message: "Cannot find a variable with the name '" + toText(name) + "'."}); err != nil {
				return err
			}
			continue
		}
		if b.flag("valueonly") {
			if err := emit(value, out); err != nil {
				return err
			}
			continue
		}
		if err := out(NewObject("System.Management.Automation.PSVariable", "Name", toText(name), "Value", plain(value))); err != nil {
			return err
		}
	}
	return nil
}

func setVariableCmdlet(in *interpreter, b *bound, _ []Value, _ bool, _ sink) error {
	return in.setVariable(&variable{name: strings.ToLower(b.text("name")), scope: strings.ToLower(b.text("scope"))}, b.parameters["value"])
}

func addMember(_ *interpreter, b *bound, input []Value, _ bool, out sink) error {
	name, value := b.text("notepropertyname"), b.parameters["notepropertyvalue"]
	if name == "" {
		if kind := strings.ToLower(b.text("membertype")); kind != "noteproperty" {
			return failure("NotSupported,Microsoft.PowerShell.Commands.AddMemberCommand", "Add-Member can only add a NoteProperty here, not '%s'.", kind)
		}
		name, value = b.text("name"), b.parameters["value"]
	}
	for _, item := range input {
		object, ok := item.(*Object)
		if !ok {
			return failure("NotSupported,Microsoft.PowerShell.Commands.AddMemberCommand", "Add-Member can only add to an object here, not to [%s].", typeOf(item))
		}
		object.Set(name, value)
		if b.flag("passthru") {
			if err := out(object); err != nil {
				return err
			}
		}
	}
	return nil
}
