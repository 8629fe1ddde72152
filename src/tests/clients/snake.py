"""A snake-dialect client on python-socketio, over polling with upgrade, polling alone and WebSocket alone.

    python3 snake.py http://127.0.0.1:3000/
"""

import queue
import sys

import socketio

PATIENCE = 60
URL = sys.argv[1]


class Member:
    """A connected member, whose events are taken one by one and in order."""

    def __init__(self, transports):
        self.heard = queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda event, data=None: self.heard.put((event, data)))
        self.client.connect(URL, transports=transports, wait_timeout=PATIENCE)

    def next(self, event):
        name, data = self.heard.get(timeout=PATIENCE)
        assert name == event, (name, event, data)
        return data


for number, transports in enumerate([["polling", "websocket"], ["polling"], ["websocket"]]):
    room = f"snake-{number}"
    host, guest = Member(transports), Member(transports)
    assert host.next("connected")["message"] == "连接成功"
    guest.next("connected")

    host.client.emit("create_room", {"room_id": room, "track": {"name": "Song"}, "current_time": 10})
    assert host.next("room_created") == {"room_id": room, "user_count": 1}
    assert host.next("room_users") == {"count": 1}

    guest.client.emit("join_room", {"room_id": room})
    joined = guest.next("room_joined")
    assert joined["current_track"] == {"name": "Song"} and joined["is_playing"] is True, joined
    assert 10 <= joined["current_time"] < 10 + PATIENCE, joined
    assert guest.next("room_users") == {"count": 2}
    assert guest.next("sync_state")["current_track"] == {"name": "Song"}
    assert host.next("room_users") == {"count": 2}

    host.client.emit("pause", {"room_id": room, "current_time": 12.5})
    assert guest.next("pause") == {"current_time": 12.5}
    assert guest.client.call("get_room_state", {"room_id": room}, timeout=PATIENCE) is None
    assert guest.next("room_state") == {
        "room_id": room,
        "user_count": 2,
        "current_track": {"name": "Song"},
        "is_playing": False,
        "current_time": 12.5,
    }

    host.client.disconnect()
    assert guest.next("become_host") == {"room_id": room}
    guest.client.disconnect()
    print("ok  ", ", ".join(transports))
