// Package e2e tests the program from end to end: it builds ftptunnel and runs it
// on hosts of its own (package lab), between real FTP clients, SSH servers and FTP
// servers. It holds tests only, and they need Linux and root.
//
// Fixtures are in main_test.go (the program), site_test.go (the hosts),
// client_test.go and client_data_test.go (a client whose every step a test
// decides), move_test.go (curl and lftp) and log_test.go (the program's log).
//
// The prefix of a file's name is its topic:
//
//	access_   who may use the program, and whom it connects to
//	check_    ftptunnel check
//	ends_     how transfers end: faults, aborts, killed clients and servers
//	gateway_  failover, reconnecting, reloading
//	load_     many clients, memory, limits
//	modes_    passive and active mode, and replacing one by the other
//	soak_     many transfers under random faults
//	ssh_      jump hosts, keys, questions at a terminal
package e2e
