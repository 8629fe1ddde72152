CREATE TABLE IF NOT EXISTS rooms (
    room_id VARCHAR(8) NOT NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (room_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS devices (
    device_id VARCHAR(255) NOT NULL,
    first_connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    last_connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    last_room_id VARCHAR(8) NULL,
    last_identity VARCHAR(255) NULL,
    PRIMARY KEY (device_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS connections (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    device_id VARCHAR(255) NOT NULL,
    room_id VARCHAR(8) NOT NULL,
    identity VARCHAR(255) NOT NULL,
    client_ip VARCHAR(45) NOT NULL,
    connected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    disconnected_at DATETIME(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY connections_record (record_id),
    KEY connections_of_device (device_id, connected_at),
    FOREIGN KEY (device_id) REFERENCES devices (device_id),
    FOREIGN KEY (room_id) REFERENCES rooms (room_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS messages (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    from_device_id VARCHAR(255) NOT NULL,
    to_device_id VARCHAR(255) NULL,
    room_id VARCHAR(8) NOT NULL,
    message_type ENUM('broadcast', 'direct') NOT NULL,
    message_content MEDIUMTEXT NOT NULL,
    sent_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    UNIQUE KEY messages_record (record_id),
    KEY messages_of_room (room_id, sent_at),
    KEY messages_of_device (from_device_id, sent_at),
    FOREIGN KEY (from_device_id) REFERENCES devices (device_id),
    FOREIGN KEY (room_id) REFERENCES rooms (room_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS room_queries (
    id BIGINT NOT NULL AUTO_INCREMENT,
    record_id BINARY(16) NULL,
    device_id VARCHAR(255) NOT NULL,
    room_id VARCHAR(8) NOT NULL,
    queried_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (id),
    UNIQUE KEY room_queries_record (record_id),
    FOREIGN KEY (device_id) REFERENCES devices (device_id),
    FOREIGN KEY (room_id) REFERENCES rooms (room_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
