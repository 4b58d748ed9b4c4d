DROP TABLE resource;
DROP TABLE resource_version;
