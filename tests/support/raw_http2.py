"""Just enough HTTP/2 to misbehave with: frames by hand over a plain socket, never Huffman coded."""

import re
import select
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8
SERVICE = "/darkroom.v1.ImageGenerationService/"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER_TABLE_SIZE, _INITIAL_WINDOW = 1, 4
_MAX_FRAME = 16384
_STATUS = re.compile(rb"grpc-status[\x01\x02](\d+)")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def setting(name, value):
    return struct.pack(">HI", name, value)


def message(payload, compressed=False):
    """A gRPC message with its prefix."""
    return struct.pack(">BI", compressed, len(payload)) + payload


def header_block(headers):
    """Literals without indexing."""
    return b"".join(
        b"\0" + _text(name.encode()) + _text(value.encode()) for name, value in headers
    )


def _text(data):
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest > 127:
        length += bytes([rest & 127 | 128])
        rest >>= 7
    return length + bytes([rest]) + data


def hello(window=65535):
    """What a client says first. Without a header table, statuses come as plain text."""
    settings = setting(_HEADER_TABLE_SIZE, 0) + setting(_INITIAL_WINDOW, window)
    return _PREFACE + frame(SETTINGS, 0, 0, settings)


class RawConnection:
    """One connection that does nothing by itself: it reads only when it is told to.

    `window` is what the server may send on a stream before it is told to go on.
    """

    def __init__(self, address, window=65535):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(hello(window))
        self._buffer = b""
        self._next_stream = 1
        self._credit = {0: 65535}
        self._stream_credit = 65535
        self.ended = {}  # By stream: its gRPC status, or None when it was reset.
        self.data = {}  # By stream: the bytes of its answer so far.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def begin(self, method, *metadata, path=SERVICE):
        """The frame that opens a call, and its stream."""
        stream = self._next_stream
        self._next_stream += 2
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path + method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        ]
        return stream, frame(HEADERS, END_HEADERS, stream, header_block(headers))

    def open(self, method, *metadata):
        """Opens a call and returns its stream."""
        stream, opening = self.begin(method, *metadata)
        self.socket.sendall(opening)
        return stream

    def call(self, method, request, *metadata, compressed=False):
        """Opens a call and sends its one message."""
        stream = self.open(method, *metadata)
        self.send(stream, message(request, compressed))
        return stream

    def send(self, stream, data, end=True):
        """Sends data as the server's windows allow, until the server has ended the stream."""
        while data:
            room = min(self._credit[0], self._credit.get(stream, self._stream_credit), _MAX_FRAME)
            if room <= 0:
                self._take_frame()
                if stream in self.ended:
                    return
                continue
            part, data = data[:room], data[room:]
            self._credit[0] -= len(part)
            self._credit[stream] = self._credit.get(stream, self._stream_credit) - len(part)
            last = END_STREAM if end and not data else 0
            self.socket.sendall(frame(DATA, last, stream, part))

    def reset(self, stream):
        self.socket.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))

    def allow(self, stream, size):
        """Lets the server send so many bytes more."""
        for place in (0, stream):
            self.socket.sendall(frame(WINDOW_UPDATE, 0, place, struct.pack(">I", size)))

    def take_what_came(self):
        """Reads what is there, without waiting for more than the rest of a frame."""
        while self._buffer or select.select([self.socket], [], [], 0)[0]:
            self._take_frame()

    def status_of(self, stream, timeout=60.0):
        """Reads until the call has ended; its gRPC status, or None when the server reset it."""
        deadline = time.monotonic() + timeout
        while stream not in self.ended:
            if time.monotonic() > deadline:
                raise AssertionError(f"after {timeout:g} s stream {stream} has not ended")
            self._take_frame()
        return self.ended[stream]

    def messages_of(self, stream):
        """The messages of an answer that have come whole."""
        data, messages = self.data.get(stream, b""), []
        while len(data) >= 5 and len(data) >= 5 + (size := struct.unpack(">I", data[1:5])[0]):
            messages.append(data[5 : 5 + size])
            data = data[5 + size :]
        return messages

    def abort(self):
        """Closes with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _take_frame(self):
        head = self._read(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._read(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            self._obey(payload)
        elif kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            size = struct.unpack(">I", payload)[0]
            self._credit[stream] = self._credit.get(stream, self._stream_credit) + size
        elif kind == DATA:
            self.data[stream] = self.data.get(stream, b"") + payload
        elif kind == RST_STREAM:
            self.ended.setdefault(stream, None)
        if kind == HEADERS and flags & END_STREAM:
            self.ended[stream] = int(_STATUS.search(payload)[1])

    def _obey(self, settings):
        for place in range(0, len(settings), 6):
            name, value = struct.unpack(">HI", settings[place : place + 6])
            if name == _INITIAL_WINDOW:
                for stream in self._credit.keys() - {0}:
                    self._credit[stream] += value - self._stream_credit
                self._stream_credit = value
        self.socket.sendall(frame(SETTINGS, ACK, 0))

    def _read(self, size):
        while len(self._buffer) < size:
            received = self.socket.recv(1 << 16)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._buffer += received
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken
