//! Steps on the ledger that people sign in their browsers: the forms of those that roles allow, and those that were begun.

use askama::Template;
use certificate::Duty;
use enrolment::{Act, acts::State as ActState};

use crate::{
    page::{Frame, moment},
    registry::NEXT,
};

/// What a page needs on which steps are signed: in whose name, and where.
pub struct Signing {
    pub fingerprint: String,
    pub msp_id: String,
    pub certificate: String,
    pub channel: String,
}

#[derive(Template)]
#[template(path = "acts.html")]
pub struct ActsPage {
    pub frame: Frame,
    pub acts: Vec<ShownAct>,
}

#[derive(Template)]
#[template(path = "act.html")]
pub struct ActPage {
    pub frame: Frame,
    pub act: ShownAct,
    /// Where it can go on.
    pub signing: Option<Signing>,
}

pub struct ShownAct {
    pub act: Act,
    pub at: String,
}

impl ShownAct {
    pub fn of(act: Act) -> Self {
        Self { at: moment(act.created_at), act }
    }

    pub fn function(&self) -> &str {
        self.act.call.arguments.first().map_or("", String::as_str)
    }

    pub fn inputs(&self) -> &[String] {
        self.act.call.arguments.get(1..).unwrap_or_default()
    }

    pub fn is_open(&self) -> bool {
        let has_ended =
            matches!(self.act.state, ActState::Committed | ActState::Refused | ActState::Evaluated);
        !has_ended && !self.act.call.is_evaluated()
    }

    /// What happens next, where that is somebody else's to do.
    pub fn next(&self) -> Option<&'static str> {
        let is_done = self.act.state == ActState::Committed && self.act.code.as_deref() == Some("VALID");
        (is_done && self.function() == PROPOSE_KEY.function).then_some(NEXT)
    }

    pub fn says(&self) -> String {
        match (self.act.state, self.act.block, self.act.code.as_deref()) {
            (ActState::Evaluated, ..) => {
                "answered by a peer, and shown once; nothing is on the ledger".to_owned()
            }
            (ActState::Prepared, ..) if self.act.call.is_evaluated() => {
                "not asked: nothing was read".to_owned()
            }
            (ActState::Prepared, ..) => "waits for your signature".to_owned(),
            (ActState::Endorsed, ..) => "endorsed; the transaction waits for your signature".to_owned(),
            (ActState::Submitted, ..) => "submitted; what became of it was not heard yet".to_owned(),
            (ActState::Refused, ..) => "refused; nothing was done".to_owned(),
            (ActState::Committed, Some(block), Some("VALID")) => format!("done, in block {block}"),
            (ActState::Committed, block, code) => {
                let (block, code) = (block.unwrap_or_default(), code.unwrap_or_default());
                format!("without effect: {code}, in block {block}")
            }
        }
    }
}

/// A form by which a function of the contract is called.
pub struct StepForm {
    pub title: &'static str,
    pub function: &'static str,
    /// What is typed, behind the arguments that the page itself knows.
    pub inputs: &'static [Input],
}

impl StepForm {
    /// The name by which its fields are told from other forms'.
    pub fn name(&self) -> String {
        self.function.replace(':', "-")
    }
}

