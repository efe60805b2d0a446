package powershell

import (
	"fmt"
	"slices"
	"strings"
)

const comparisonSwitches = "eq ne gt ge lt le like notlike match notmatch contains notcontains in notin is isnot ceq cne clike cmatch not"

func whereObject(in *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	script, isScript := b.parameters["filterscript"].(*ScriptBlock)
	if !isScript {
		script, isScript = b.parameters["property"].(*ScriptBlock)
	}
	operator := ""
	for _, name := range strings.Fields(comparisonSwitches) {
		if b.flag(name) {
			operator = name
		}
	}
	if !isScript && !b.has("property") {
		return stage{}, &Failure{ID: "MissingMandatoryParameter,Where-Object", Category: "InvalidArgument: (:)", command: "Where-Object", Message: "Cannot process command because of one or more missing mandatory parameters: FilterScript."}
	}
	name := b.text("property")
	test := func(item Value) (bool, error) {
		if isScript {
			items, err := in.collected(func(out sink) error { return in.withinBlock(script, item, out) })
			return truth(collapse(items)), err
		}
		value, _ := property(item, name)
		if operator == "" {
			return truth(value), nil
		}
		if operator == "not" {
			return !truth(value), nil
		}
		if operator == "is" || operator == "isnot" {
			result, err := in.operate(operator, value, b.parameters["value"])
			return truth(result), err
		}
		result, err := in.operate(operator, value, b.parameters["value"])
		return truth(result), err
	}
	process := func(item Value) error {
		hit, err := test(item)
		if err != nil || !hit {
			return err
		}
		return out(item)
	}
	return stage{process: process, end: endWithInput(b, fed, process)}, nil
}

// endWithInput handles -InputObject where nothing came down the pipeline.
func endWithInput(b *bound, fed bool, process sink) func() error {
	return func() error {
		if fed || !b.has("inputobject") {
			return nil
		}
		return process(b.parameters["inputobject"])
	}
}

func forEachObject(in *interpreter, b *bound, _ stopSignal, fed bool, out sink) (stage, error) {
	var scripts []*ScriptBlock
	name := b.text("membername")
	var arguments []Value
	for i, item := range list(b.parameters["process"]) {
		if script, ok := item.(*ScriptBlock); ok {
			scripts = append(scripts, script)
		} else if i == 0 && name == "" {
			name = toText(item)
		} else {
			arguments = append(arguments, item)
		}
	}
	begin, _ := b.parameters["begin"].(*ScriptBlock)
	end, _ := b.parameters["end"].(*ScriptBlock)
	switch {
	case len(scripts) == 2 && begin == nil:
		begin, scripts = scripts[0], scripts[1:]
	case len(scripts) >= 3 && begin == nil && end == nil:
		begin, end, scripts = scripts[0], scripts[len(scripts)-1], scripts[1:len(scripts)-1]
	}
	if len(scripts) == 0 && name == "" {
		return stage{}, &Failure{ID: "MissingMandatoryParameter,ForEach-Object", Category: "InvalidArgument: (:)", command: "ForEach-Object", Message: "Cannot process command because of one or more missing mandatory parameters: Process."}
	}
	started := false
	start := func() error {
		if started || begin == nil {
			return nil
		}
		started = true
		return in.withinBlock(begin, nil, out)
	}
	process := func(item Value) error {
		if err := start(); err != nil {
			return err
		}
		for _, script := range scripts {
			if err := in.withinBlock(script, item, out); err != nil {
				return err
			}
		}
		if name == "" {
			return nil
		}
		if value, ok := property(item, name); ok && len(arguments) == 0 {
			return emit(value, out)
		}
		value, err := in.method(item, name, arguments)
		if err != nil {
			if asFailure(err).ID == "MethodNotFound" && len(arguments) == 0 {
				return nil
			}
			return err
		}
		return emit(value, out)
	}
	return stage{process: process, end: func() error {
		if err := start(); err != nil {
			return err
		}
		if !fed && b.has("inputobject") {
			if err := process(b.parameters["inputobject"]); err != nil {
				return err
			}
		} else if !fed {
			if err := process(nil); err != nil {
				return err
			}
		}
		if end != nil {
			return in.withinBlock(end, nil, out)
		}
		return nil
	}}, nil
}

