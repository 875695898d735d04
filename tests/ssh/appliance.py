"""
A small appliance, run by a real sshd in place of a login shell: it asks for user, host, password
and confirmation before it sends its files. What it is asked to run, or else its argument, says what is odd about it.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import time

PASSWORD = "hunter2-c0rrect"
LOG, ODD = [*sys.argv[1:], "", ""][:2]
ODD = os.environ.get("SSH_ORIGINAL_COMMAND", ODD)


def say(text: str) -> None:
    if ODD != "pieces":
        os.write(1, text.encode())
        return
    for byte in text.encode():
        os.write(1, bytes([byte]))
        time.sleep(0.005)


def line() -> str:
    data = b""
    while not data.endswith(b"\n"):
        more = os.read(0, 1)
        if not more:
            sys.exit(9)
        data += more
    return data.decode().rstrip("\n")


def ask(prompt: str, *, echo: bool = True) -> str:
    old = termios.tcgetattr(0)
    if not echo:
        new = termios.tcgetattr(0)
        new[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSADRAIN, new)
    say(prompt)
    answer = line()
    if not echo:
        termios.tcsetattr(0, termios.TCSADRAIN, old)
        say("\n")
    return answer


def main() -> int:
    with open(LOG, "a") as log:
        log.write(f"{os.getpid()}\n")
    say("\x1b[1mRESTRICTED SHELL\x1b[0m (password needed)\n")
    while ODD == "again":
        ask("User: ")
    user = ask("User: ")
    host = ask("Host: ")
    if ODD == "unknown":
        ask("Serial number of your \x1b[7mdongle\x1b[0m: ")
    password = ask(f"Password for {user}: ", echo=ODD == "echoes")
    if ODD == "tells":
        say(f"you said {password[:7]}")
        time.sleep(0.2)
        say(f"{password[7:]}, did you?\n")
    if password != PASSWORD:
        say("Access denied\n")
        return 5
    if ODD == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if ODD == "floods":
        while True:
            os.write(1, b"0123456789abcdef" * 4096)
    if ODD == "mute":
        say("working\n")
        time.sleep(1000)
    if ask("Send the files? [y/n] ") != "y":
        return 7
    say(f"3 files of {user} sent to {host}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
