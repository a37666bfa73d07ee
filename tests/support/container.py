"""A program of the built image, run as a container engine runs it, for tests."""

import os
import pathlib
import signal
import subprocess
import sys


# Brings up the loopback of a network namespace: what `ip link set lo up` does.
_LOOPBACK_UP = """
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", 1))
"""
# Makes the root read-only but for /tmp, and becomes the program that is to be process 1.
_ENTER = """
"$python" -c "$loopback_up"
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,nodev,mode=1777,size=64m tmpfs "$root/tmp"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,ro "$root/dev"
mount -o remount,bind,ro "$root"
exec "$@"
"""


class EndedEarly(Exception):
    """The program ended before it was ready, with `code`."""

    def __init__(self, code, lines):
        super().__init__(f"ended with {code}: {''.join(lines)}")
        self.code = code


class Container:
    """Runs the image's entry point inside a `with` block, with no network but a loopback.

    `environment` goes before the image's own. Killed at the block's end, if it still runs.
    """

    def __init__(self, image, environment=None):
        self._image = image
        self._variables = [*image.config["Env"]]
        self._variables += [f"{name}={value}" for name, value in (environment or {}).items()]

    def __enter__(self):
        uid, gid = self._image.config["User"].split(":")
        namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork"]
        rights = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
        rights += ["--bounding-set=-all", "--inh-caps=-all"]
        self._unshare = subprocess.Popen(
            [
                *("unshare", *namespaces, "bash", "-euc", _ENTER, "enter"),
                *("env", "--ignore-environment", *self._variables),
                *("chroot", self._image.root, "setpriv", *rights, "--"),
                *self._image.config["Entrypoint"],
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "python": sys.executable,
                "loopback_up": _LOOPBACK_UP,
                "root": str(self._image.root),
            },
        )
        try:
            self.lines = []
            while not any(" ready on " in line for line in self.lines):
                line = self._unshare.stdout.readline()
                if not line:
                    raise EndedEarly(self._unshare.wait(), self.lines)
                self.lines.append(line)
            (self.pid,) = self._children()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Not unshare itself: once its child is another user, the kernel no longer ends it with it.
        for child in self._children():
            os.kill(child, signal.SIGKILL)
        self._unshare.wait()
        self._unshare.stdout.close()

    def _children(self):
        if self._unshare.poll() is not None:
            return []
        path = pathlib.Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        return [int(child) for child in path.read_text().split()]

    def command(self, *arguments):
        """The command line that runs a program of the image beside the server."""
        uid, gid = self._image.config["User"].split(":")
        namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd=/"]
        return [
            *("nsenter", f"--target={self.pid}", *namespaces, f"--setuid={uid}", f"--setgid={gid}"),
            *("env", "--ignore-environment", *self._variables, *arguments),
        ]

    def run(self, *arguments):
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=120, check=False
        )

    def get(self, url):
        """What a caller of the container's network gets; none of the image's programs can ask."""
        code = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1]).read().decode())"
        return subprocess.check_output(
            ["nsenter", f"--target={self.pid}", "--net", sys.executable, "-c", code, url], text=True
        )

    def status(self):
        """The kernel's word on the server: {field: value}."""
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}

    def mounts(self):
        """{mount point: options} as the server sees them."""
        lines = pathlib.Path(f"/proc/{self.pid}/mounts").read_text().splitlines()
        return {fields[1]: fields[3].split(",") for fields in (line.split() for line in lines)}

    def stop(self, sig, timeout=60):
        """Sends the signal to process 1 and returns its exit code."""
        os.kill(self.pid, sig)
        return self._unshare.wait(timeout)
