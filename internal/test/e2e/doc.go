// Package e2e tests the program from end to end: it builds ftptunnel and runs
// it on hosts of its own (package lab), between real FTP clients, SSH servers
// and FTP servers. It holds tests only, and they need Linux and root.
package e2e
