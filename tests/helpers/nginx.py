"""nginx in front of a service, configured as the documentation shows."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import program

CONFIGURATION = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 30m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port}{tls};
        location {path} {{
            proxy_pass {service}{target};
            proxy_http_version 1.1;
            proxy_read_timeout 600s;
            {headers}
        }}
    }}
}}
"""


@contextmanager
def nginx(
    folder: Path, service: str, *, port: int, path: str = "/", headers: str = "", tls: bool = False
) -> Iterator[str]:
    """The address of nginx in front of a service.

    Args:
        folder: for its files.
        service: the URL of the service.
        port: on which it listens.
        path: under which the service is mounted; nginx takes it off.
        headers: ``proxy_set_header`` directives.
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
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            port=port,
            tls=listen,
            path=path,
            service=service,
            target="" if path == "/" else "/",
            headers=headers,
        )
    )
    process = subprocess.Popen(
        [command, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"],
        stderr=subprocess.DEVNULL,
    )
    address = f"{'https' if tls else 'http'}://127.0.0.1:{port}{path.rstrip('/')}"
    try:
        for _ in range(200):
            try:
                httpx.get(address, verify=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        else:
            raise AssertionError((folder / "error.log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)
