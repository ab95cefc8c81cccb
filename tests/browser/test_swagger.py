"""The documentation of the API in a real browser: no request leaves the server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.proxies import location, nginx
from tests.helpers.serving import free_port
from tests.service.conftest import Service

KEY = "a secret of sixteen"


@pytest.fixture(params=["/", "/marsam/"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server with a key, behind a real proxy, under a path and without."""
    port, path = free_port(), request.param.rstrip("/")
    public = f"http://127.0.0.1:{port}{path}"
    service = Service(tmp_path / "data", KEYS=KEY, PAGE="1", MARSAM_PUBLIC_URL=public)
    try:
        block = location(path=request.param)
        with nginx(tmp_path / "nginx", service.url, block, port=port, path=path) as url:
            yield url
    finally:
        service.stop()


def test_the_documentation_lists_and_tries_operations(browser: Browser, address: str) -> None:
    with browser.new_context() as stranger:
        refused = stranger.request.get(f"{address}/docs")
        assert refused.status == 401
    credentials = {"username": "anyone", "password": KEY}
    with browser.new_context(http_credentials=credentials) as context:  # type: ignore[arg-type]
        page = context.new_page()
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console", lambda line: problems.append(line.text) if line.type == "error" else None
        )
        page.goto(f"{address}/docs")
        for path in ("/v1/runs", "/v1/captions", "/sdapi/v1/txt2img", "/translate"):
            expect(page.locator(f'[data-path="{path}"]').first).to_be_visible()
        operation = page.locator(".opblock", has=page.locator('[data-path="/v1/models"]')).first
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name=re.compile("try it out", re.IGNORECASE)).click()
        operation.get_by_role("button", name=re.compile("execute", re.IGNORECASE)).click()
        expect(
            operation.locator(".live-responses-table .response-col_status").last
        ).to_contain_text("200")
        assert f"{address}/v1/models" in asked
        assert all(url.startswith((address, "data:")) for url in asked), asked
        assert problems == []