/// An argument.
pub enum Input {
    Line(&'static str, &'static str),
    Choice(&'static str, &'static [&'static str]),
    /// A document to decide on, which the page brings into canonical form.
    Document(&'static str, &'static str),
    /// A request: what it is, and the members of its JSON object.
    Members(&'static str, &'static [Member]),
}

/// A member of a request.
pub struct Member {
    /// With a dot, a member of a member: `scope.standards`.
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: MemberKind,
}

/// How a member is typed.
pub enum MemberKind {
    Line,
    /// A list, line by line; left out where it is empty, and may be.
    List,
    /// A list, or that there is no limit: who leaves it empty has to say that this is meant.
    Limit,
    Choice(&'static [&'static str]),
    /// Yes or no: no, where nobody chooses.
    Flag,
    /// A whole number, left out where it is empty.
    Number,
}

const fn flag(name: &'static str, label: &'static str, hint: &'static str) -> Member {
    Member { name, label, hint, kind: MemberKind::Flag }
}

const fn number(name: &'static str, label: &'static str, hint: &'static str) -> Member {
    Member { name, label, hint, kind: MemberKind::Number }
}

const fn text(name: &'static str, label: &'static str, hint: &'static str) -> Member {
    Member { name, label, hint, kind: MemberKind::Line }
}

const fn lines(name: &'static str, label: &'static str, hint: &'static str) -> Member {
    Member { name, label, hint, kind: MemberKind::List }
}

const fn limit(name: &'static str, label: &'static str) -> Member {
    Member { name, label, hint: "Each on a line of its own.", kind: MemberKind::Limit }
}

/// A step that a page offers.
pub struct Offered {
    pub form: &'static StepForm,
    pub chaincode: String,
    /// The first arguments: what the page is about.
    pub about: Vec<String>,
    /// Why the contract would refuse it of who looks.
    pub conflict: Option<String>,
    /// The document to decide on, where it is known.
    pub document: Option<String>,
    /// What is known of a request: what stands in its members, and further members that nobody types.
    pub known: Vec<(&'static str, String)>,
    /// What it is about, in words.
    pub facts: Vec<(&'static str, String)>,
}

impl Offered {
    /// A step that nothing stands against.
    pub fn of(form: &'static StepForm, chaincode: &str, about: Vec<String>) -> Self {
        let chaincode = chaincode.to_owned();
        let (known, facts) = (Vec::new(), Vec::new());
        Self { form, chaincode, about, conflict: None, document: None, known, facts }
    }

    /// What a member has before anybody types.
    pub fn value(&self, member: &Member) -> &str {
        self.known.iter().find(|(name, _)| *name == member.name).map_or("", |(_, value)| value)
    }

    /// The members that nobody types.
    pub fn hidden(&self, members: &[Member]) -> Vec<&(&'static str, String)> {
        let is_typed = |name: &str| members.iter().any(|member| member.name == name);
        self.known.iter().filter(|(name, _)| !is_typed(name)).collect()
    }
}

const REASON: Input = Input::Line("Reason", "One sentence that the public may read.");

/// The steps of an application.
const APPLICATION: &[StepForm] = &[
    StepForm {
        title: "Anchor a test report",
        function: "application:report",
        inputs: &[Input::Members(
            "The report",
            &[
                text("sha256", "SHA-256 of the report", "64 hexadecimal digits."),
                text("method", "Method", "As you are accredited for it, such as TEM."),
                text("number", "Number of the report", "As it stands on it."),
                text("date", "Date of the report", "Such as 2026-01-31."),
            ],
        )],
    },
    StepForm { title: "Accept it for evaluation", function: "application:accept", inputs: &[] },
    StepForm {
        title: "Evaluate",
        function: "application:evaluate",
        inputs: &[
            Input::Line("Findings", "One line that the public may read."),
            Input::Choice("Recommendation", &["grant", "refuse"]),
        ],
    },
    StepForm {
        title: "Review",
        function: "application:review",
        inputs: &[Input::Line("Conclusion", "One line that the public may read.")],
    },
    StepForm {
        title: "Decide to grant",
        function: "application:decide",
        inputs: &[Input::Document(
            "Document",
            "The document without its proof, as JSON. You decide on exactly this one.",
        )],
    },
    StepForm {
        title: "Return it for more",
        function: "application:return",
        inputs: &[Input::Line("What is asked for", "One sentence, which the applicant and the public read.")],
    },
    StepForm { title: "Refuse it", function: "application:refuse", inputs: &[REASON] },
];

const SUPERVISION: &str = "It is told to everybody who looks at the certificate.";

/// What is done with a certificate after its grant (ISO/IEC 17065, 7.9 and 7.11), and whose duty at the issuing body it is.
const CERTIFICATE: &[(StepForm, &[Duty])] = &[
    (
        StepForm {
            title: "Suspend the certificate",
            function: "certificate:stop",
            inputs: &[Input::Line("Reason", SUPERVISION)],
        },
        &[Duty::DecisionMaker],
    ),
    (
        StepForm {
            title: "Lift the suspension",
            function: "certificate:lift",
            inputs: &[Input::Line("Reason", SUPERVISION)],
        },
        &[Duty::DecisionMaker],
    ),
    (
        StepForm {
            title: "Withdraw the certificate",
            function: "certificate:withdraw",
            inputs: &[Input::Line(
                "Reason",
                "It is told to everybody who looks at the certificate. It is final.",
            )],
        },
        &[Duty::DecisionMaker],
    ),
    (
        StepForm {
            title: "Record a surveillance",
            function: "surveillance:record",
            inputs: &[
                Input::Line("Findings", "One line that the public may read."),
                Input::Choice("Conclusion", &["conforming", "nonconforming"]),
            ],
        },
        &[Duty::Evaluator],
    ),
    (
        StepForm {
            title: "Plan a surveillance",
            function: "surveillance:plan",
            inputs: &[
                Input::Line("Due", "A time such as 2027-01-31T12:00:00Z, no later than the scheme asks for."),
                REASON,
            ],
        },
        &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker],
    ),
];

const TERM: Input = Input::Members(
    "The next term",
    &[
        text("number", "Number", "It may be the same one."),
        text(
            "validFrom",
            "From",
            "A time such as 2027-01-31T12:00:00Z, after the beginning of the last term.",
        ),
        text("validUntil", "Until before", "A time, after the end of the last term."),
    ],
);

/// What the accreditation body does with an accreditation (ISO/IEC 17011, 7.8 to 7.11). Its people of the duty accreditor may.
const ACCREDITATION: &[StepForm] = &[
    StepForm {
        title: "Suspend it",
        function: "accreditation:suspend",
        inputs: &[
            Input::Choice("For new grants, or for all certificates", &["newGrants", "allCertificates"]),
            REASON,
        ],
    },
    StepForm { title: "Restore it", function: "accreditation:restore", inputs: &[REASON] },
    StepForm { title: "Renew it", function: "accreditation:renew", inputs: &[TERM, REASON] },
    StepForm {
        title: "Change its scope",
        function: "accreditation:changeScope",
        inputs: &[
            Input::Members(
                "The scope from now on",
                &[limit("standards", "Standards"), limit("categories", "Categories of products")],
            ),
            REASON,
        ],
    },
];

/// What it does with a laboratory.
const LABORATORY: &[StepForm] = &[
    StepForm { title: "Suspend it", function: "laboratory:suspend", inputs: &[REASON] },
    StepForm { title: "Restore it", function: "laboratory:restore", inputs: &[REASON] },
    StepForm { title: "Renew it", function: "laboratory:renew", inputs: &[TERM, REASON] },
    StepForm {
        title: "Change its scope",
        function: "laboratory:changeScope",
        inputs: &[
            Input::Members(
                "The scope from now on",
                &[lines("methods", "Methods", "Each on a line of its own.")],
            ),
            REASON,
        ],
    },
];

/// How a laboratory is registered.
pub const REGISTER_LABORATORY: StepForm = StepForm {
    title: "Register a laboratory",
    function: "laboratory:register",
    inputs: &[Input::Members(
        "The laboratory",
        &[
            text("organisation", "Organisation", "Its MSP id, such as LabMSP."),
            text("number", "Number of the accreditation", "By ISO/IEC 17025."),
            lines("methods", "Methods", "Each on a line of its own."),
            text("validFrom", "From", "A time such as 2026-01-31T12:00:00Z."),
            text("validUntil", "Until before", "A time."),
        ],
    )],
};

/// How a scheme is registered (ISO/IEC 17067), once for each of its versions.
pub const REGISTER_SCHEME: StepForm = StepForm {
    title: "Register a scheme",
    function: "scheme:register",
    inputs: &[Input::Members(
        "The scheme, which is never changed: another version is another scheme",
        &[
            text("id", "Identifier", "A URI, the same one for each version."),
            text("version", "Version", "Such as 1."),
            text("title", "Title", "As people say it."),
            lines(
                "standards",
                "Standards",
                "A URI each, on a line of its own. A certificate may name these alone.",
            ),
            flag(
                "directIssue",
                "A certificate may be issued in one step",
                "Without application, evaluation, review and decision.",
            ),
            flag(
                "reviewerMayDecide",
                "Who reviewed an application may decide on it",
                "ISO/IEC 17065, 7.6.2, leaves it open.",
            ),
            number(
                "surveillance.everyDays",
                "Days between surveillances",
                "1 to 1098, from the issue on. Empty: the scheme asks for none.",
            ),
            number(
                "surveillance.graceDays",
                "Days after which an overdue surveillance ends the certificate",
                "1 to 1098. Empty: that it is overdue is only shown.",
            ),
        ],
    )],
};

/// How a body is accredited for a scheme for the first time (ISO/IEC 17011, 7.8).
pub const REGISTER_ACCREDITATION: StepForm = StepForm {
    title: "Accredit a certification body",
    function: "accreditation:register",
    inputs: &[Input::Members(
        "The accreditation",
        &[
            text("body", "Body", "Its MSP id, such as CertBodyMSP."),
            text("schemeId", "Scheme", "Its identifier. The accreditation covers every version of it."),
            text("number", "Number of the accreditation", "As it stands on its deed."),
            text("validFrom", "From", "A time such as 2026-01-31T12:00:00Z."),
            text("validUntil", "Until before", "A time."),
            limit("scope.standards", "Standards"),
            limit("scope.categories", "Categories of products"),
        ],
    )],
};

/// How a body asks for a key with which it signs documents.
pub const PROPOSE_KEY: StepForm = StepForm {
    title: "Propose an issuer key",
    function: "issuerKey:propose",
    inputs: &[Input::Members(
        "The key with which documents are signed",
        &[
            text(
                "publicKey",
                "Public key",
                "Ed25519 as Multikey text (z6Mk…), as nanotrace cert key generate prints it.",
            ),
            text("issuerId", "Issuer's identifier", "As documents state it, such as did:web:body.example."),
            text("issuerName", "Issuer's name", "As documents state it."),
            text(
                "statusLists",
                "Address of the status lists",
                "Without a slash at its end, such as https://body.example/status.",
            ),
        ],
    )],
};

/// The consent of the accreditation body.
const APPROVE_KEY: StepForm =
    StepForm { title: "Approve the key", function: "issuerKey:approve", inputs: &[] };

const REVOKE_KEY: StepForm = StepForm {
    title: "Revoke the key",
    function: "issuerKey:revoke",
    inputs: &[Input::Line(
        "Reason",
        "It is final: the key signs nothing more. What was issued before stands. The public may read the reason.",
    )],
};

const COMPROMISE_KEY: StepForm = StepForm {
    title: "Declare the key compromised",
    function: "issuerKey:compromise",
    inputs: &[
        Input::Line(
            "From when somebody else may have had it",
            "A time such as 2026-01-31T12:00:00Z. What was issued since is not valid. It cannot be taken back.",
        ),
        REASON,
    ],
};

/// Who looks at an issuer key, and how far it is.
pub struct AtKey {
    /// Decides for the body whose key it is.
    pub is_decision_maker: bool,
    /// Of the organisation that accredits bodies.
    pub is_accreditor: bool,
    pub is_approved: bool,
    pub is_revoked: bool,
    pub is_compromised: bool,
}

/// The forms for an issuer key. A key that was never approved is refused by revoking it.
pub fn of_key(at: &AtKey) -> Vec<&'static StepForm> {
    let ends = at.is_decision_maker || at.is_accreditor;
    let approves = at.is_accreditor && !at.is_approved && !at.is_revoked && !at.is_compromised;
    let offered = [
        (approves, &APPROVE_KEY),
        (ends && !at.is_revoked, &REVOKE_KEY),
        (ends && at.is_approved, &COMPROMISE_KEY),
    ];
    offered.into_iter().filter(|(is_open, _)| *is_open).map(|(_, form)| form).collect()
}

/// The forms for an accreditation, or for a laboratory, that is suspended or not. For new grants alone, it can be suspended for all.
pub fn of_registered(is_laboratory: bool, suspended: Option<&str>) -> Vec<&'static StepForm> {
    let forms = if is_laboratory { LABORATORY } else { ACCREDITATION };
    let is_open = |form: &&StepForm| match form.title {
        "Suspend it" => suspended.is_none_or(|effect| effect == "newGrants"),
        "Restore it" => suspended.is_some(),
        _ => true,
    };
    forms.iter().filter(is_open).collect()
}

