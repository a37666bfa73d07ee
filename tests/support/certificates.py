"""Certificates for tests, made by the openssl program."""

import dataclasses
import pathlib
import subprocess
import tempfile

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DATABASE = """[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = for_loopback
[any]
commonName = supplied
[for_loopback]
subjectAltName = IP:127.0.0.1
"""


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates for 127.0.0.1 with a key of its own."""

    def __init__(self, name):
        self._keep = tempfile.TemporaryDirectory(prefix="darkroom-authority-")
        self._folder = pathlib.Path(self._keep.name)
        (self._folder / "index.txt").write_text("")
        (self._folder / "openssl.cnf").write_text(_DATABASE)
        self._openssl(
            "req", "-x509", *_KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", "ca.key",
            "-out", "ca.crt",
        )  # fmt: skip
        self.certificate = (self._folder / "ca.crt").read_bytes()

    def issue(self, name, expired=False):
        """A pair whose certificate has this common name, and a day to go or long expired."""
        self._openssl(
            "req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", "new.key", "-out", "new.csr"
        )
        validity = ("-days", "1")
        if expired:
            validity = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        self._openssl(
            "ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", "ca.crt", "-keyfile",
            "ca.key", "-in", "new.csr", "-out", "new.crt", *validity,
        )  # fmt: skip
        files = [(self._folder / file).read_bytes() for file in ("new.crt", "new.key")]
        (self._folder / "index.txt").write_text("")  # A name may be issued again.
        return Pair(*files)

    def _openssl(self, *arguments):
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True
        )
        assert done.returncode == 0, f"openssl {arguments}:\n{done.stderr}"
