# Does tasks with Python's ftplib; see script in libraries.go.
import ftplib
import sys

mode, host, port, user, password, directory, patience = sys.argv[1:]


def connect():
    ftp = ftplib.FTP(timeout=int(patience))
    ftp.connect(host, int(port))
    ftp.login(user, password)
    ftp.set_pasv(mode == "passive")
    ftp.cwd(directory)
    return ftp


def do(ftp, verb, remote, local, offset):
    rest = int(offset) if offset else None
    if verb == "list":
        with open(local, "w") as f:
            ftp.retrlines("LIST", lambda line: print(line, file=f))
    elif verb in ("put", "reput"):
        with open(local, "rb") as f:
            f.seek(rest or 0)
            ftp.storbinary("STOR " + remote, f, rest=rest)
    else:
        with open(local, "r+b" if rest else "wb") as f:
            f.seek(rest or 0)
            ftp.retrbinary("RETR " + remote, f.write, rest=rest)


ftp = None
for line in sys.stdin:
    operation, *task = line.rstrip("\n").split("\t")
    try:
        if ftp is None:
            ftp = connect()
        do(ftp, *task)
        said = "ok"
    except Exception as e:
        said = "failed: %s %s" % (type(e).__name__, e)
        if ftp is not None:
            ftp.close()
        ftp = None
    print(operation, said.replace("\n", " "), sep="\t", flush=True)
if ftp is not None:
    ftp.quit()
