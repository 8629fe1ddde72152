"""Signalling on python-socketio and on a bare WebSocket, in one room.

    python3 signalling.py http://127.0.0.1:5000/
"""

import asyncio
import json
import queue
import sys
from urllib.parse import urlparse

import socketio
import websockets

PATIENCE = 60
URL = sys.argv[1].rstrip("/")
PATH = urlparse(URL).path + "/socket.io"


class Caller:
    """A user on Socket.IO, over one transport."""

    def __init__(self, transport):
        self.heard = queue.Queue()
        self.client = socketio.Client()
        self.client.on("*", lambda event, *payload: self.heard.put((event, *payload)))
        self.client.connect(URL, transports=[transport], socketio_path=PATH)

    def expect(self, event):
        heard = self.heard.get(timeout=PATIENCE)
        assert heard[0] == event, heard
        return heard[1]


async def meet(transport):
    """A caller and a bare WebSocket join, talk and part."""
    room = f"python over {transport}"
    ann = Caller(transport)
    assert ann.expect("connected")["sid"] == ann.client.get_sid()
    ann.client.emit("join", {"userId": "ann", "roomId": room})
    assert ann.expect("joined")["users"] == ["ann"]
    async with websockets.connect(URL.replace("http", "ws", 1) + "/ws") as bob:

        async def hear():
            return json.loads(await asyncio.wait_for(bob.recv(), PATIENCE))

        assert (await hear())["type"] == "connected"
        await bob.send(json.dumps({"type": "join", "userId": "bob", "roomId": room}))
        assert (await hear())["users"] == ["ann", "bob"]
        assert ann.expect("user-joined")["userId"] == "bob"
        offer = {"type": "offer", "roomId": room, "sdp": "v=0 ä 你"}
        ann.client.emit("message", offer)
        assert await hear() == offer
        await bob.send(json.dumps({"type": "answer", "roomId": room, "to": "ann", "sdp": "v=0"}))
        assert ann.expect("answer")["from"] == "bob"
        # Whoever asks for an acknowledgement gets one.
        assert ann.client.call("candidate", {"roomId": room, "candidate": ""}, timeout=PATIENCE) in (None, ())
        assert (await hear())["type"] == "candidate"
    assert ann.expect("user-left")["userId"] == "bob"
    ann.client.emit("leave", {"userId": "ann", "roomId": room})
    assert ann.expect("leaved")["userId"] == "ann"
    ann.client.disconnect()
    print(f"ok   python-socketio over {transport} and a bare WebSocket")


for way in ("polling", "websocket"):
    asyncio.run(meet(way))
