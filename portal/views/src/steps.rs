//! Steps on the ledger that people sign in their browsers: the forms of those that roles allow, and those that were begun.

use askama::Template;
use certificate::Duty;
use enrolment::{Act, acts::State as ActState};

use crate::page::{Frame, moment};

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
