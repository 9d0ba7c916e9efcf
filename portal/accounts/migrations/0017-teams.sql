-- Companies of several people. Each has one role: 'owner', 'member' or 'reader'.
-- Who left has no address any more, so that it is free for another account; what the account made is the company's, and stays.
ALTER TABLE accounts ADD COLUMN left_at BIGINT;
ALTER TABLE accounts ADD COLUMN former_email TEXT;
-- Who administrated a company owns it.
UPDATE roles SET role = 'owner' WHERE role = 'administrator'
AND account IN (SELECT accounts.id FROM accounts JOIN parties ON parties.id = party WHERE kind = 'company');
-- The first account of a company that has no owner who may log in becomes one: of a sole account, that one.
INSERT INTO roles (account, role, granted_by, granted_at)
SELECT accounts.id, 'owner', '', accounts.created_at FROM accounts JOIN parties ON parties.id = party
WHERE kind = 'company'
AND party NOT IN (SELECT owners.party FROM accounts AS owners JOIN roles ON roles.account = owners.id
                  WHERE role = 'owner' AND owners.disabled_at IS NULL)
AND NOT EXISTS (SELECT 1 FROM accounts AS others WHERE others.party = accounts.party
                AND (CASE WHEN others.disabled_at IS NULL THEN 0 ELSE 1 END, others.created_at, others.id)
                  < (CASE WHEN accounts.disabled_at IS NULL THEN 0 ELSE 1 END, accounts.created_at, accounts.id))
ON CONFLICT (account, role) DO NOTHING;
-- The others applied until now, too.
INSERT INTO roles (account, role, granted_by, granted_at)
SELECT accounts.id, 'member', '', accounts.created_at FROM accounts JOIN parties ON parties.id = party
WHERE kind = 'company' AND accounts.id NOT IN (SELECT account FROM roles);
-- Invitations that wait.
UPDATE links SET role = CASE WHEN role = 'administrator' THEN 'owner' ELSE 'member' END
WHERE purpose = 'invite' AND party IN (SELECT id FROM parties WHERE kind = 'company');
