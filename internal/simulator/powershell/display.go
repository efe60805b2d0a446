package powershell

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// screenWidth is the width of a WinRM shell's screen, in characters.
const screenWidth = 80

// display writes values as a pipeline that ends at the screen does: text as it is, objects as a table or a list.
type display struct {
	to    io.Writer
	shape string // of the objects that were shown last
	rows  []*Object
	names []string
	open  bool // a table or list has not been closed with an empty line yet
}

// formatted is what Format-Table and Format-List put into the pipeline.
type formattedObjects struct {
	rows  []*Object
	names []string
	list  bool
	bare  bool // without headings
}

func (d *display) write(text string) { _, _ = io.WriteString(d.to, text) }

func (d *display) line(text string) { d.write(text + "\r\n") }

// show takes one item.
func (d *display) show(item Value) {
	switch item := item.(type) {
	case nil, nothing:
		return
	case *formattedObjects:
		d.flush()
		if item.list {
			d.line("")
			for _, row := range item.rows {
				d.list(row, item.names)
			}
		} else {
			d.table(item.rows, item.names, !item.bare)
			d.line("")
		}
		return
	case *Object:
		if item.failure != nil {
			d.rowsOut()
			for _, line := range item.failure.lines() {
				d.line(strings.TrimRight(line, " "))
			}
			return
		}
		if len(item.names) == 0 || item.Text != "" && len(item.Display) == 0 {
			if text := objectText(item, 0); text != "" || !isCustom(item) {
				d.rowsOut()
				d.line(text)
			}
			return
		}
		d.object(item)
		return
	case *Hashtable:
		for _, row := range entryRows(item) {
			d.object(row)
		}
		return
	case time.Time:
		d.flush()
		d.line("")
		d.line(item.Format("Monday, January 2, 2006 3:04:05 PM"))
		d.line("")
		return
	case time.Duration:
		row := NewObject("System.TimeSpan")
		for _, name := range []string{"Days", "Hours", "Minutes", "Seconds", "Milliseconds", "Ticks", "TotalDays", "TotalHours", "TotalMinutes", "TotalSeconds", "TotalMilliseconds"} {
			value, _ := durationProperty(item, strings.ToLower(name))
			row.Set(name, value)
		}
		d.object(row)
		return
	case guidValue:
		d.object(NewObject("System.Guid", "Guid", string(item)))
		return
	case version:
		row := NewObject("System.Version")
		for _, name := range []string{"Major", "Minor", "Build", "Revision"} {
			value, _ := property(item, name)
			row.Set(name, value)
		}
		d.object(row)
		return
	case typeValue:
		d.object(NewObject("System.RuntimeType", "IsPublic", true, "IsSerial", true, "Name", string(item[strings.LastIndexByte(string(item), '.')+1:]), "BaseType", "System.Object"))
		return
	case []Value, []byte:
		for _, one := range list(item) {
			if _, nested := one.([]Value); nested {
				one = toText(one)
			}
			d.show(one)
		}
		return
	}
	d.rowsOut()
	d.line(toText(item))
}

func (d *display) object(item *Object) {
	names := shownNames(item)
	shape := typeOf(item)
	if item.TypeName == "System.Collections.DictionaryEntry" || isCustom(item) {
		shape = "custom"
		if item.TypeName == "System.Collections.DictionaryEntry" {
			shape = item.TypeName
		}
	}
	if d.open && shape != d.shape {
		d.flush()
	}
	if !d.open {
		d.open, d.shape, d.names = true, shape, names
		if asList(item, names) {
			d.names = nil
		}
		d.line("")
		if d.names != nil {
			d.rows = []*Object{item}
			return
		}
		d.list(item, names)
		return
	}
	if d.names == nil {
		d.list(item, names)
		return
	}
	if d.rows == nil {
		// Headings have been written already; only the rows follow.
		d.table([]*Object{item}, d.names, false)
		return
	}
	d.rows = append(d.rows, item)
}

func shownNames(item *Object) []string {
	if len(item.Display) > 0 {
		return item.Display
	}
	return item.names
}

func asList(item *Object, names []string) bool { return item.List || len(names) > 4 }

// rowsOut writes the rows of a table that have been kept back to learn the widths.
func (d *display) rowsOut() {
	if len(d.rows) == 0 {
		return
	}
	rows := d.rows
	d.rows = nil
	d.headed(rows, d.names)
}

// flush closes what is open.
func (d *display) flush() {
	d.rowsOut()
	if d.open && d.names != nil {
		d.line("")
	}
	d.open, d.shape, d.names = false, "", nil
}

func (d *display) list(item *Object, names []string) {
	width := 0
	for _, name := range names {
		width = max(width, utf8.RuneCountInString(name))
	}
	for _, name := range names {
		value, _ := property(item, name)
		prefix := name + strings.Repeat(" ", width-utf8.RuneCountInString(name)) + " : "
		room := max(10, screenWidth-len(prefix)-1)
		for i, part := range wrapped(shown(value, true), room) {
			if i > 0 {
				prefix = strings.Repeat(" ", width+3)
			}
			d.line(prefix + part)
		}
	}
	d.line("")
}

func wrapped(text string, width int) []string {
	var lines []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		letters := []rune(part)
		for len(letters) > width {
			lines = append(lines, string(letters[:width]))
			letters = letters[width:]
		}
		lines = append(lines, string(letters))
	}
	return lines
}

