-- What staff search stands in the indexes that their pages are read along: a search that finds little looks at the whole index, and
-- no longer at the whole table, whose rows are many times as long.
DROP INDEX applications_waiting;
DROP INDEX applications_newest;
DROP INDEX applications_by_state;
DROP INDEX all_applications_waiting;
DROP INDEX all_applications_newest;
DROP INDEX all_applications_by_state;
CREATE INDEX applications_waiting ON applications (body, at_rest, taken_at, id, sought);
CREATE INDEX applications_newest ON applications (body, taken_at DESC, id, sought);
CREATE INDEX applications_by_state ON applications (body, state, taken_at, id, sought);
CREATE INDEX all_applications_waiting ON applications (at_rest, taken_at, id, sought);
CREATE INDEX all_applications_newest ON applications (taken_at DESC, id, sought);
CREATE INDEX all_applications_by_state ON applications (state, taken_at, id, sought);
