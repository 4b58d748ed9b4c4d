DROP TABLE resource_reference;
DROP TABLE index_token;
