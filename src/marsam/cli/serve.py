"""``marsam studio`` and ``marsam serve``: the page, the API, or both."""

from typing import Annotated

import typer

from marsam.cli.options import (
    DeviceOption,
    Host,
    HostNames,
    Insecure,
    KeyFile,
    Models,
    Port,
    Translator,
)
from marsam.options import QUEUE, SHARE


def studio(
    host: Host = "127.0.0.1",
    port: Port = 7860,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    key_file: KeyFile = None,
    host_name: HostNames = None,
    insecure: Insecure = False,
) -> None:
    """Open the studio, a web page on this machine."""
    from marsam.server.app import serve

    serve(
        host=host,
        port=port,
        page=True,
        api=False,
        models=models,
        translator=translator,
        device=device,
        key_file=key_file,
        hosts=host_name or (),
        insecure=insecure,
    )


def serve(
    host: Host = "127.0.0.1",
    port: Port = 7860,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    key_file: KeyFile = None,
    host_name: HostNames = None,
    insecure: Insecure = False,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="With the studio's page beside the API.")
    ] = True,
    queue: Annotated[int, typer.Option(min=1, help="Runs that may wait.")] = QUEUE,
    share: Annotated[
        int | None,
        typer.Option(min=1, help="Of these, one client's.", show_default=f"{SHARE}; alone, all"),
    ] = None,
    keep_days: Annotated[
        float | None, typer.Option(min=0, help="Delete older runs.", show_default="keep all")
    ] = None,
    keep_megabytes: Annotated[
        float | None,
        typer.Option(min=0, help="Delete the oldest runs beyond.", show_default="keep all"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Ray's machines do the work: local, auto or HOST:PORT of its head."),
    ] = None,
) -> None:
    """Serve the HTTP API, for programs, and the studio beside it."""
    from marsam.server.app import serve as start

    start(
        host=host,
        port=port,
        page=page,
        api=True,
        models=models,
        translator=translator,
        device=device,
        key_file=key_file,
        hosts=host_name or (),
        insecure=insecure,
        queue=queue,
        share=share,
        keep_days=keep_days,
        keep_megabytes=keep_megabytes,
        cluster=cluster,
    )
