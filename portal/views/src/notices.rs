//! What somebody is told of.

use askama::Template;
use dossiers::notices::{Notice, TASKS};

use crate::page::{Frame, moment};

#[derive(Template)]
#[template(path = "notices.html")]
pub struct NoticesPage {
    pub frame: Frame,
    /// When the newest of them was made: what comes later is not marked as read with them.
    pub until: i64,
    pub notices: Vec<ShownNotice>,
}

pub struct ShownNotice {
    pub notice: Notice,
    pub paragraphs: Vec<String>,
    pub at: String,
}

impl NoticesPage {
    pub fn of(frame: Frame, notices: Vec<Notice>) -> Self {
        let until = notices.iter().map(|notice| notice.made_at).max().unwrap_or_default();
        Self { frame, until, notices: notices.into_iter().map(ShownNotice::of).collect() }
    }

    /// Whether there may be more that waits than is told of.
    pub fn is_full(&self) -> bool {
        let tasks = self.notices.iter().filter(|shown| shown.notice.is_task).count();
        i64::try_from(tasks).is_ok_and(|tasks| tasks >= TASKS)
    }

    pub fn has_unread(&self) -> bool {
        self.notices.iter().any(|shown| !shown.notice.is_read)
    }
}

impl ShownNotice {
    fn of(notice: Notice) -> Self {
        let paragraphs = notice.body.split("\n\n").map(str::to_owned).collect();
        Self { at: moment(notice.at), paragraphs, notice }
    }
}
