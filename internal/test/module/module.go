// Package module names this module for tests that build its programs, list its
// packages or look for its functions in a stack.
package module

// Path is the module's path, as in go.mod.
const Path = "example.org/ftptunnel"

// Program is the import path of the program ftptunnel.
const Program = Path + "/cmd/ftptunnel"
