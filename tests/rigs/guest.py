"""
A machine of one's own: an emulated one with systemd, cgroup v2 and people who log in.

It has the host's root, which it cannot write, with a disk of its own over it; so it runs the very
code and interpreter that the tests run. It is emulated (no KVM): the same everywhere, and slow.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "guest"
"""Where the kernel is kept between runs."""

USER = "traveller"
NEEDS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "modprobe": "kmod",
    "mkfs.ext4": "e2fsprogs",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "loginctl": "systemd",
    "dbus-daemon": "dbus-user-session",
}
"""Command to Debian package."""

FILES = {
    "/lib/systemd/systemd": "systemd",
    "/usr/lib/systemd/user/dbus.service": "dbus-user-session",
    "/lib/x86_64-linux-gnu/security/pam_systemd.so": "libpam-systemd",
}
BOOT_S = 600.0
COMMAND_S = 300.0
DISK_BYTES = 4 << 30
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def install() -> None:
    """
    Install what a guest is made of, where it is missing.

    Raises:
        OSError: This user cannot, or the machine is no Debian; it says what would be needed.
    """
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = {package for name, package in NEEDS.items() if not shutil.which(name, path=path)}
    missing |= {package for name, package in FILES.items() if not os.path.exists(name)}
    if not missing:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing)]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise OSError(f"a guest needs, from root: {' '.join(command)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for each in (["apt-get", "update", "-qq"], command):
        subprocess.run(each, check=True, env=env, stdin=subprocess.DEVNULL, capture_output=True)


class Guest:
    """One machine, its disk in *folder*. It is off at first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self._key = folder / "key"
        self._env = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        self._do(str(Path(__file__).parent / "guest" / "build"), str(BUILD))
        self._do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key))
        with open(self._disk, "wb") as disk:
            disk.truncate(DISK_BYTES)
        self._do("mkfs.ext4", "-q", "-F", str(self._disk))

    @property
    def _disk(self) -> Path:
        return self._folder / "disk"

    @property
    def _monitor(self) -> Path:
        return self._folder / "monitor"

    @property
    def console(self) -> str:
        """What was said on its console since it was last switched on."""
        return (self._folder / "console").read_text(errors="replace")

    def start(self) -> None:
        """Switch it on, and return when people can log in."""
        opened = (Path(sys.executable).parent, Path(sys.executable).resolve().parent.parent, ROOT)
        words = {
            "user": USER,
            "open": ":".join(map(str, opened)),
            "key": base64.b64encode(self._key.with_suffix(".pub").read_bytes()).decode(),
        }
        kernel = "console=ttyS0 quiet panic=-1 net.ifnames=0 systemd.getty_auto=no"
        self._process = subprocess.Popen(
            [
                "qemu-system-x86_64",
                *("-M", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1024"),
                *("-nodefaults", "-display", "none"),
                *("-monitor", f"unix:{self._monitor},server=on,wait=off"),
                *("-kernel", str(BUILD / "vmlinuz"), "-initrd", str(BUILD / "initrd")),
                *("-append", " ".join([kernel, *(f"rig.{k}={v}" for k, v in words.items())])),
                *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
                *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
                *("-drive", f"file={self._disk},format=raw,if=virtio,cache=unsafe"),
                *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
                *("-device", "virtio-net-pci,netdev=net"),
                *("-serial", f"file:{self._folder / 'console'}"),
            ],
            stdin=subprocess.DEVNULL,
            env=self._env,
        )
        self._wait_for_log_in()

    def reset(self) -> None:
        """Begin anew as after a power cut: what was not synced is lost."""
        before = self.log_in(BOOT_ID, user="root")
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._monitor))
            monitor.sendall(b"system_reset\n")
            monitor.shutdown(socket.SHUT_WR)
            while monitor.recv(4096):
                pass
        self._wait_for_log_in()
        assert before != self.log_in(BOOT_ID, user="root")

    def _wait_for_log_in(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + BOOT_S
        while not self._lets_in():
            assert self._process.poll() is None, f"the guest is gone: {self.console[-2000:]}"
            assert time.monotonic() < deadline, f"nobody can log in: {self.console[-2000:]}"
            time.sleep(0.2)

    def _lets_in(self) -> bool:
        # The emulator takes the connection long before there is somebody behind it.
        try:
            return self._ssh("root", "true", timeout_s=20).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """Switch it off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_in(self, script: str, *, user: str = USER) -> str:
        """Log in, run *script*, log out, and return what it printed. It must end with 0."""
        done = self._ssh(user, "sh -e", text=script, timeout_s=COMMAND_S)
        assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def _ssh(
        self, user: str, command: str, *, text: str = "", timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        options = {
            "IdentityFile": str(self._key),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": str(int(timeout_s)),
            "LogLevel": "ERROR",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "Port": str(self._port),
        }
        argv = ["ssh", "-F", "none", *(f"-o{name}={value}" for name, value in options.items())]
        return subprocess.run(
            [*argv, f"{user}@127.0.0.1", command],
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def _do(self, *argv: str) -> None:
        subprocess.run(argv, check=True, env=self._env, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
