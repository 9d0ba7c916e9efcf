-- What an entry came to on the ledger, where it is an act there. An entry's hash covers them where they are.
ALTER TABLE audit ADD COLUMN transaction_id TEXT;
ALTER TABLE audit ADD COLUMN block BIGINT;
-- The validation code, by Fabric's name.
ALTER TABLE audit ADD COLUMN code TEXT;
