"""Python imports this first where its folder is on ``PYTHONPATH``: it closes the network and notes who knocked on it.

Every address a process asks for is written to the file ``WATCHED_CONNECTIONS``; what is not this machine is refused, too.
"""

import os
import sys

_LOG = os.open(os.environ["WATCHED_CONNECTIONS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_ASKING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_HERE = {"127.0.0.1", "::1", "localhost", "", None, "0.0.0.0", "::", b"localhost", b"127.0.0.1"}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in _ASKING:
        host = arguments[0]
    elif event in _CONNECTING and isinstance(arguments[1], tuple):  # a name of the file system is no tuple
        host = arguments[1][0]
    else:
        return
    is_here = host in _HERE
    os.write(_LOG, f"{'here' if is_here else 'ELSEWHERE'} {os.getpid()} {event} {host!r}\n".encode())
    if not is_here:
        raise PermissionError(f"the network is closed: {event} {host!r}")


sys.addaudithook(_watch)
os.write(_LOG, f"started {os.getpid()} {' '.join(sys.orig_argv[1:4])[:80]}\n".encode())
