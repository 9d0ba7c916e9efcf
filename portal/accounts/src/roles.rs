//! What a person may do: the duties that the ledger knows, and administrating the people of one's own party.

use certificate::Duty;

/// Administrates the accounts of its party. It says nothing on the ledger.
pub const ADMINISTRATOR: &str = "administrator";

/// Organisations hold power on the ledger, companies apply for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartyKind {
    Organisation,
    Company,
}

impl PartyKind {
    pub fn name(self) -> &'static str {
        match self {
            PartyKind::Organisation => "organisation",
            PartyKind::Company => "company",
        }
    }

    pub(crate) fn from_name(name: &str) -> Self {
        if name == "organisation" { PartyKind::Organisation } else { PartyKind::Company }
    }

    /// The roles that an administrator of such a party may grant. Of an organisation: the duties of its persons, by the
    /// names that `nanotrace.role` has for them. Who is of a company applies; a program is no person.
    pub fn roles(self) -> Vec<&'static str> {
        let is_staff = |duty: &Duty| !matches!(duty, Duty::Applicant | Duty::Service);
        let duties = Duty::ALL.into_iter().filter(is_staff).map(Duty::name);
        match self {
            PartyKind::Organisation => std::iter::once(ADMINISTRATOR).chain(duties).collect(),
            PartyKind::Company => vec![ADMINISTRATOR],
        }
    }

    /// The role of this name, where an administrator of such a party may grant it.
    pub fn role(self, name: &str) -> Option<&'static str> {
        self.roles().into_iter().find(|role| *role == name)
    }
}
