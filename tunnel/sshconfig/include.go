package sshconfig

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// maxIncludes is how many levels of Include ssh follows.
const maxIncludes = 16

// include reads the files that an Include in f names. Whoever can write them can
// make this user run any command, so they must be this user's or root's. Package
// ssh_config would open them again, after this was checked, so it sees no Include:
// it parses f in pieces, what precedes an Include and what follows it.
func (i *inspector) include(f *configFile, l configLine) error {
	names, err := splitArguments(l.rest)
	switch {
	case f.depth == maxIncludes:
		return l.unsupported(fmt.Sprintf("Include at a depth of more than %d", maxIncludes))
	case err != nil || slices.Contains(names, ""):
		return l.unsupported("Include " + l.rest)
	}
	applies, err := i.parse(f)
	if err != nil {
		return err
	}
	for _, name := range names {
		files, err := i.included(f, l, name)
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := readText(file, ownOnly)
			if err != nil {
				return inFile(l.place+": Include", err)
			}
			included := configText{name: file, text: text, system: f.system}
			if err := i.read(&configFile{configText: included, depth: f.depth + 1, applies: applies}); err != nil {
				return err
			}
		}
	}
	f.passed = bytes.Clone(f.section)
	return nil
}

// included returns the files that an Include of name in f includes.
func (i *inspector) included(f *configFile, l configLine, name string) ([]string, error) {
	path := name
	switch {
	case strings.ContainsAny(name, "%$[") || strings.Contains(name, `\`) && runtime.GOOS != "windows":
		return nil, l.unsupported("Include " + name)
	case filepath.IsAbs(name):
	case name[0] == '~':
		var err error
		if path, err = i.local.expandTilde(name); err != nil {
			return nil, l.unsupported("Include: " + err.Error())
		}
	case f.system:
		path = filepath.Join(systemFolder(), name)
	default:
		path = filepath.Join(i.local.home, ".ssh", name)
	}
	if strings.ContainsAny(filepath.Dir(path), "*?") {
		return nil, l.unsupported("Include with a pattern for a folder: " + name)
	}
	files, err := filepath.Glob(path)
	if err != nil {
		return nil, l.unsupported("Include " + name)
	}
	for _, file := range files {
		hidden := strings.HasPrefix(filepath.Base(file), ".")
		if hidden && !strings.HasPrefix(filepath.Base(path), ".") {
			return nil, l.unsupported("Include of a hidden file, which ssh leaves out: " + file)
		}
	}
	return files, nil
}