// column is a property to be shown, sorted or selected by: a name, a pattern, a script or a calculated property.
type column struct {
	name       string
	script     *ScriptBlock
	descending bool
}

func columns(value Value) []column {
	var all []column
	if value == nil {
		return nil
	}
	for _, item := range list(value) {
		switch item := item.(type) {
		case *ScriptBlock:
			all = append(all, column{name: strings.TrimSpace(item.Text), script: item})
		case *Hashtable:
			one := column{}
			for _, key := range item.keys {
				lower := strings.ToLower(toText(key))
				entry := item.Get(key)
				switch {
				case lower == "":
				case strings.HasPrefix("name", lower) || strings.HasPrefix("label", lower): //nolint:gocritic // argOrder: the key may be cut short
					one.name = toText(entry)
				case strings.HasPrefix("expression", lower): //nolint:gocritic // argOrder: as above
					if script, ok := entry.(*ScriptBlock); ok {
						one.script = script
						if one.name == "" {
							one.name = strings.TrimSpace(script.Text)
						}
					} else if one.name == "" {
						one.name = toText(entry)
					}
				case lower == "descending":
					one.descending = truth(entry)
				case lower == "ascending":
					one.descending = !truth(entry)
				}
			}
			all = append(all, one)
		default:
			all = append(all, column{name: toText(item)})
		}
	}
	return all
}

func (in *interpreter) columnValue(one column, item Value) (Value, error) {
	if one.script == nil {
		value, _ := property(item, one.name)
		return value, nil
	}
	items, err := in.collected(func(out sink) error { return in.withinBlock(one.script, item, out) })
	return plain(collapse(items)), err
}

func propertyNames(item Value) []string {
	switch item := item.(type) {
	case *Object:
		return item.names
	case string:
		return []string{"Length"}
	}
	return nil
}