const ABOUT_A_COMPLAINT: &str = "Members of the ledger's channel read it: no personal data.";

/// How a complaint or an appeal is filed (ISO/IEC 17065, 7.13). Any person with a key may.
pub const FILE_COMPLAINT: StepForm = StepForm {
    title: "File it on the ledger",
    function: "complaint:file",
    inputs: &[Input::Members(
        "Complaint or appeal",
        &[
            Member {
                name: "kind",
                label: "Kind",
                hint: "An appeal asks for another decision.",
                kind: MemberKind::Choice(&["complaint", "appeal"]),
            },
            text(
                "summary",
                "What it is, in a line",
                "Members of the ledger's channel read it: no personal data. Who files it does not decide it.",
            ),
        ],
    )],
};

pub const ACKNOWLEDGE_COMPLAINT: StepForm = StepForm {
    title: "Acknowledge it",
    function: "complaint:acknowledge",
    inputs: &[Input::Line("Who looks into it, and until when", ABOUT_A_COMPLAINT)],
};

pub const DECIDE_COMPLAINT: StepForm = StepForm {
    title: "Decide",
    function: "complaint:decide",
    inputs: &[
        Input::Choice("Outcome", &["upheld", "dismissed"]),
        Input::Line(
            "Why",
            "Members of the ledger's channel read it: no personal data. What follows is done apart.",
        ),
    ],
};

