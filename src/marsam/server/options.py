"""What a server is started with, and every default of it."""

from dataclasses import dataclass
from pathlib import Path

from marsam.options import MAX_QUEUED_RUNS, MAX_TEXT_REQUESTS


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Options of ``marsam studio`` and ``marsam serve``.

    Attributes:
        host: address or name to listen on.
        port: TCP port to listen on.
        page: serve the studio page.
        api: serve the HTTP API, the MCP tools and the metrics.
        models: name of a model set; None takes ``standard`` if it is downloaded, else ``mini``.
        captioner: model id or folder of another captioner; None takes that of the set.
        translator: the same for the translator; several models as of
            :func:`marsam.hub.selection.join_sources`.
        painter: the same for the painter.
        lora: LoRA for the painter, as of :func:`marsam.hub.lora.find_lora`.
        device: ``cuda``, ``mps`` or ``cpu``; None chooses the fastest available.
        cluster: ``local``, ``auto`` or HOST:PORT of a Ray head whose machines run the models.
        key_file: file of API keys, one a line; None reads one key from ``MARSAM_KEY``.
        hosts: host names to accept in the Host header, beside loopback names and IP addresses.
        origins: origins of other web sites that may use the API and frame the page.
        public_url: where clients reach the server, if their requests do not say it.
        trusted_proxies: addresses and networks of proxies, whose forwarded headers are believed.
        insecure: allow other machines to connect without a key.
        max_queued: runs that may wait.
        max_per_client: runs of one client that may wait or be in progress; None sets no limit for
            a server that only this machine can reach, without a key.
        max_cost_per_client: their work, in images of 512x512 pixels with 50 steps; None as above.
        max_text_requests: requests for captions and translations that may be handled or wait.
        keep_days: delete runs older than this; None keeps all.
        keep_megabytes: delete the oldest runs when all take more than this; None keeps all.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    page: bool = True
    api: bool = True
    models: str | None = None
    captioner: str | None = None
    translator: str | None = None
    painter: str | None = None
    lora: str | None = None
    device: str | None = None
    cluster: str | None = None
    key_file: Path | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    insecure: bool = False
    max_queued: int = MAX_QUEUED_RUNS
    max_per_client: int | None = None
    max_cost_per_client: float | None = None
    max_text_requests: int = MAX_TEXT_REQUESTS
    keep_days: float | None = None
    keep_megabytes: float | None = None
