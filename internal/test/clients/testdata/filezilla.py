# Does tasks with FileZilla; see script in libraries.go. FileZilla cannot be scripted:
# it finds the tasks in its queue, on a display of its own, and the key that begins
# with the queue is pressed.
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

mode, host, port, user, password, directory, patience = sys.argv[1:]
config = os.path.join(os.getcwd(), "filezilla", "filezilla")
log_path = os.path.join(os.getcwd(), "filezilla.log")

SETTINGS = {
    "Greeting version": "99.0.0",
    "Number of Transfers": "1",
    "Reconnect count": "0",
    "Timeout": "10",
    "Disable update check": "1",
    "Logging file": log_path,
}

SCHEMA = """
CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL, port INTEGER, user TEXT,
    password TEXT, account TEXT, keyfile TEXT, protocol INTEGER, type INTEGER, logontype INTEGER, timezone_offset INTEGER,
    transfer_mode TEXT, max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER, post_login_commands TEXT, name TEXT,
    parameters TEXT, site_path TEXT DEFAULT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL, source_file TEXT,
    target_file TEXT, local_path INTEGER, remote_path INTEGER, size INTEGER, error_count INTEGER, priority INTEGER,
    flags INTEGER, default_exists_action INTEGER, extra_flags TEXT);
CREATE INDEX server_index ON files (server);
CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
PRAGMA user_version = 7;
"""

# Of FileZilla's numbers: plain FTP, a normal login, and what to do with a file
# that exists. Another is the flag of a download.
PLAIN, NORMAL, OVERWRITE, RESUME = 6, 1, 1, 5
DOWNLOAD = 16


def write(name, text):
    with open(os.path.join(config, name), "w") as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n<FileZilla3>%s</FileZilla3>\n' % text)


def configure(tasks):
    os.makedirs(config)
    write("filezilla.xml", "<Settings>%s</Settings>" % "".join(
        '<Setting name="%s">%s</Setting>' % setting for setting in SETTINGS.items()))
    write("trustedcerts.xml", '<InsecureHosts><Host Port="%s">%s</Host></InsecureHosts>' % (port, host))
    queue = sqlite3.connect(os.path.join(config, "queue.sqlite3"))
    queue.executescript(SCHEMA)
    queue.execute(
        "INSERT INTO servers (id, host, port, user, password, protocol, type, logontype, timezone_offset, transfer_mode,"
        " max_connections, encoding, bypass_proxy) VALUES (1, ?, ?, ?, ?, ?, 0, ?, 0, ?, 1, 'Auto', 0)",
        (host, int(port), user, password, PLAIN, NORMAL, mode))
    queue.execute("INSERT INTO local_paths VALUES (1, ?)", (os.getcwd() + "/",))
    queue.execute("INSERT INTO remote_paths VALUES (1, ?)", (
        "1 0" + "".join(" %d %s" % (len(part), part) for part in directory.split("/")),))
    for _, verb, remote, local, _ in tasks:
        up = verb.endswith("put")
        source, target, flags = (local, remote, 0) if up else (remote, local, DOWNLOAD)
        size = os.path.getsize(local) if up else -1
        queue.execute(
            "INSERT INTO files (server, source_file, target_file, local_path, remote_path, size, error_count, priority,"
            " flags, default_exists_action) VALUES (1, ?, ?, 1, 1, ?, 0, 2, ?, ?)",
            (source, target, size, flags, RESUME if verb.startswith("re") else OVERWRITE))
    queue.commit()
    queue.close()


def display():
    # Without -noreset, it begins anew when its last client has left, and forgets
    # clients that are just connecting.
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-noreset", "-nolisten", "tcp", "-screen", "0", "1024x768x24"],
        pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as f:
        os.environ["DISPLAY"] = ":" + f.readline().strip()
    return server


def press_key():
    """Presses the key that begins with the queue, in the window."""
    for _ in range(100):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "^FileZilla$"], capture_output=True, text=True)
        if found.stdout:
            window = found.stdout.split()[-1]
            subprocess.run(["xdotool", "windowfocus", "--sync", window, "key", "ctrl+p"], check=True)
            return
        time.sleep(0.1)
    raise OSError("FileZilla has no window")


def results():
    """Returns the last line about each file that FileZilla has begun with, in order."""
    said, last = [], "FileZilla has not begun"
    try:
        with open(log_path, encoding="utf-8") as f:
            lines = f.readlines()
    except FileNotFoundError:
        return said, last
    for line in lines:
        kind, _, text = line.rstrip("\n").partition(" ")[2].partition(": ")
        if text.startswith(("Starting download", "Starting upload")):
            said.append(None)
        elif text.startswith("File transfer successful") and said:
            said[-1] = "ok"
        elif kind.endswith("Error"):
            last = "failed: " + text
            if said and said[-1] is None:
                said[-1] = last
    return said, last


tasks = [line.rstrip("\n").split("\t") for line in sys.stdin]
configure(tasks)
os.environ["XDG_CONFIG_HOME"] = os.path.dirname(config)
screen = display()
filezilla = subprocess.Popen(["filezilla"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    press_key()
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline:
        said, last = results()
        if len(said) == len(tasks) and None not in said:
            break
        time.sleep(0.1)
finally:
    filezilla.kill()
    screen.send_signal(signal.SIGTERM)
    filezilla.wait()
    screen.wait()
for i, task in enumerate(tasks):
    print(task[0], (said[i] or "failed: no end") if i < len(said) else last, sep="\t")
