package matrix

import "example.org/ftptunnel/internal/test/clients"

// The sizes of the file that is moved, and of the part of it that exists before
// a transfer is resumed: whole blocks of 16 KiB, because aria2 resumes at the
// beginning of one.
const (
	size = 300_000
	part = "98304"

	// So few bytes that a client may have sent them and closed before the server
	// has seen the command.
	sizeOfSmall = 50
)

// name is one that URLs, shells and listings have to quote or encode.
const name = "naïve file ü.txt"

// tasks are what each client is asked to do, in this order.
var tasks = []clients.Task{
	{Operation: clients.List, Verb: clients.Ls, Local: "listing"},
	{Operation: clients.Download, Verb: clients.Get, Remote: "original.bin", Local: "downloaded.bin"},
	{Operation: clients.Upload, Verb: clients.Put, Remote: "uploaded.bin", Local: "original.bin"},
	{Operation: clients.ResumeDownload, Verb: clients.Reget, Remote: "original.bin", Local: "partly-downloaded.bin", Offset: part},
	{Operation: clients.ResumeUpload, Verb: clients.Reput, Remote: "partly-uploaded.bin", Local: "partly-uploaded.bin", Offset: part},
	{Operation: clients.DownloadNamed, Verb: clients.Get, Remote: name, Local: name},
	{Operation: clients.UploadNamed, Verb: clients.Put, Remote: "up " + name, Local: "up " + name},
	{Operation: clients.DownloadEmpty, Verb: clients.Get, Remote: "empty.bin", Local: "empty-downloaded.bin"},
	{Operation: clients.UploadEmpty, Verb: clients.Put, Remote: "empty-uploaded.bin", Local: "empty.bin"},
	{Operation: clients.UploadSmall, Verb: clients.Put, Remote: "small-uploaded.bin", Local: "small.bin"},
}
