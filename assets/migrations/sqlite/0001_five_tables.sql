CREATE TABLE rooms (
    room_id TEXT NOT NULL PRIMARY KEY,
    created_at TEXT NOT NULL
);
CREATE TABLE devices (
    device_id TEXT NOT NULL PRIMARY KEY,
    first_connected_at TEXT NOT NULL,
    last_connected_at TEXT NOT NULL,
    last_room_id TEXT,
    last_identity TEXT
);
CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id BLOB UNIQUE,
    device_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    identity TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    connected_at TEXT NOT NULL,
    disconnected_at TEXT
);
CREATE INDEX connections_of_device ON connections (device_id, connected_at);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id BLOB UNIQUE,
    from_device_id TEXT NOT NULL,
    to_device_id TEXT,
    room_id TEXT NOT NULL,
    message_type TEXT NOT NULL CHECK (message_type IN ('broadcast', 'direct')),
    message_content TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE INDEX messages_of_room ON messages (room_id, sent_at);
CREATE INDEX messages_of_device ON messages (from_device_id, sent_at);
CREATE TABLE room_queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id BLOB UNIQUE,
    device_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    queried_at TEXT NOT NULL
);
