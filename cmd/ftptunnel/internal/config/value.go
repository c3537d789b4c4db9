package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// joined are the keys whose flag or argument has several values with commas between
// them. In a file they may be a list.
var joined = map[string]bool{"gateway": true, "jump": true, "pasv-address": true}

// set sets flags to the values of a section's keys.
func (r *reader) set(flags *pflag.FlagSet, s *section) error {
	for _, e := range s.entries {
		f := flags.Lookup(e.key())
		if f == nil {
			return r.unknown(e, keys(flags))
		}
		values, ok := texts(f.Value.Type(), joined[f.Name], e.value)
		if !ok {
			return r.wrong(e.line, e.name(), "takes "+kinds[f.Value.Type()], "such as "+example(f))
		}
		if err := assign(f, values); err != nil {
			return r.wrong(e.line, e.name(), fmt.Sprintf("takes %s, not %q", kinds[f.Value.Type()], values[0]), "such as "+example(f))
		}
	}
	return nil
}

// assign sets f to values, and removes those that it had.
func assign(f *pflag.Flag, values []string) error {
	if several, is := f.Value.(pflag.SliceValue); is {
		return several.Replace(values)
	}
	return f.Value.Set(strings.Join(values, ","))
}

// unknown returns the error for a key that does not exist.
func (r *reader) unknown(e entry, known []string) error {
	hint := "keys are the names of the flags: ftptunnel --help"
	near := nearest(e.key(), known)
	if near != "" {
		hint = near + ", perhaps"
	}
	for key, flag := range logKeys {
		if e.path[0] != "log" && (e.key() == flag || e.key() == key && near == "") {
			hint = key + ", below [log]"
		}
	}
	return r.wrong(e.line, e.name(), "there is no such key", hint)
}

// kinds says what the values of each type of flag are in a file.
var kinds = map[string]string{
	"bool":        "true or false",
	"int":         "a number",
	"count":       "a number",
	"duration":    "a time with its unit, in quotation marks",
	"string":      "text in quotation marks",
	"stringArray": "text in quotation marks, or a list of such texts",
}

// example returns a key with a value of its type.
func example(f *pflag.Flag) string {
	values := map[string]string{"bool": "true", "int": "10", "count": "1", "duration": `"30s"`, "string": `"..."`, "stringArray": `["..."]`}
	return f.Name + " = " + values[f.Value.Type()]
}

// texts returns a value of a document as a flag of the given type would take it.
// list is whether one that takes text may have several texts.
func texts(kind string, list bool, value any) (values []string, ok bool) {
	switch v := value.(type) {
	case bool:
		return []string{strconv.FormatBool(v)}, kind == "bool"
	case int64:
		return []string{strconv.FormatInt(v, 10)}, kind == "int" || kind == "count"
	case string:
		return []string{v}, kind == "string" || kind == "stringArray" || kind == "duration"
	case []any:
		values = []string{} // an empty list replaces another
		for _, one := range v {
			s, isText := one.(string)
			if !isText || list && strings.Contains(s, ",") {
				return nil, false
			}
			values = append(values, s)
		}
		return values, list || kind == "stringArray"
	}
	return nil, false
}
