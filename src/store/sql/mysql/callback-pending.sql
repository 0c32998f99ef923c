-- How many callbacks are not delivered yet, counted no further than :limit.
SELECT COUNT(*) AS pending FROM (SELECT seq FROM callback WHERE state = 1 LIMIT :limit) AS waiting
