"""Clients that ask a service for decisions until it ends, and note what was acknowledged."""

import http.client
import json
import os
import signal
import threading
import time

from tests.service.conftest import Served


def ask_until_it_ends(
    served: Served, request: dict[str, object], *, clients: int, seconds: float, name: str
) -> list[str]:
    """Let clients ask for some time, then kill the service with signal 9; gives the ids of acknowledged decisions."""
    acknowledged: list[list[str]] = [[] for _ in range(clients)]
    host, port = served.url.removeprefix("http://").split(":")

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        number = 0
        while True:
            decision = f"{name}-{client}-{number}"
            number += 1
            try:
                connection.request(
                    "POST", "/v1/allocate", json.dumps(request | {"decision_id": decision}),
                    {"content-type": "application/json"},
                )  # fmt: skip
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                return
            if answer.status == 200:
                acknowledged[client].append(decision)

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    os.kill(served.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join(timeout=30)
    served.process.wait(timeout=10)
    return [decision for own in acknowledged for decision in own]
