"""nginx, Caddy and Traefik in front of a service, configured as the documentation shows."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import program

DOCUMENT = Path(__file__).parents[2] / "docs" / "behind-a-proxy.md"
NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_buffer_size 32m;  # the temporary folder may be closed to its user
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port}{tls};
        {location}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
{site}
"""
SERVICE = "http://127.0.0.1:7860"
"""Marsam's address in the documentation."""


def location(*headers: str, path: str = "/") -> str:
    """A location of nginx, with ``proxy_set_header`` directives; it takes the path off."""
    target = "" if path == "/" else "/"
    return f"""
        location {path} {{
            proxy_pass {SERVICE}{target};
            proxy_http_version 1.1;
            proxy_read_timeout 600s;
            client_max_body_size 30m;
            {" ".join(headers)}
        }}
    """


def documented(heading: str) -> list[str]:
    """The configurations of a proxy in the documentation: for a whole name, and under a path."""
    section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    section = section.partition("\n## ")[0]
    return re.findall(r"```(?:nginx|yaml|\{code-block\} text)\n(.*?)```", section, re.DOTALL)


@contextmanager
def nginx(
    folder: Path, service: str, location: str, *, port: int, path: str = "", tls: bool = False
) -> Iterator[str]:
    """The address of nginx in front of a service.

    Args:
        folder: for its files.
        service: the URL of the service.
        location: the block that passes requests on; in it the service is at ``SERVICE``.
        port: on which it listens.
        path: under which the service is.
        tls: with a certificate that nobody signed.
    """
    command = program("nginx")
    folder.mkdir(parents=True)
    listen = ""
    if tls:
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        request = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key}"
        subprocess.run(
            [program("openssl"), *request.split(), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        listen = f" ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
    configuration = folder / "nginx.conf"
    location = location.replace(SERVICE, service)
    configuration.write_text(
        NGINX.format(folder=folder, port=port, tls=listen, location=location), encoding="utf-8"
    )
    words = [command, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
    address = f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}"
    with _running(words, folder, address):
        yield address


@contextmanager
def caddy(folder: Path, service: str, site: str, *, port: int, path: str = "") -> Iterator[str]:
    """The address of Caddy in front of a service.

    Args:
        folder: for its files.
        service: the URL of the service.
        site: the block of ``example.org``; in it the service is at ``SERVICE``, without the scheme.
        port: on which it listens, without TLS.
        path: under which the service is.
    """
    command = program("caddy")
    folder.mkdir(parents=True)
    configuration, address = folder / "Caddyfile", f"http://127.0.0.1:{port}"
    site = site.replace("example.org", address).replace(
        SERVICE.removeprefix("http://"), service.removeprefix("http://")
    )
    configuration.write_text(CADDY.format(site=site), encoding="utf-8")
    words = [command, "run", "--adapter", "caddyfile", "--config", str(configuration)]
    with _running(words, folder, f"{address}{path}"):
        yield f"{address}{path}"


@contextmanager
def traefik(folder: Path, service: str, file: str, *, port: int, path: str = "") -> Iterator[str]:
    """The address of Traefik in front of a service.

    Args:
        folder: for its files.
        service: the URL of the service.
        file: the dynamic configuration for ``example.org``; in it the service is at ``SERVICE``.
        port: on which it listens, without TLS.
        path: under which the service is.
    """
    command = program("traefik")
    folder.mkdir(parents=True)
    configuration = folder / "dynamic.yml"
    file = file.replace("example.org", "127.0.0.1").replace(SERVICE, service)
    configuration.write_text(file, encoding="utf-8")
    words = [
        command,
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={configuration}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    address = f"http://127.0.0.1:{port}{path}"
    with _running(words, folder, address):
        yield address


@contextmanager
def _running(command: list[str], folder: Path, address: str) -> Iterator[None]:
    """Run a proxy; the context is entered when the service answers through it."""
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )
    try:
        for _ in range(200):
            assert process.poll() is None, log.read_text()
            try:
                if httpx.get(f"{address}/healthz", verify=False).is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        else:
            raise AssertionError(log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)
