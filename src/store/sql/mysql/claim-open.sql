-- Makes the row of a claim, held by nobody, unless it is there.
INSERT IGNORE INTO leader (name, instance_seq, term, until_at) VALUES (:name, 0, 0, 0)
