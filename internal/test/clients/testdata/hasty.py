# Uploads without waiting where others wait; see hasty in libraries.go.
import re
import socket
import struct
import sys

mode, host, port, user, password, directory, patience = sys.argv[1:]


class Control:
    def __init__(self):
        self.socket = socket.create_connection((host, int(port)), int(patience))
        self.file = self.socket.makefile("r", encoding="utf-8", newline="\r\n")
        self.reply("2")

    def reply(self, expected):
        line = first = self.file.readline()
        while first[3:4] == "-" and not (line[:3] == first[:3] and line[3:4] == " "):
            line = self.file.readline()
            if not line:
                break
        if not line or line[0] not in expected:
            raise OSError(line.strip() or "the server has closed the control connection")
        return line

    def send(self, command):
        self.socket.sendall(command.encode() + b"\r\n")

    def command(self, command, expected="2"):
        self.send(command)
        return self.reply(expected)

    def close(self):
        self.file.close()
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def login():
    control = Control()
    if control.command("USER " + user, "23")[0] == "3":
        control.command("PASS " + password)
    control.command("TYPE I")
    if directory:
        control.command("CWD " + directory)
    return control


def address(line):
    numbers = re.search(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", line).groups()
    return ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])


def passive(control, store):
    server = address(control.command("PASV"))
    control.send(store)
    return socket.create_connection(server, int(patience))


def active(control, store):
    with socket.create_server((control.socket.getsockname()[0], 0)) as listener:
        listener.settimeout(int(patience))
        ip, number = listener.getsockname()
        control.command("PORT %s,%d,%d" % (ip.replace(".", ","), number >> 8, number & 255))
        control.send(store)
        return listener.accept()[0]


def upload(control, remote, content):
    data = (active if mode == "active" else passive)(control, "STOR " + remote)
    data.settimeout(int(patience))
    if mode in ("leaves", "resets"):
        control.reply("1")
    data.sendall(content)
    data.close()
    if mode in ("passive", "active"):
        control.reply("1")
        control.reply("2")
        control.command("QUIT")
        control.close()
    elif mode == "leaves":
        control.close()
    else:
        control.reset()


for line in sys.stdin:
    operation, verb, remote, local, offset = line.rstrip("\n").split("\t")
    try:
        with open(local, "rb") as f:
            upload(login(), remote, f.read())
        said = "ok"
    except Exception as e:
        said = "failed: %s %s" % (type(e).__name__, e)
    print(operation, said.replace("\n", " "), sep="\t", flush=True)
