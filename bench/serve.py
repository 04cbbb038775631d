"""One server process as ``blametrail web`` runs it, around any application: ``python -m bench.serve MODULE:NAME``."""

import socket
import sys

import uvicorn

with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        sys.argv[1],
        lifespan="auto",  # Django alone has none
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listening])
