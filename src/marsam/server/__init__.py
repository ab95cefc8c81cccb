"""The server process: the ASGI application, its security layer, listening."""
