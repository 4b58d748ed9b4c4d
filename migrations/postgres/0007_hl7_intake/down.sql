DROP TABLE hl7_dead_letter;