func (d *display) table(rows []*Object, names []string, headings bool) {
	if headings {
		d.line("")
		d.headed(rows, names)
		return
	}
	d.rowsOf(rows, names, widths(rows, names))
}

func widths(rows []*Object, names []string) []int {
	sizes := make([]int, len(names))
	total := 0
	for i, name := range names {
		sizes[i] = utf8.RuneCountInString(name)
		for _, row := range rows {
			value, _ := property(row, name)
			sizes[i] = max(sizes[i], utf8.RuneCountInString(oneLine(shown(value, true))))
		}
		if rows[0].TypeName == "System.Collections.DictionaryEntry" && i == 0 {
			sizes[i] = 30
		}
		total += sizes[i] + 1
	}
	for total > screenWidth {
		widest := 0
		for i := range sizes {
			if sizes[i] >= sizes[widest] {
				widest = i
			}
		}
		if sizes[widest] <= 4 {
			break
		}
		sizes[widest]--
		total--
	}
	return sizes
}

func oneLine(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ").Replace(text)
}

func (d *display) headed(rows []*Object, names []string) {
	if len(rows) == 0 {
		return
	}
	sizes := widths(rows, names)
	right := rightAligned(rows, names)
	heading, rule := make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		heading[i] = padded(name, sizes[i], right[i])
		rule[i] = padded(strings.Repeat("-", min(sizes[i], utf8.RuneCountInString(name))), sizes[i], right[i])
	}
	d.line(strings.TrimRight(strings.Join(heading, " "), " "))
	d.line(strings.TrimRight(strings.Join(rule, " "), " "))
	d.rowsOf(rows, names, sizes)
}

func rightAligned(rows []*Object, names []string) []bool {
	right := make([]bool, len(names))
	for i, name := range names {
		switch value, _ := property(rows[0], name); value.(type) {
		case int64, float64:
			right[i] = rows[0].TypeName != "System.Collections.DictionaryEntry"
		}
	}
	return right
}

func (d *display) rowsOf(rows []*Object, names []string, sizes []int) {
	right := rightAligned(rows, names)
	for _, row := range rows {
		cells := make([]string, len(names))
		for i, name := range names {
			value, _ := property(row, name)
			cells[i] = padded(oneLine(shown(value, true)), sizes[i], right[i])
		}
		d.line(strings.TrimRight(strings.Join(cells, " "), " "))
	}
}

func padded(text string, width int, right bool) string {
	letters := []rune(text)
	if len(letters) > width {
		return string(letters[:max(0, width-3)]) + "..."
	}
	space := strings.Repeat(" ", width-len(letters))
	if right {
		return space + text
	}
	return text + space
}

// shown is a value in a cell.
func shown(value Value, braces bool) string {
	switch value := value.(type) {
	case []Value, []byte:
		if !braces {
			return toText(value)
		}
		items := list(value)
		var parts []string
		for i, item := range items {
			if i == 4 {
				parts = append(parts, "...")
				break
			}
			parts = append(parts, shown(item, false))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *Hashtable:
		if !braces {
			return toText(value)
		}
		var parts []string
		for i, key := range value.keys {
			if i == 4 {
				parts = append(parts, "...")
				break
			}
			parts = append(parts, "["+toText(key)+", "+toText(value.Get(key))+"]")
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case time.Time:
		return formatTime(value, "")
	}
	return toText(value)
}

// entryRows are the rows in which a hashtable is shown.
func entryRows(table *Hashtable) []*Object {
	rows := make([]*Object, len(table.keys))
	for i, key := range table.keys {
		rows[i] = NewObject("System.Collections.DictionaryEntry", "Name", key, "Value", table.Get(key))
	}
	return rows
}

func formatCmdlet(asLists bool) func(*interpreter, *bound, []Value, bool, sink) error {
	return func(in *interpreter, b *bound, input []Value, _ bool, out sink) error {
		wanted := columns(b.parameters["property"])
		result := &formattedObjects{list: asLists, bare: b.flag("hidetableheaders")}
		for _, item := range input {
			if table, ok := item.(*Hashtable); ok && len(wanted) == 0 {
				result.rows = append(result.rows, entryRows(table)...)
				continue
			}
			object, ok := item.(*Object)
			if !ok {
				if len(wanted) == 0 {
					if err := out(item); err != nil {
						return err
					}
					continue
				}
				object = &Object{TypeName: typeOf(item)}
			}
			row := object
			if len(wanted) > 0 {
				row = &Object{TypeName: CustomObjectType}
				for _, one := range wanted {
					if one.script == nil && strings.ContainsAny(one.name, "*?") {
						pattern, err := wildcard(one.name, false)
						if err != nil {
							return err
						}
						for _, name := range object.names {
							if pattern.MatchString(name) {
								row.Set(name, object.Get(name))
							}
						}
						continue
					}
					value, err := in.columnValue(one, item)
					if err != nil {
						value = nil
					}
					name := one.name
					for _, known := range object.names {
						if strings.EqualFold(known, name) {
							name = known
						}
					}
					row.Set(name, value)
				}
			}
			result.rows = append(result.rows, row)
		}
		if len(result.rows) == 0 {
			return nil
		}
		result.names = result.rows[0].names
		if len(wanted) == 0 && !asLists {
			result.names = shownNames(result.rows[0])
		}
		return out(result)
	}
}

// renderAll is Out-String.
func renderAll(items []Value) string {
	var text strings.Builder
	d := &display{to: &text}
	for _, item := range items {
		d.show(item)
	}
	d.flush()
	return text.String()
}
