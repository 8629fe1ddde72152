"""Devices on the `websockets` library, as the original clients use it.

    python3 devices.py http://127.0.0.1:8765/
"""

import asyncio
import json
import sys

import websockets

PATIENCE = 60
URL = sys.argv[1].replace("http", "ws", 1)


class Device:
    """A connected device that says what it is told."""

    async def join(self, device_id, room_id=None):
        self.socket = await websockets.connect(URL)
        assert (await self.hear())["type"] == "connection"
        first = {"device_id": device_id, "identity": "python"}
        if room_id:
            first["room_id"] = room_id
        await self.say(first)
        return await self.hear()

    async def say(self, frame):
        await self.socket.send(json.dumps(frame))

    async def hear(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))


async def main():
    ann, bob = Device(), Device()
    told = await ann.join("d1")
    room = told["room_id"]
    assert told == {
        "type": "room",
        "room_id": room,
        "status": "created_new",
        "message": f"created_new: joined room {room}",
    }, told
    assert (await bob.join("d2", room))["status"] == "joined_existing"
    await ann.say({"type": "message", "content": "hi", "timestamp": "now"})
    assert await bob.hear() == {
        "type": "message",
        "content": "hi",
        "from_device_id": "d1",
        "message_type": "broadcast",
        "timestamp": "now",
    }
    await bob.say({"type": "message", "content": {"x": [1, 2]}, "target_device_id": "d1"})
    assert (await ann.hear())["message_type"] == "direct"
    await bob.say({"type": "query_room"})
    told = await bob.hear()
    assert told["total_clients"] == 2 and told["clients"] == [{"device_id": "d1", "identity": "python"}], told
    await bob.say({"type": "message", "content": "x", "target_device_id": "d9"})
    assert (await bob.hear())["message"] == "Target device d9 not found in room"
    # What json.dumps makes of anything that a program holds: half of an emoji, numbers as ids, no number at all.
    await ann.say({"type": "message", "content": "half \ud83d", "message_id": 42, "target_device_id": "d2"})
    assert await ann.hear() == {"type": "ack", "message_id": 42, "status": "stored"}
    assert (await bob.hear())["content"] == "half \ufffd"
    await ann.say({"type": "message", "content": {"n": 2**64 + 1}})
    assert (await bob.hear())["content"] == {"n": 2**64 + 1}
    await ann.say({"type": "message", "content": {"n": float("nan")}})
    assert (await ann.hear())["message"] == "Invalid JSON format"
    await ann.socket.send(json.dumps({"type": "message", "content": "bytes"}).encode("utf-8-sig"))
    assert (await bob.hear())["content"] == "bytes"
    number = Device()
    assert (await number.join(7, room))["status"] == "joined_existing"
    await number.say({"type": "message", "content": "x", "target_device_id": "d2"})
    assert (await bob.hear())["from_device_id"] == 7
    await number.socket.close()
    pong = await ann.socket.ping()
    await asyncio.wait_for(pong, PATIENCE)
    await bob.socket.close()
    assert (await bob.join("d2"))["status"] == "reconnected"
    stranger = Device()
    assert (await stranger.join("d3", "NOWHERE1"))["status"] == "room_not_found"
    try:
        await stranger.hear()
    except websockets.exceptions.ConnectionClosed as closed:
        assert closed.code == 1000, closed
    # Without a word, the library would wait for its own time-out.
    await asyncio.gather(ann.socket.close(), bob.socket.close())
    print("ok   the websockets library")


asyncio.run(main())
