// Package matrix runs real FTP clients (package clients) against FTP servers,
// real and imitated, through the program and an SSH gateway and without them,
// and writes down what works.
//
// A [Server] knows how to be started, a site is a lab with one server and one
// way to it. What a client reports is noted, but only the files count. [Report]
// makes a page of the results.
//
// It serves tests only.
package matrix
