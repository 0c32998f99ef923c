-- Notes, in the group's own transaction, that this group was the writer's last.
INSERT INTO commit_mark (writer, mark) VALUES (:writer, :mark) ON DUPLICATE KEY UPDATE mark = VALUES(mark)
