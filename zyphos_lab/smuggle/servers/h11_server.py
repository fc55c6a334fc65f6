"""A server around h11, the parser under uvicorn and httpx: answers what it read. Argument: port."""

import socketserver
import sys

import h11


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while self.exchange(connection):
                connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                self.answer(connection, error.error_status_hint, b"")
        except OSError:
            pass

    def exchange(self, connection: h11.Connection) -> bool:
        method, target, count = b"", b"", 0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    interim = h11.InformationalResponse(status_code=100, headers=[])
                    self.request.sendall(connection.send(interim))
                connection.receive_data(self.request.recv(65536))
            elif isinstance(event, h11.Request):
                method, target = event.method, event.target
            elif isinstance(event, h11.Data):
                count += len(event.data)
            elif isinstance(event, h11.EndOfMessage):
                words = method, target, str(count).encode()
                body = b"" if method == b"HEAD" else b"read " + b" ".join(words) + b"\n"
                self.answer(connection, 200, body)
                return connection.our_state is h11.DONE
            else:
                return False

    def answer(self, connection: h11.Connection, status: int, body: bytes) -> None:
        fields = [("Content-Length", str(len(body)))]
        said = connection.send(h11.Response(status_code=status, headers=fields))
        said += connection.send(h11.Data(data=body))
        self.request.sendall(said + connection.send(h11.EndOfMessage()))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
