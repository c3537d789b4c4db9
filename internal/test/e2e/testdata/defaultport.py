"""An FTP client that says neither PORT nor PASV (RFC 959, 3.2).

It takes its data at the port of its own control connection. No client in use
can do so on Linux, where that port has to be shared by two sockets that both
say so beforehand; those of the BSDs can, with their command "sendport".

Uploads the first file, downloads it to the second, and prints the port that
each data connection came from.
"""

import ftplib
import socket
import sys


class Client(ftplib.FTP):
    def connect(self, host, port):
        self.af, self.host = socket.AF_INET, host
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((host, 0))
        self.sock.connect((host, port))
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def ntransfercmd(self, cmd, rest=None):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self.sock.getsockname())
            listener.listen(1)
            if rest is not None:
                self.sendcmd("REST %s" % rest)
            self.sendcmd(cmd)
            listener.settimeout(10)
            connection, peer = listener.accept()
            print(cmd.split()[0], "from", peer[1])
            return connection, None


port, upload, download = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with Client() as ftp:
    ftp.connect("127.0.0.1", port)
    ftp.login("anonymous", "x")
    ftp.cwd("pub")
    with open(upload, "rb") as file:
        ftp.storbinary("STOR copy", file)
    print(ftp.nlst())
    with open(download, "wb") as file:
        ftp.retrbinary("RETR copy", file.write)
    with open(download, "r+b") as file:  # again the end of it, as a resume does
        file.seek(500_000)
        file.truncate()
        ftp.retrbinary("RETR copy", file.write, rest=500_000)
