-- Tables of version 1 referred to each other. A reference is a word in the text of its table; no row changes.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = REPLACE(REPLACE(sql, ' REFERENCES rooms (room_id)', ''), ' REFERENCES devices (device_id)', '')
WHERE type = 'table' AND name IN ('devices', 'connections', 'messages', 'room_queries');
PRAGMA writable_schema = RESET;