pub const WITHDRAW_COMPLAINT: StepForm = StepForm {
    title: "Withdraw it",
    function: "complaint:withdraw",
    inputs: &[Input::Line("Why", ABOUT_A_COMPLAINT)],
};

/// How the certificate that another one replaces ends.
pub const SUPERSEDE: StepForm = StepForm {
    title: "Supersede the certificate that this one replaces",
    function: "certificate:supersede",
    inputs: &[Input::Line("Reason", "It is told to everybody who looks at the old one. It is final.")],
};

/// Who looks at a certificate.
pub struct Looking<'a> {
    pub roles: &'a [String],
    /// Of the body that issued it.
    pub is_of_body: bool,
    /// Of the organisation that accredits bodies, which suspends, lifts and withdraws beside the body.
    pub is_accreditor: bool,
    /// Whether their own organisation has suspended it.
    pub has_suspended: bool,
}

/// The forms for a certificate that was not withdrawn.
pub fn of_certificate(who: &Looking<'_>) -> Vec<&'static StepForm> {
    let is_open = |(form, duties): &&(StepForm, &[Duty])| {
        let has = duties.iter().any(|duty| who.roles.iter().any(|role| role == duty.name()));
        let fits = match form.function {
            "certificate:stop" => !who.has_suspended,
            "certificate:lift" => who.has_suspended,
            _ => true,
        };
        let is_stop = form.function.starts_with("certificate:");
        fits && ((who.is_of_body && has) || (who.is_accreditor && is_stop))
    };
    CERTIFICATE.iter().filter(is_open).map(|(form, _)| form).collect()
}

/// The forms for the steps of an application that somebody takes in a page, those that lead on first.
pub fn of_application() -> &'static [StepForm] {
    APPLICATION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_approved_and_ended_by_whom_the_contract_lets() {
        let offered =
            |is_decision_maker, is_accreditor, [is_approved, is_revoked, is_compromised]: [bool; 3]| {
                let at = AtKey { is_decision_maker, is_accreditor, is_approved, is_revoked, is_compromised };
                of_key(&at).into_iter().map(|form| form.function).collect::<Vec<_>>()
            };
        const PROPOSED: [bool; 3] = [false, false, false];
        const APPROVED: [bool; 3] = [true, false, false];
        const REVOKED: [bool; 3] = [true, true, false];
        const COMPROMISED: [bool; 3] = [true, false, true];
        let (approve, revoke, compromise) = ("issuerKey:approve", "issuerKey:revoke", "issuerKey:compromise");
        for state in [PROPOSED, APPROVED, REVOKED, COMPROMISED] {
            assert!(offered(false, false, state).is_empty(), "{state:?}");
        }
        assert_eq!(offered(true, false, PROPOSED), [revoke]);
        assert_eq!(offered(false, true, PROPOSED), [approve, revoke]);
        assert_eq!(offered(false, true, [false, false, true]), [revoke]);
        assert_eq!(offered(false, true, [false, true, false]), Vec::<&str>::new());
        for is_accreditor in [false, true] {
            assert_eq!(offered(!is_accreditor, is_accreditor, APPROVED), [revoke, compromise]);
            assert_eq!(offered(!is_accreditor, is_accreditor, REVOKED), [compromise]);
            assert_eq!(offered(!is_accreditor, is_accreditor, COMPROMISED), [revoke, compromise]);
        }
    }
}
