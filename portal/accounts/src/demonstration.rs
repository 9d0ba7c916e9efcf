//! The portal of a demonstration: it has people for each role from its start, and a link for each that logs in without a
//! password.

use crate::{
    ADMINISTRATOR, BaseUrl, Change, Database, OWNER, PartyKind,
    audit::Entry,
    now,
    people::{self, NewAccount},
    store::{self, Link, Purpose, StoreError},
};

/// A person of the demonstration.
struct Member {
    /// The company, or the MSP id of the organisation, that it works for.
    party: &'static str,
    kind: PartyKind,
    email: &'static str,
    name: &'static str,
    roles: &'static [&'static str],
    /// What the terminal calls it.
    part: &'static str,
}

const BODY: &str = certificate::parties::CERTIFICATION_BODY;
const ACCREDITATION: &str = certificate::parties::ACCREDITATION_BODY;

const fn of_body(
    email: &'static str,
    name: &'static str,
    roles: &'static [&'static str],
    part: &'static str,
) -> Member {
    Member { party: BODY, kind: PartyKind::Organisation, email, name, roles, part }
}

/// Each role has another person, as the ledger wants it. Each organisation has an administrator, the company an owner.
const MEMBERS: [Member; 9] = [
    Member {
        party: "Demonstration Works",
        kind: PartyKind::Company,
        email: "applicant@works.example",
        name: "Ada Applicant",
        roles: &[OWNER],
        part: "applicant",
    },
    of_body("evaluator@body.example", "Eve Evaluator", &["evaluator"], "evaluator"),
    of_body("reviewer@body.example", "Ruth Reviewer", &["reviewer"], "reviewer"),
    of_body("decision-maker@body.example", "Dan Decider", &["decision-maker"], "decision-maker"),
    of_body("auditor@body.example", "Audrey Auditor", &["auditor"], "auditor"),
    of_body("administrator@body.example", "Amal Administrator", &[ADMINISTRATOR], "administrator"),
    Member {
        party: "LabMSP",
        kind: PartyKind::Organisation,
        email: "lab@lab.example",
        name: "Lin Laboratory",
        roles: &[ADMINISTRATOR, "lab"],
        part: "laboratory",
    },
    Member {
        party: ACCREDITATION,
        kind: PartyKind::Organisation,
        email: "accreditor@accreditation.example",
        name: "Ari Accreditor",
        roles: &[ADMINISTRATOR, "accreditor"],
        part: "accreditor",
    },
    Member {
        party: "CustomsMSP",
        kind: PartyKind::Organisation,
        email: "customs@customs.example",
        name: "Cleo Customs",
        roles: &[ADMINISTRATOR],
        part: "customs",
    },
];

/// How somebody gets in.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// What the person does.
    pub part: &'static str,
    /// The link, which works once.
    pub link: String,
}

/// Makes the accounts that are not there yet, of the organisations that there are (by their MSP ids), and a new link for
/// each.
pub async fn admit(
    database: &Database,
    base: &BaseUrl,
    organisations: &[String],
) -> Result<Vec<Entrance>, AdmitError> {
    let mut entrances = Vec::new();
    let mut change = database.change().await?;
    let is_here = |member: &&Member| {
        member.kind == PartyKind::Company
            || organisations.iter().any(|organisation| organisation == member.party)
    };
    for member in MEMBERS.iter().filter(is_here) {
        let account = match people::holder(&mut change, member.email).await? {
            Some((account, _)) => account,
            None => enter(&mut change, member).await?,
        };
        store::end_links(&mut change, &account, Purpose::Welcome).await?;
        let link = Link::to(Purpose::Welcome, Some(account), member.email);
        let token = store::create_link(&mut change, &link, now()).await?;
        entrances.push(Entrance { part: member.part, link: format!("{base}/welcome?token={token}") });
    }
    let entry = Entry {
        at: now(),
        actor: "command line".to_owned(),
        action: "demonstration",
        object: "links for each role".to_owned(),
        result: "links printed",
        ..Entry::default()
    };
    change.record(&entry).await?;
    change.commit().await?;
    Ok(entrances)
}

/// Why the people of a demonstration could not be let in.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AdmitError(#[from] StoreError);

impl From<sqlx::Error> for AdmitError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.into())
    }
}

/// Makes an account that no password opens: an empty text is no hash.
async fn enter(change: &mut Change, member: &Member) -> Result<String, StoreError> {
    if people::party_kind(change, member.party).await?.is_none() {
        people::create_party(change, member.party, member.kind, member.party, now()).await?;
    }
    let (first, others) =
        member.roles.split_first().map_or((None, &[] as &[_]), |(it, rest)| (Some(*it), rest));
    let new = NewAccount {
        party: member.party,
        email: member.email,
        name: member.name,
        password: "",
        role: first,
        granted_by: "",
    };
    let account = people::create(change, &new, now()).await?;
    for role in others {
        people::grant(change.connection(), &account, role, "", now()).await?;
    }
    Ok(account)
}
