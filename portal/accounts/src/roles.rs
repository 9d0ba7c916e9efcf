//! What a person may do: the duties that the ledger knows, administrating the people of one's own organisation, and one's part in a
//! company.

use certificate::Duty;

/// Administrates the accounts of its organisation. It says nothing on the ledger.
pub const ADMINISTRATOR: &str = "administrator";
/// Of a company, whose people have one of these three each: decides who belongs to it, and does what members do.
pub const OWNER: &str = "owner";
/// Does all that an applicant can do.
pub const MEMBER: &str = "member";
/// Sees what members see, and does nothing.
pub const READER: &str = "reader";

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

    /// The roles that there are in such a party. Of an organisation, those that its administrator grants: the duties of its persons,
    /// by the names that `nanotrace.role` has for them. Who is of a company applies; a program is no person.
    pub fn roles(self) -> Vec<&'static str> {
        let is_staff = |duty: &Duty| !matches!(duty, Duty::Applicant | Duty::Service);
        let duties = Duty::ALL.into_iter().filter(is_staff).map(Duty::name);
        match self {
            PartyKind::Organisation => std::iter::once(ADMINISTRATOR).chain(duties).collect(),
            PartyKind::Company => vec![OWNER, MEMBER, READER],
        }
    }

    /// The role of this name, where there is one in such a party.
    pub fn role(self, name: &str) -> Option<&'static str> {
        self.roles().into_iter().find(|role| *role == name)
    }
}
