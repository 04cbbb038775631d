"""The web process on a free port, whose webhook address it prints: ``python -m tests.drills.serve``."""

import socket

import uvicorn

with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/hooks/sentry/blametrail", flush=True)
    config = uvicorn.Config(
        "blametrail.asgi:application", lifespan="on", ws="none", log_config=None, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listening])
