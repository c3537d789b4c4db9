package config

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"example.org/ftptunnel/cmd/ftptunnel/internal/wording"
)

// An entry is a key of a document with its value, or a table that the document
// declares.
type entry struct {
	path  []string
	line  int
	value any  // string, int64, bool, []any or another value of package toml; a table has none
	list  bool // of tables
}

// name returns the key as one writes it with dots.
func (e entry) name() string { return strings.Join(e.path, ".") }

// key returns the last part of the key.
func (e entry) key() string { return e.path[len(e.path)-1] }

// A syntaxError reports that a document is not TOML.
type syntaxError struct {
	line int
	text string
}

func (e *syntaxError) Error() string { return e.text }

// parse returns the entries of a TOML document in their order. The error is a
// [*syntaxError].
//
// The decoder knows the values and what is invalid, and the parser below it the
// lines.
func parse(text []byte) ([]entry, error) {
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		wrong := &syntaxError{text: strings.TrimPrefix(wording.Of(err), "toml: ")}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			wrong.line, _ = at.Position()
		}
		return nil, wrong
	}
	d := document{values: values}
	d.parser.Reset(text)
	var table []string
	for d.parser.NextExpression() {
		switch e := d.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, line := d.key(nil, e)
			table = path
			d.entries = append(d.entries, entry{path: path, line: line, list: e.Kind == unstable.ArrayTable})
		case unstable.KeyValue:
			d.keyValue(table, e)
		}
	}
	return d.entries, nil // the decoder has found all errors
}

// A document is a TOML document that is being read.
type document struct {
	parser  unstable.Parser
	values  map[string]any
	entries []entry
}

// key returns the path of e's key in table, and its line.
func (d *document) key(table []string, e *unstable.Node) (path []string, line int) {
	path = append(path, table...)
	for parts := e.Key(); parts.Next(); {
		part := parts.Node()
		path = append(path, string(part.Data))
		line = d.parser.Shape(part.Raw).Start.Line
	}
	return path, line
}

// keyValue adds the entry of e, or those of its inline table.
func (d *document) keyValue(table []string, e *unstable.Node) {
	path, line := d.key(table, e)
	value := e.Value()
	if value.Kind != unstable.InlineTable {
		d.entries = append(d.entries, entry{path: path, line: line, value: d.value(path)})
		return
	}
	d.entries = append(d.entries, entry{path: path, line: line})
	for inner := value.Children(); inner.Next(); {
		d.keyValue(path, inner.Node())
	}
}

// value returns the decoded value at path, or nil if it is in a list of tables.
func (d *document) value(path []string) any {
	var value any = d.values
	for _, part := range path {
		table, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = table[part]
	}
	return value
}
