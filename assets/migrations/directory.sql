-- What joins and messages look up, fed from the spool. It can be made anew from the spool and the database.
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER NOT NULL, place INTEGER NOT NULL, ticket INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rooms (room TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (device TEXT PRIMARY KEY, last_room TEXT NOT NULL) WITHOUT ROWID;
-- Rooms that were given to devices before it was known whether the database has one for them.
CREATE TABLE IF NOT EXISTS provisional (device TEXT PRIMARY KEY, last_room TEXT NOT NULL) WITHOUT ROWID;
-- Databases whose rooms and devices are all here.
CREATE TABLE IF NOT EXISTS learned (database_name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_connections (connection BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS said (number INTEGER PRIMARY KEY, device TEXT NOT NULL, message_id TEXT NOT NULL, UNIQUE (device, message_id));
CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY, device TEXT NOT NULL, room TEXT NOT NULL, frame TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS waiting_of_device ON waiting (device, room, number);

-- Devices that are erased, until the database has forgotten them too.
CREATE TABLE IF NOT EXISTS erased (device TEXT PRIMARY KEY) WITHOUT ROWID;
