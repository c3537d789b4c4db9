package clients

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
	UploadSmall    Operation = "upload a small file"
)

// Operations are all of them.
var Operations = []Operation{
	List, Download, Upload, ResumeDownload, ResumeUpload, DownloadNamed, UploadNamed, DownloadEmpty, UploadEmpty, UploadSmall,
}

// uploads are the operations that change the server's files.
var uploads = []Operation{Upload, ResumeUpload, UploadNamed, UploadEmpty, UploadSmall}

// A Verb is what a task asks of a client.
type Verb string

// Reget and Reput continue at the end of a part that exists.
const (
	Ls    Verb = "list"
	Get   Verb = "get"
	Put   Verb = "put"
	Reget Verb = "reget"
	Reput Verb = "reput"
)

// A Task is one thing for a client to do: Remote is a file in the target's
// directory, Local one in the client's working directory.
type Task struct {
	Operation     Operation
	Verb          Verb
	Remote, Local string
	Offset        string // where Reget and Reput begin, in decimal
}

// Up reports whether the task changes the server's files.
func (t Task) Up() bool { return t.Verb == Put || t.Verb == Reput }

// Line returns the task in the format that the programs in testdata read.
func (t Task) Line() string {
	return strings.Join([]string{string(t.Operation), string(t.Verb), t.Remote, t.Local, t.Offset}, "\t")
}
