"""nftables by libnftables, in process.

`run` takes the text that `nft -f` takes and applies it as one transaction: all of it or nothing. A call costs tens of
microseconds plus the work itself, against milliseconds for the `nft` program; it lets go of the interpreter's lock.

    nft = Nft()                   # rules of the network namespace that the calling thread is in
    nft.run("add table ip example")
"""

import ctypes
import json
import threading
from functools import cache
from typing import Any

_LIBRARY = "libnftables.so.1"
_JSON, _HANDLE = 1 << 4, 1 << 3


class NftError(Exception):
    """nftables refused; the message is its own, pointing at the place in the text."""


class NftMissing(NftError):
    """libnftables is not installed (Debian: `libnftables1`)."""


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NftMissing(f"{_LIBRARY} is not installed; install the package `nftables`") from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    return library


class Nft:
    """A context of libnftables. Its socket belongs to the network namespace of the thread that makes it; use it from
    threads of that namespace (`netns.executor`). Calls are serialised. Raises NftError, NftMissing."""

    def __init__(self) -> None:
        self._library = _library()
        self._lock = threading.Lock()
        self._context = self._library.nft_ctx_new(0)
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, text: str) -> str:
        """Apply commands or a whole ruleset; what a `list` printed."""
        return self._run(text, 0)

    def list_json(self, text: str) -> list[dict[str, Any]]:
        """The objects that a `list` command shows, handles included."""
        output = self._run(text, _JSON | _HANDLE)
        return list(json.loads(output)["nftables"]) if output else []

    def has_table(self, family: str, name: str) -> bool:
        tables = (entry.get("table", {}) for entry in self.list_json("list tables"))
        return any((table.get("family"), table.get("name")) == (family, name) for table in tables)

    def delete_table(self, family: str, name: str) -> None:
        """No error when there is none."""
        self.run(f"add table {family} {name}\ndelete table {family} {name}")

    def close(self) -> None:
        with self._lock:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def _run(self, text: str, flags: int) -> str:
        with self._lock:
            if self._context is None:
                raise NftError("used after close")
            self._library.nft_ctx_output_set_flags(self._context, flags)
            failed = self._library.nft_run_cmd_from_buffer(self._context, text.encode())
            output = self._library.nft_ctx_get_output_buffer(self._context) or b""
            errors = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(_message(errors.decode(errors="replace")))
        return str(output.decode(errors="replace"))


def _message(errors: str) -> str:
    """nftables repeats the text with a line of marks below; a transaction of megabytes is cut."""
    text = errors.strip() or "nftables gave no reason"
    return text if len(text) <= 2000 else f"{text[:2000]} ... ({len(text)} characters)"
