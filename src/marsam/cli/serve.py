"""``marsam studio`` and ``marsam serve``: the page, the API, or both."""

from typing import Annotated

import typer

from marsam.cli import options as shared
from marsam.hub.selection import join_sources
from marsam.options import MAX_COST_PER_CLIENT, MAX_RUNS_PER_CLIENT
from marsam.server.exit import end_on_signals
from marsam.server.options import ServerOptions


def studio(
    host: shared.Host = ServerOptions.host,
    port: shared.Port = ServerOptions.port,
    models: shared.Models = None,
    captioner: shared.Captioner = None,
    translator: shared.Translator = None,
    painter: shared.Painter = None,
    lora: shared.LoraOption = None,
    device: shared.DeviceOption = None,
    key_file: shared.KeyFile = None,
    host_name: shared.HostNames = None,
    origin: shared.Origins = None,
    public_url: shared.PublicUrl = None,
    trusted_proxy: shared.TrustedProxies = None,
    insecure: shared.Insecure = False,
) -> None:
    """Open the studio, a web page on this machine."""
    end_on_signals()
    from marsam.server import app

    options = ServerOptions(
        api=False,
        host=host,
        port=port,
        models=models,
        captioner=captioner,
        translator=join_sources(translator),
        painter=painter,
        lora=lora,
        device=device,
        key_file=key_file,
        hosts=tuple(host_name or ()),
        origins=tuple(origin or ()),
        public_url=public_url,
        trusted_proxies=tuple(trusted_proxy or ()),
        insecure=insecure,
    )
    app.serve(options)


def serve(
    host: shared.Host = ServerOptions.host,
    port: shared.Port = ServerOptions.port,
    models: shared.Models = None,
    captioner: shared.Captioner = None,
    translator: shared.Translator = None,
    painter: shared.Painter = None,
    lora: shared.LoraOption = None,
    device: shared.DeviceOption = None,
    key_file: shared.KeyFile = None,
    host_name: shared.HostNames = None,
    origin: shared.Origins = None,
    public_url: shared.PublicUrl = None,
    trusted_proxy: shared.TrustedProxies = None,
    insecure: shared.Insecure = False,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Serve the studio page beside the API.")
    ] = ServerOptions.page,
    queue: Annotated[
        int, typer.Option(min=1, help="Maximum queued runs.")
    ] = ServerOptions.max_queued,
    share: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Maximum queued runs per client.",
            show_default=f"{MAX_RUNS_PER_CLIENT}; no limit on 127.0.0.1 without a key",
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Maximum queued work per client, in images of 512x512 pixels with 50 steps.",
            show_default=f"{MAX_COST_PER_CLIENT:.0f}; no limit on 127.0.0.1 without a key",
        ),
    ] = None,
    text_requests: shared.TextRequests = ServerOptions.max_text_requests,
    keep_days: Annotated[
        float | None,
        typer.Option(min=0, help="Delete runs older than this.", show_default="keep all"),
    ] = None,
    keep_megabytes: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Delete the oldest runs when all take more than this.",
            show_default="keep all",
        ),
    ] = None,
    cluster: shared.Cluster = None,
) -> None:
    """Serve the HTTP API, for programs, and the studio page beside it."""
    end_on_signals()
    from marsam.server import app

    options = ServerOptions(
        host=host,
        port=port,
        page=page,
        models=models,
        captioner=captioner,
        translator=join_sources(translator),
        painter=painter,
        lora=lora,
        device=device,
        cluster=cluster,
        key_file=key_file,
        hosts=tuple(host_name or ()),
        origins=tuple(origin or ()),
        public_url=public_url,
        trusted_proxies=tuple(trusted_proxy or ()),
        insecure=insecure,
        max_queued=queue,
        max_per_client=share,
        max_cost_per_client=budget,
        max_text_requests=text_requests,
        keep_days=keep_days,
        keep_megabytes=keep_megabytes,
    )
    app.serve(options)
