DROP FUNCTION kakehashi_stamp;
DROP SEQUENCE stamp_clock;
DROP SEQUENCE resource_key_seq;
DROP SEQUENCE resource_version_seq;
DROP TABLE resource;
DROP TABLE resource_version;