func selectObject(in *interpreter, b *bound, at stopSignal, fed bool, out sink) (stage, error) {
	wanted := columns(b.parameters["property"])
	first, err := b.number("first", -1)
	if err != nil {
		return stage{}, err
	}
	last, err := b.number("last", -1)
	if err != nil {
		return stage{}, err
	}
	skip, err := b.number("skip", 0)
	if err != nil {
		return stage{}, err
	}
	var seen, tail []Value
	count := int64(0)
	shape := func(item Value) error {
		if len(wanted) > 0 {
			selected := &Object{TypeName: "Selected." + typeOf(item)}
			for _, one := range wanted {
				if one.script == nil && strings.ContainsAny(one.name, "*?") {
					pattern, err := wildcard(one.name, false)
					if err != nil {
						return err
					}
					for _, name := range propertyNames(item) {
						if pattern.MatchString(name) {
							value, _ := property(item, name)
							selected.Set(name, value)
						}
					}
					continue
				}
				value, err := in.columnValue(one, item)
				if err != nil {
					value = nil
				}
				name := one.name
				for _, known := range propertyNames(item) {
					if strings.EqualFold(known, name) {
						name = known
					}
				}
				selected.Set(name, value)
			}
			item = selected
		}
		if b.has("excludeproperty") {
			if object, ok := item.(*Object); ok {
				kept := &Object{TypeName: object.TypeName}
				for _, name := range object.names {
					excluded := false
					for _, text := range list(b.parameters["excludeproperty"]) {
						pattern, err := wildcard(toText(text), false)
						if err != nil {
							return err
						}
						excluded = excluded || pattern.MatchString(name)
					}
					if !excluded {
						kept.Set(name, object.Get(name))
					}
				}
				item = kept
			}
		}
		if b.has("expandproperty") {
			name := b.text("expandproperty")
			value, ok := property(item, name)
			if !ok {
				return b.fails(in, &Failure{ID: "ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand", Category: "InvalidArgument: (:)", Message: fmt.Sprintf(`Property "%s" cannot be found.`, name)})
			}
			return emit(value, out)
		}
		if b.flag("unique") {
			for _, earlier := range seen {
				if toText(earlier) == toText(item) {
					return nil
				}
			}
			seen = append(seen, item)
		}
		return out(item)
	}
	process := func(item Value) error {
		count++
		if count <= skip {
			return nil
		}
		if last >= 0 {
			tail = append(tail, item)
			if int64(len(tail)) > last {
				tail = tail[1:]
			}
			return nil
		}
		if first == 0 {
			return at
		}
		if first > 0 && count-skip > first {
			return at
		}
		if err := shape(item); err != nil {
			return err
		}
		if first > 0 && count-skip >= first {
			return at
		}
		return nil
	}
	return stage{process: process, end: func() error {
		if err := endWithInput(b, fed, process)(); err != nil {
			return err
		}
		for _, item := range tail {
			if err := shape(item); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func sortObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	by := columns(b.parameters["property"])
	if len(by) == 0 {
		by = []column{{}}
	}
	type entry struct {
		item Value
		keys []Value
	}
	entries := make([]entry, len(input))
	for i, item := range input {
		keys := make([]Value, len(by))
		for k, one := range by {
			keys[k] = item
			if one.name != "" || one.script != nil {
				value, err := in.columnValue(one, item)
				if err != nil {
					return err
				}
				keys[k] = value
			}
		}
		entries[i] = entry{item, keys}
	}
	compare := func(a, c entry) int {
		for k := range by {
			x, y := a.keys[k], c.keys[k]
			order, ordered, err := in.order(x, y, b.flag("casesensitive"))
			if err != nil || !ordered {
				order = strings.Compare(strings.ToLower(toText(x)), strings.ToLower(toText(y)))
			}
			if b.flag("descending") || by[k].descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	}
	slices.SortStableFunc(entries, compare)
	for i, one := range entries {
		if b.flag("unique") && i > 0 && compare(entries[i-1], one) == 0 {
			continue
		}
		if err := out(one.item); err != nil {
			return err
		}
	}
	return nil
}

func measureObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	name := b.text("property")
	result := NewObject("Microsoft.PowerShell.Commands.GenericMeasureInfo")
	result.List = true
	count := int64(0)
	sum := 0.0
	var largest, smallest Value
	numbers := b.flag("sum") || b.flag("average")
	for _, item := range input {
		value := item
		if name != "" {
			found, ok := property(item, name)
			if !ok {
				continue
			}
			value = found
		}
		count++
		if numbers {
			number, err := toFloat(value)
			if err != nil {
				if err := b.fails(in, asFailure(err)); err != nil {
					return err
				}
				continue
			}
			sum += number
		}
		if order, ok, err := in.order(value, largest, false); largest == nil || err == nil && ok && order > 0 {
			largest = value
		}
		if order, ok, err := in.order(value, smallest, false); smallest == nil || err == nil && ok && order < 0 {
			smallest = value
		}
	}
	result.Set("Count", count)
	for _, one := range []string{"Average", "Sum", "Maximum", "Minimum", "Property"} {
		result.Set(one, nil)
	}
	if b.flag("average") && count > 0 {
		result.Set("Average", sum/float64(count))
	}
	if b.flag("sum") {
		result.Set("Sum", sum)
	}
	if b.flag("maximum") {
		result.Set("Maximum", largest)
	}
	if b.flag("minimum") {
		result.Set("Minimum", smallest)
	}
	if name != "" {
		result.Set("Property", name)
	}
	return out(result)
}

func groupObject(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
	by := columns(b.parameters["property"])
	groups := NewHashtable()
	for _, item := range input {
		key := toText(item)
		if len(by) > 0 {
			parts := make([]string, len(by))
			for i, one := range by {
				value, err := in.columnValue(one, item)
				if err != nil {
					return err
				}
				parts[i] = toText(value)
			}
			key = strings.Join(parts, ", ")
		}
		old, _ := groups.Get(key).([]Value)
		groups.Set(key, append(old, item))
	}
	if b.flag("ashashtable") {
		return out(groups)
	}
	for _, key := range groups.keys {
		members, _ := groups.Get(key).([]Value)
		if err := out(NewObject("Microsoft.PowerShell.Commands.GroupInfo", "Count", int64(len(members)), "Name", key, "Group", members)); err != nil {
			return err
		}
	}
	return nil
}
