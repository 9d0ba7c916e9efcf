-- The order in which staff see applications, and what they search: a page reads its rows along an index.
-- 1 where nobody of a body needs to do anything with it: it is over, or its applicant's.
ALTER TABLE applications ADD COLUMN at_rest BIGINT NOT NULL DEFAULT 0;
-- The product's name and the id in small letters.
ALTER TABLE applications ADD COLUMN sought TEXT NOT NULL DEFAULT '';
UPDATE applications SET sought = lower(title) || ' ' || lower(id),
    at_rest = CASE WHEN state IN ('granted', 'refused', 'withdrawn', 'returned') THEN 1 ELSE 0 END;
-- Of one body, and of all.
CREATE INDEX applications_waiting ON applications (body, at_rest, taken_at, id);
CREATE INDEX applications_newest ON applications (body, taken_at DESC, id);
CREATE INDEX all_applications_waiting ON applications (at_rest, taken_at, id);
CREATE INDEX all_applications_newest ON applications (taken_at DESC, id);
CREATE INDEX all_applications_by_state ON applications (state, taken_at);
