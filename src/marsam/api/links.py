"""Signed links: they open one path for a while without an API key, as ``<img>`` needs them."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode

LINK_S, MAX_LINK_S = 3600, 7 * 24 * 3600
"""Seconds that a link is valid: by default, and at most."""
MAX_QUERY_CHARACTERS = 300


class Links:
    """Signs paths and checks the signatures.

    The secret follows from the API keys: a link outlives a restart, is good at every server with
    the same keys, and ends when a key is replaced. It takes long to compute, so that nobody can
    find a key by trying which one fits a link. Without keys it is random.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        joined = "\n".join(sorted(keys)).encode(errors="surrogateescape")
        self._secret = (
            hashlib.scrypt(joined, salt=b"marsam links", n=2**14, r=8, p=1)
            if joined
            else secrets.token_bytes(32)
        )

    def sign(self, path: str, *, expires: int) -> str:
        """The path with a query that opens it until a Unix time."""
        fields = {"expires": expires, "signature": self._signature(path, str(expires))}
        return f"{path}?{urlencode(fields)}"

    def is_valid(self, path: str, query: str | bytes) -> bool:
        """Whether the query opens the path now."""
        if len(query) > MAX_QUERY_CHARACTERS:
            return False
        text = query.decode(errors="replace") if isinstance(query, bytes) else query
        fields = parse_qs(text)
        expires, signature = (fields.get(name, [""])[-1] for name in ("expires", "signature"))
        expected = self._signature(path, expires)
        is_signed = hmac.compare_digest(signature.encode(errors="replace"), expected.encode())
        return is_signed and int(expires) > time.time()

    def _signature(self, path: str, expires: str) -> str:
        text = f"{path}\n{expires}".encode(errors="replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
