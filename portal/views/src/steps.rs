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
        !matches!(self.act.state, ActState::Committed | ActState::Refused)
    }

    pub fn says(&self) -> String {
        match (self.act.state, self.act.block, self.act.code.as_deref()) {
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

#[derive(Template)]
#[template(path = "steps.html")]
pub struct StepsPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub chaincodes: Vec<String>,
    pub steps: Vec<&'static StepForm>,
    pub signing: Option<Signing>,
}

/// A form by which a function of the contract is called.
pub struct StepForm {
    pub title: &'static str,
    pub function: &'static str,
    /// Whose it is.
    pub duties: &'static [Duty],
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
    /// A request: a JSON object of these members.
    Members(&'static [(&'static str, &'static str, &'static str)]),
}

const APPLICATION: Input = Input::Line("Application", "Its id, as the applicant has it.");
const REASON: Input = Input::Line("Reason", "One sentence that the public may read.");
const EVALUATORS: &[Duty] = &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker];

const STEPS: &[StepForm] = &[
    StepForm {
        title: "Anchor a test report",
        function: "application:report",
        duties: &[Duty::Lab],
        inputs: &[
            APPLICATION,
            Input::Members(&[
                ("sha256", "SHA-256 of the report", "64 hexadecimal digits."),
                ("method", "Method", "As you are accredited for it, such as TEM."),
                ("number", "Number of the report", ""),
                ("date", "Date of the report", "Such as 2026-01-31."),
            ]),
        ],
    },
    StepForm {
        title: "Accept an application",
        function: "application:accept",
        duties: EVALUATORS,
        inputs: &[APPLICATION],
    },
    StepForm {
        title: "Return an application for more",
        function: "application:return",
        duties: EVALUATORS,
        inputs: &[APPLICATION, REASON],
    },
    StepForm {
        title: "Refuse an application",
        function: "application:refuse",
        duties: EVALUATORS,
        inputs: &[APPLICATION, REASON],
    },
    StepForm {
        title: "Evaluate",
        function: "application:evaluate",
        duties: &[Duty::Evaluator],
        inputs: &[
            APPLICATION,
            Input::Line("Findings", "One line that the public may read."),
            Input::Choice("Recommendation", &["grant", "refuse"]),
        ],
    },
    StepForm {
        title: "Review",
        function: "application:review",
        duties: &[Duty::Reviewer],
        inputs: &[APPLICATION, Input::Line("Conclusion", "One line that the public may read.")],
    },
    StepForm {
        title: "Decide to grant",
        function: "application:decide",
        duties: &[Duty::DecisionMaker],
        inputs: &[
            APPLICATION,
            Input::Document(
                "Document",
                "The document without its proof, as JSON. You decide on exactly this one.",
            ),
        ],
    },
];

/// The forms for these roles.
pub fn steps_of(roles: &[String]) -> Vec<&'static StepForm> {
    let has = |duty: &Duty| roles.iter().any(|role| role == duty.name());
    STEPS.iter().filter(|step| step.duties.iter().any(has)).collect()
}
