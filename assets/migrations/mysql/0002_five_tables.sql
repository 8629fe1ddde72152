-- A line `-- unless ...` above a statement names what makes it needless: what an earlier version or another system left
-- behind is brought to the same tables, and a migration that was cut short goes on where it stopped.
--
-- Nothing refers to another table: operators delete rows of any table at any time. `{id}` is the type of device ids, in
-- which capitals and spaces at the end make a difference; `migrate.rs` says which one the server has.
CREATE TABLE IF NOT EXISTS rooms (
    room_id VARCHAR(8) NOT NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (room_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS devices (
    device_id {id} NOT NULL,
    first_connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    last_connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    last_room_id VARCHAR(8) NULL,
    last_identity VARCHAR(255) NULL,
    PRIMARY KEY (device_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS connections (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    device_id {id} NOT NULL,
    room_id VARCHAR(8) NOT NULL,
    identity VARCHAR(255) NOT NULL,
    client_ip VARCHAR(45) NOT NULL,
    connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    disconnected_at DATETIME(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY connections_record (record_id),
    KEY connections_of_device (device_id, connected_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS messages (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    from_device_id {id} NOT NULL,
    to_device_id {id} NULL,
    room_id VARCHAR(8) NOT NULL,
    message_type ENUM('broadcast', 'direct') NOT NULL,
    message_content MEDIUMTEXT NOT NULL,
    sent_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    UNIQUE KEY messages_record (record_id),
    KEY messages_of_room (room_id, sent_at),
    KEY messages_of_device (from_device_id, sent_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS room_queries (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    device_id {id} NOT NULL,
    room_id VARCHAR(8) NOT NULL,
    queried_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    UNIQUE KEY room_queries_record (record_id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Tables of another engine or an older row format have no room for the indexes: 255 characters are 1020 bytes.
-- unless format rooms
ALTER TABLE rooms ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
-- unless format devices
ALTER TABLE devices ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
-- unless format connections
ALTER TABLE connections ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
-- unless format messages
ALTER TABLE messages ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
-- unless format room_queries
ALTER TABLE room_queries ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

-- Ids are spelled as in the table that they refer to, for capitals make a difference from here on.
-- unless binary messages.from_device_id
UPDATE messages m JOIN devices d ON m.from_device_id = d.device_id SET m.from_device_id = d.device_id
WHERE BINARY m.from_device_id <> BINARY d.device_id;
-- unless binary connections.device_id
UPDATE connections c JOIN devices d ON c.device_id = d.device_id SET c.device_id = d.device_id
WHERE BINARY c.device_id <> BINARY d.device_id;
-- unless binary room_queries.device_id
UPDATE room_queries q JOIN devices d ON q.device_id = d.device_id SET q.device_id = d.device_id
WHERE BINARY q.device_id <> BINARY d.device_id;
-- unless binary rooms.room_id
ALTER TABLE rooms CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- unless binary devices.device_id
ALTER TABLE devices CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- unless binary connections.device_id
ALTER TABLE connections CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- unless binary messages.from_device_id
ALTER TABLE messages CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- unless binary room_queries.device_id
ALTER TABLE room_queries CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- unless column devices.last_room_id
ALTER TABLE devices ADD COLUMN last_room_id VARCHAR(8) NULL;
-- unless column devices.last_identity
ALTER TABLE devices ADD COLUMN last_identity VARCHAR(255) NULL;

-- unless type connections.id bigint
ALTER TABLE connections MODIFY id BIGINT NOT NULL AUTO_INCREMENT;
-- unless column connections.record_id
ALTER TABLE connections ADD COLUMN record_id BINARY(16) NULL AFTER id;
-- unless index connections.connections_record
ALTER TABLE connections ADD UNIQUE KEY connections_record (record_id);
-- unless index connections.connections_of_device
ALTER TABLE connections ADD KEY connections_of_device (device_id, connected_at);

-- unless type messages.id bigint
ALTER TABLE messages MODIFY id BIGINT NOT NULL AUTO_INCREMENT;
-- unless type messages.message_content mediumtext
ALTER TABLE messages MODIFY message_content MEDIUMTEXT NOT NULL;
-- unless column messages.to_device_id
ALTER TABLE messages ADD COLUMN to_device_id {id} NULL AFTER from_device_id;
-- unless column messages.record_id
ALTER TABLE messages ADD COLUMN record_id BINARY(16) NULL AFTER id;
-- unless column messages.message_type
ALTER TABLE messages ADD COLUMN message_type ENUM('broadcast', 'direct') NULL AFTER room_id;
-- unless required messages.message_type
UPDATE messages SET message_type = IF(to_device_id IS NULL, 'broadcast', 'direct') WHERE message_type IS NULL;
-- unless required messages.message_type
ALTER TABLE messages MODIFY message_type ENUM('broadcast', 'direct') NOT NULL;
-- unless index messages.messages_record
ALTER TABLE messages ADD UNIQUE KEY messages_record (record_id);
-- unless index messages.messages_of_room
ALTER TABLE messages ADD KEY messages_of_room (room_id, sent_at);
-- unless index messages.messages_of_device
ALTER TABLE messages ADD KEY messages_of_device (from_device_id, sent_at);

-- unless type room_queries.id bigint
ALTER TABLE room_queries MODIFY id BIGINT NOT NULL AUTO_INCREMENT;
-- unless column room_queries.record_id
ALTER TABLE room_queries ADD COLUMN record_id BINARY(16) NULL AFTER id;
-- unless index room_queries.room_queries_record
ALTER TABLE room_queries ADD UNIQUE KEY room_queries_record (record_id);

-- unless id devices.device_id
ALTER TABLE devices MODIFY device_id {id} NOT NULL;
-- unless id connections.device_id
ALTER TABLE connections MODIFY device_id {id} NOT NULL;
-- unless id messages.from_device_id
ALTER TABLE messages MODIFY from_device_id {id} NOT NULL;
-- unless id messages.to_device_id
ALTER TABLE messages MODIFY to_device_id {id} NULL;
-- unless id room_queries.device_id
ALTER TABLE room_queries MODIFY device_id {id} NOT NULL;

-- Moments are what the tables say, whatever the zone of the server is.
-- unless type rooms.created_at datetime
ALTER TABLE rooms MODIFY created_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type devices.first_connected_at datetime
ALTER TABLE devices MODIFY first_connected_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type devices.last_connected_at datetime
ALTER TABLE devices MODIFY last_connected_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type connections.connected_at datetime
ALTER TABLE connections MODIFY connected_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type messages.sent_at datetime
ALTER TABLE messages MODIFY sent_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type room_queries.queried_at datetime
ALTER TABLE room_queries MODIFY queried_at DATETIME NULL DEFAULT CURRENT_TIMESTAMP;
-- unless type connections.disconnected_at datetime
ALTER TABLE connections MODIFY disconnected_at DATETIME NULL;

-- Connections that the earlier system left open end with the last that was heard over them.
UPDATE connections c
SET c.disconnected_at = COALESCE(
    (SELECT MAX(m.sent_at) FROM messages m
     WHERE m.from_device_id = c.device_id AND m.room_id = c.room_id AND m.sent_at >= c.connected_at),
    c.connected_at)
WHERE c.disconnected_at IS NULL AND c.record_id IS NULL;
