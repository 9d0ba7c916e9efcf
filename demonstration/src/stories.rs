//! What happens in the month: one story an application, and how far each goes.

/// One application, and what becomes of its certificate.
pub struct Story {
    /// The material's name in `demonstration/data/materials.json`, or that of the first certificate.
    pub material: &'static str,
    /// Unlike every other story's: what the application's id is drawn from.
    pub name: &'static str,
    /// Which certification body it is for: 0 or 1.
    pub body: usize,
    pub end: End,
    /// The story whose certificate this one's is to replace.
    pub replaces: Option<&'static Story>,
    /// It comes with confidential fields, one of which is opened.
    pub is_confidential: bool,
}

/// How a story ends. Each text is the reason that is given.
pub enum End {
    Submitted,
    Returned(&'static str),
    Accepted,
    Evaluated,
    Reviewed,
    Decided,
    /// Refused after the review.
    Refused(&'static str),
    /// Withdrawn by the applicant before it was evaluated.
    Abandoned(&'static str),
    /// Granted, as all that follow.
    Valid,
    /// By the body.
    Suspended(&'static str),
    /// Suspended by the accreditation body alone, and lifted again.
    Held {
        why: &'static str,
        lifted: &'static str,
    },
    Withdrawn(&'static str),
    /// The certificate stands in the place of the one that it replaces.
    Supersedes(&'static str),
}

impl End {
    /// The state in which the application is at the end.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Returned(_) => "returned",
            Self::Accepted => "accepted",
            Self::Evaluated => "evaluated",
            Self::Reviewed => "reviewed",
            Self::Decided => "decided",
            Self::Refused(_) => "refused",
            Self::Abandoned(_) => "withdrawn",
            Self::Valid
            | Self::Suspended(_)
            | Self::Held { .. }
            | Self::Withdrawn(_)
            | Self::Supersedes(_) => "granted",
        }
    }

    /// Whether it is decided on a document.
    pub fn has_document(&self) -> bool {
        matches!(self.state(), "decided" | "granted")
    }
}

/// The certificate of `nanotrace up`.
pub const FIRST: Story = story("NM-110", 0, End::Valid);

const REPLACED: Story = story("NM-105", 0, End::Valid);

/// The month, beside [`FIRST`].
pub const MONTH: [Story; 14] = [
    Story { is_confidential: true, ..story("NM-101", 0, End::Valid) },
    story("NM-102", 0, End::Suspended("A complaint about the labelling is being looked into")),
    Story {
        name: "NM-105, again",
        replaces: Some(&REPLACED),
        ..story("NM-105", 0, End::Supersedes("Certified anew after a change of the process"))
    },
    story("NM-200", 1, End::Valid),
    story(
        "NM-212",
        1,
        End::Held {
            why: "The file of this certificate is reviewed after a witnessed audit",
            lifted: "The file was complete",
        },
    ),
    story("NM-300K", 1, End::Withdrawn("The maker has ended the production")),
    story("NM-211", 0, End::Decided),
    story("NM-103", 0, End::Reviewed),
    story("NM-104", 1, End::Evaluated),
    story("NM-201", 0, End::Accepted),
    story("NM-202", 0, End::Submitted),
    story("NM-203", 1, End::Returned("The safety data sheet is missing")),
    story("NM-111", 0, End::Refused("The surface treatment is not what the dossier says")),
    story("NM-204", 0, End::Abandoned("The product will not be placed on the market")),
];

const fn story(material: &'static str, body: usize, end: End) -> Story {
    Story { material, name: material, body, end, replaces: None, is_confidential: false }
}
