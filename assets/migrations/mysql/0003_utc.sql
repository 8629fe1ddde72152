-- Earlier versions wrote moments in the zone of the server; from here on they are in UTC. All of this is one transaction.
UPDATE rooms SET created_at = CONVERT_TZ(created_at, @@session.time_zone, '+00:00')
WHERE created_at <> CONVERT_TZ(created_at, @@session.time_zone, '+00:00');
UPDATE devices SET first_connected_at = CONVERT_TZ(first_connected_at, @@session.time_zone, '+00:00')
WHERE first_connected_at <> CONVERT_TZ(first_connected_at, @@session.time_zone, '+00:00');
UPDATE devices SET last_connected_at = CONVERT_TZ(last_connected_at, @@session.time_zone, '+00:00')
WHERE last_connected_at <> CONVERT_TZ(last_connected_at, @@session.time_zone, '+00:00');
UPDATE connections SET connected_at = CONVERT_TZ(connected_at, @@session.time_zone, '+00:00')
WHERE connected_at <> CONVERT_TZ(connected_at, @@session.time_zone, '+00:00');
UPDATE connections SET disconnected_at = CONVERT_TZ(disconnected_at, @@session.time_zone, '+00:00')
WHERE disconnected_at <> CONVERT_TZ(disconnected_at, @@session.time_zone, '+00:00');
UPDATE messages SET sent_at = CONVERT_TZ(sent_at, @@session.time_zone, '+00:00')
WHERE sent_at <> CONVERT_TZ(sent_at, @@session.time_zone, '+00:00');
UPDATE room_queries SET queried_at = CONVERT_TZ(queried_at, @@session.time_zone, '+00:00')
WHERE queried_at <> CONVERT_TZ(queried_at, @@session.time_zone, '+00:00');
