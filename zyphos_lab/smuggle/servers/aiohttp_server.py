"""aiohttp's server: answers what it read. Argument: port."""

import sys

from aiohttp import web


async def read(request: web.BaseRequest) -> web.Response:
    body = await request.read()
    return web.Response(text=f"read {request.method} {request.raw_path} {len(body)}\n")


async def application() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{rest:(?s:.)*}", read)
    return app


web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
