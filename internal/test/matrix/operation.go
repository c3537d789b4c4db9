package matrix

import "strings"

// An Operation is something that people do with an FTP client.
type Operation string

// The operations, in the order in which they are done.
const (
	List           Operation = "list"
	Download       Operation = "download"
	Upload         Operation = "upload"
	ResumeDownload Operation = "resume a download"
	ResumeUpload   Operation = "resume an upload"
	DownloadNamed  Operation = "download a UTF-8 name"
	UploadNamed    Operation = "upload a UTF-8 name"
	DownloadEmpty  Operation = "download an empty file"
	UploadEmpty    Operation = "upload an empty file"
)

// Operations are all of them.
var Operations = []Operation{
	List, Download, Upload, ResumeDownload, ResumeUpload, DownloadNamed, UploadNamed, DownloadEmpty, UploadEmpty,
}

// A Verb is what a task asks of a client.
type Verb string

// Reget and Reput go on where a file ends that is there in part.
const (
	Ls    Verb = "list"
	Get   Verb = "get"
	Put   Verb = "put"
	Reget Verb = "reget"
	Reput Verb = "reput"
)

// A Task is an operation with its files: Remote in the target's directory,
// Local in the client's working directory.
type Task struct {
	Operation     Operation
	Verb          Verb
	Remote, Local string
	Offset        string // where Reget and Reput begin, in decimal
}

// The sizes of the file that is moved, and of the part of it that is there
// before a transfer is resumed: whole blocks of 16 KiB, because aria2 resumes
// at one's beginning.
const (
	size = 300_000
	part = "98304"
)

// name is what no URL, shell or listing takes for granted.
const name = "naïve file ü.txt"

var tasks = []Task{
	{List, Ls, "", "listing", ""},
	{Download, Get, "original.bin", "downloaded.bin", ""},
	{Upload, Put, "uploaded.bin", "original.bin", ""},
	{ResumeDownload, Reget, "original.bin", "partly-downloaded.bin", part},
	{ResumeUpload, Reput, "partly-uploaded.bin", "partly-uploaded.bin", part},
	{DownloadNamed, Get, name, name, ""},
	{UploadNamed, Put, "up " + name, "up " + name, ""},
	{DownloadEmpty, Get, "empty.bin", "empty-downloaded.bin", ""},
	{UploadEmpty, Put, "empty-uploaded.bin", "empty.bin", ""},
}

// up reports whether the task changes the server's files.
func (t Task) up() bool { return t.Verb == Put || t.Verb == Reput }

// line is the task as programs that come as source read it.
func (t Task) line() string {
	return strings.Join([]string{string(t.Operation), string(t.Verb), t.Remote, t.Local, t.Offset}, "\t")
}
