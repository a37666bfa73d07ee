"""A way to a server that is long, narrow or broken, without any privilege."""

import asyncio
import threading
import time

_READ_BYTES = 4096
_WAITING_PIECES = 8


class TcpProxy:
    """Forwards connections to `address`, HOST:PORT, inside a `with` block, on a thread of its own.

    Every byte arrives `delay` seconds late, in segments of at most `segment` bytes. A connection in
    which nothing has moved for `idle_timeout` seconds is cut.
    """

    def __init__(self, address, delay=0.0, segment=1 << 16, idle_timeout=None):
        host, _, port = address.rpartition(":")
        self._target = host, int(port)
        self._delay, self._segment = delay, segment
        self._idle_timeout = idle_timeout
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self.connections = 0
        self.cut = 0

    def __enter__(self):
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_READ_BYTES)
        )
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    def __exit__(self, kind, error, traceback):
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def part(self):
        """Nothing passes any more, either way, and nobody is told."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def heal(self):
        self._loop.call_soon_threadsafe(self._open.set)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _end(self):
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, caller, to_caller):
        self.connections += 1
        try:
            server, to_server = await asyncio.open_connection(*self._target, limit=_READ_BYTES)
        except OSError:
            return to_caller.close()
        moved = [time.monotonic()]
        ways = [
            asyncio.ensure_future(way)
            for way in (
                self._forward(caller, to_server, moved),
                self._forward(server, to_caller, moved),
                self._await_idleness(moved),
            )
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.close()
            to_caller.close()

    async def _forward(self, source, sink, moved):
        pieces = asyncio.Queue(_WAITING_PIECES)
        reading = asyncio.ensure_future(self._read(source, pieces))
        try:
            while data := await self._next(pieces):
                for begin in range(0, len(data), self._segment):
                    await self._open.wait()
                    piece = data[begin : begin + self._segment]
                    sink.write(piece)
                    await sink.drain()
                    moved[0] = time.monotonic()
        finally:
            reading.cancel()

    async def _read(self, source, pieces):
        data = b"begin"
        while data:
            try:
                data = await source.read(_READ_BYTES)
            except ConnectionError:
                data = b""
            await pieces.put((time.monotonic() + self._delay, data))

    async def _next(self, pieces):
        due, data = await pieces.get()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return data

    async def _await_idleness(self, moved):
        if self._idle_timeout is None:
            return await asyncio.Event().wait()
        while (left := moved[0] + self._idle_timeout - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self.cut += 1
