//! Companies of several people over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use accounts::Database;
use dossiers::index;
use harness::{Browser, PASSWORD, Portal, Postgres};
use http::Method;
use portal::Access;
use sqlx::AnyPool;

const ADA: &str = "ada@works.example";
const MAX: &str = "max@works.example";
const REA: &str = "rea@works.example";
const EVE: &str = "eve@others.example";
const CODE: &str = "01040G2081840R2081040G2081S";

cases![
    an_owner_invites_gives_roles_and_removes,
    an_invitation_works_once_and_while_its_owner_is_one,
    invitations_tell_nobody_who_has_an_account,
    a_company_is_never_without_an_owner,
    two_owners_who_demote_each_other_leave_one,
    what_somebody_made_stays_when_it_leaves,
    who_left_comes_back_by_an_invitation_alone,
    a_reader_sees_and_does_nothing,
    readers_are_told_in_the_portal_and_not_by_mail,
    a_role_that_was_changed_meanwhile_does_nothing,
    a_company_has_a_limited_number_of_people,
];

/// Takes a step about somebody of the company.
async fn step(portal: &Portal, owner: &mut Browser, email: &str, step: &str, role: &str) -> u16 {
    let path = format!("/team/people/{}", portal.id(email).await);
    owner.post(&path, &[("step", step), ("role", role)]).await.status
}

async fn role_of(portal: &Portal, email: &str) -> Vec<String> {
    let select = sqlx::query_as("SELECT role FROM roles JOIN accounts ON account = id WHERE email = $1");
    let rows: Vec<(String,)> = select.bind(email).fetch_all(&portal.pool).await.unwrap();
    rows.into_iter().map(|(role,)| role).collect()
}

async fn an_owner_invites_gives_roles_and_removes(portal: Portal) {
    let mut ada = portal.company(ADA, "Works <b>").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    portal.mail(ADA, "joined your company").await;
    let mut rea = portal.colleague(&mut ada, REA, "reader").await;
    assert_eq!(role_of(&portal, ADA).await, ["owner"]);
    assert_eq!(role_of(&portal, MAX).await, ["member"]);
    assert_eq!(role_of(&portal, REA).await, ["reader"]);
    let invited = ada.post("/team/invitations", &[("email", EVE), ("role", "reader")]).await;
    assert_eq!(invited.status, 200, "{}", invited.body);
    let page = ada.get("/team").await.body;
    for shown in [ADA, MAX, REA, EVE, "People of Works &#60;b&#62;", "Hand over"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // Members and readers see who belongs to it, and change nothing.
    for (name, browser) in [("member", &mut max), ("reader", &mut rea)] {
        let page = browser.get("/team").await.body;
        assert!(
            page.contains(MAX) && !page.contains("/team/people/") && !page.contains(EVE),
            "{name}: {page}"
        );
        let before = portal.count("audit").await;
        assert_eq!(step(&portal, browser, REA, "role", "owner").await, 403, "{name}");
        assert_eq!(step(&portal, browser, ADA, "remove", "").await, 403, "{name}");
        let invite =
            browser.post("/team/invitations", &[("email", "x@works.example"), ("role", "owner")]).await;
        assert_eq!(invite.status, 403, "{name}");
        assert_eq!(portal.count("audit").await, before, "{name}");
        assert_eq!(browser.get("/admin/audit").await.status, 404, "{name}");
    }
    assert_eq!(step(&portal, &mut ada, REA, "role", "member").await, 303);
    portal.mail(REA, "made you a member").await;
    assert_eq!(rea.post("/applications", &[]).await.status, 303, "a role counts at once");
    assert_eq!(step(&portal, &mut ada, MAX, "role", "owner").await, 303);
    assert_eq!(role_of(&portal, MAX).await, ["owner"], "one role each");
    // The other owners hear of it, whoever did it.
    assert_eq!(step(&portal, &mut max, REA, "role", "owner").await, 303);
    portal.mail(ADA, "made rea@works.example an owner").await;
    // Removed: the session ends at once, and with it everything of the account that lets in.
    rea.make_passkey("A key").await;
    assert_eq!(step(&portal, &mut ada, REA, "remove", "").await, 303);
    assert_eq!(rea.get("/applications").await.header("location"), "/login?next=%2Fapplications");
    assert_eq!(rea.log_in(REA, PASSWORD).await.status, 422);
    assert_eq!(rea.show_passkey().await.status, 422);
    portal.mail(REA, "removed you").await;
    portal.mail(MAX, "removed rea@works.example").await;
    let log = ada.get("/admin/audit").await.body;
    for action in ["invitation", "account made", "role given", "person removed", REA] {
        assert!(log.contains(action), "{action}: {log}");
    }
    for (wrong, role) in
        [("role", "root"), ("role", "administrator"), ("role", ""), ("remove", "owner"), ("enable", "")]
    {
        assert_eq!(step(&portal, &mut ada, MAX, wrong, role).await, 404, "{wrong} {role}");
    }
    let invite =
        ada.post("/team/invitations", &[("email", "x@works.example"), ("role", "administrator")]).await;
    assert_eq!(invite.status, 404);
    // A form has its fields and no others.
    let path = format!("/team/people/{}", portal.id(MAX).await);
    let more = [("step", "role"), ("role", "reader"), ("party", "BodyMSP")];
    assert_eq!(ada.post(&path, &more).await.status, 400);
}

async fn join(portal: &Portal, link: &str) -> u16 {
    let token = link.replace("/join?token=", "");
    let fields = [("token", token.as_str()), ("name", "Somebody"), ("password", PASSWORD)];
    portal.browser().post("/join", &fields).await.status
}

async fn an_invitation_works_once_and_while_its_owner_is_one(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let invite = |email: &'static str, role: &'static str| [("email", email), ("role", role)];
    ada.post("/team/invitations", &invite(REA, "owner")).await;
    let first = portal.link(REA, "/join").await;
    // Another one to the same address takes its place.
    ada.post("/team/invitations", &invite(REA, "reader")).await;
    portal.mail(REA, "as a reader").await;
    let second = portal.link(REA, "/join").await;
    assert_eq!(join(&portal, &first).await, 410);
    assert_eq!(portal.count("links").await, 1);
    // Withdrawn; nobody withdraws another company's.
    let mut eve = portal.company(EVE, "Others").await;
    assert_eq!(eve.post("/team/invitations/withdraw", &[("email", REA)]).await.status, 404);
    assert_eq!(ada.post("/team/invitations/withdraw", &[("email", REA)]).await.status, 303);
    assert_eq!(join(&portal, &second).await, 410);
    // Its time is over.
    ada.post("/team/invitations", &invite(REA, "member")).await;
    portal.mail(REA, "as a member").await;
    let third = portal.link(REA, "/join").await;
    sqlx::query("UPDATE links SET expires_at = expires_at - 604801").execute(&portal.pool).await.unwrap();
    assert_eq!(join(&portal, &third).await, 410);
    // Used, and used again.
    portal.colleague(&mut ada, MAX, "owner").await;
    let used = portal.link(MAX, "/join").await;
    assert_eq!(join(&portal, &used).await, 410);
    // Who sent it is no owner any more.
    let mut max = portal.browser();
    max.log_in(MAX, PASSWORD).await;
    max.post("/team/invitations", &invite("new@works.example", "owner")).await;
    let late = portal.link("new@works.example", "/join").await;
    assert_eq!(step(&portal, &mut ada, MAX, "role", "member").await, 303);
    assert_eq!(join(&portal, &late).await, 410);
    assert_eq!(portal.count("accounts").await, 3);
}

async fn invitations_tell_nobody_who_has_an_account(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    let mut replies = Vec::new();
    for email in [EVE, "nobody@others.example"] {
        let reply = ada.post("/team/invitations", &[("email", email), ("role", "member")]).await;
        let page = ada.get("/team").await.text();
        assert!(page.contains(email), "{page}");
        assert_eq!(ada.post("/team/invitations/withdraw", &[("email", email)]).await.status, 303);
        replies.push((reply.status, reply.text(), reply.headers.len(), page.replace(email, "…")));
    }
    assert_eq!(replies[0], replies[1]);
    // Its owner reads why it does not work; no link of it lets anybody in.
    let mail = portal.mail(EVE, "An invitation").await;
    assert!(mail.contains("has an account already") && !mail.contains("token="), "{mail}");
    assert_eq!(
        ada.post("/team/invitations", &[("email", "a@b\r\nBcc: c@d"), ("role", "member")]).await.status,
        422
    );
}

async fn a_company_is_never_without_an_owner(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    assert_eq!(ada.post("/team/leave", &[]).await.status, 409);
    for (name, role) in [("role", "member"), ("role", "reader"), ("remove", "")] {
        assert_eq!(step(&portal, &mut ada, ADA, name, role).await, 409, "{name} {role}");
    }
    assert_eq!(role_of(&portal, ADA).await, ["owner"]);
    assert!(ada.get("/admin/audit?search=refused").await.body.contains("company left"));
    // An owner who cannot log in is none.
    assert_eq!(step(&portal, &mut ada, MAX, "role", "owner").await, 303);
    let disable = sqlx::query("UPDATE accounts SET disabled_at = $1 WHERE email = $2");
    disable.bind(1_i64).bind(MAX).execute(&portal.pool).await.unwrap();
    assert_eq!(ada.post("/team/leave", &[]).await.status, 409);
    assert_eq!(step(&portal, &mut ada, ADA, "role", "member").await, 409);
    assert_eq!(step(&portal, &mut ada, MAX, "hand-over", "").await, 404);
    let enable = sqlx::query("UPDATE accounts SET disabled_at = NULL WHERE email = $1");
    enable.bind(MAX).execute(&portal.pool).await.unwrap();
    assert_eq!(step(&portal, &mut ada, MAX, "role", "member").await, 303);
    // Handed over, and left.
    assert_eq!(step(&portal, &mut ada, ADA, "hand-over", "").await, 404, "to herself");
    assert_eq!(step(&portal, &mut ada, MAX, "hand-over", "").await, 303);
    assert_eq!(
        (role_of(&portal, ADA).await, role_of(&portal, MAX).await),
        (vec!["member".into()], vec!["owner".into()])
    );
    portal.mail(MAX, "you are an owner now").await;
    let left = ada.post("/team/leave", &[]).await;
    assert!(left.status == 200 && left.body.contains("You left"), "{}", left.body);
    assert!(ada.session().is_none());
    portal.mail(MAX, "left Works").await;
    assert_eq!(max.post("/team/leave", &[]).await.status, 409);
}

async fn two_owners_who_demote_each_other_leave_one(portal: Portal) {
    for (number, name) in ["role", "remove", "hand-over"].into_iter().enumerate() {
        let emails = [0, 1].map(|at| format!("owner-{number}-{at}@works.example"));
        let mut ada = portal.company(&emails[0], "Works").await;
        let mut max = portal.colleague(&mut ada, &emails[1], "owner").await;
        ada.form_token().await;
        max.form_token().await;
        let role = if name == "role" { "reader" } else { "" };
        let (first, second) = tokio::join!(
            step(&portal, &mut ada, &emails[1], name, role),
            step(&portal, &mut max, &emails[0], name, role)
        );
        let select = sqlx::query_as(
            "SELECT count(*) FROM roles JOIN accounts ON account = id WHERE role = 'owner' AND disabled_at IS NULL \
             AND party IN (SELECT party FROM accounts WHERE email IN ($1, $2))",
        );
        let (owners,): (i64,) =
            select.bind(&emails[0]).bind(&emails[1]).fetch_one(&portal.pool).await.unwrap();
        assert_eq!(owners, 1, "{name}: {first} {second}");
        // Who was removed first is led to the login, who was demoted hears of it.
        assert!([first, second].contains(&303), "{name}: {first} {second}");
        let action = ["role given", "person removed", "ownership handed over"][number];
        let select = sqlx::query_as("SELECT count(*) FROM audit WHERE action = $1 AND result = 'done'");
        let (done,): (i64,) = select.bind(action).fetch_one(&portal.pool).await.unwrap();
        assert!(done == 1 || name == "hand-over", "{name}: {done}");
    }
}

/// A draft, an application that a body has with a confidential field, a file, a complaint, a shipment and a notice, all of Max.
async fn everything(portal: &Portal, max: &mut Browser) -> [String; 3] {
    let draft = max.post("/applications", &[]).await.header("location").split('/').nth(2).unwrap().to_owned();
    let other = max.post("/applications", &[]).await.header("location").split('/').nth(2).unwrap().to_owned();
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT $1, party, id, $1, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' FROM accounts WHERE email = $2",
    )
    .bind(&other)
    .bind(MAX)
    .execute(&portal.pool)
    .await
    .unwrap();
    let application = serde_json::from_value(serde_json::json!({
        "application": other, "body": "CertBodyMSP", "applicant": "IndustryMSP", "title": "Zinc", "schemeId": "S",
        "schemeVersion": "1", "dossier": "sha256:0", "state": "returned",
        "steps": [
            {"step": "submit", "effectiveAt": moment(5), "by": "IndustryMSP", "transactionId": "1"},
            {"step": "return", "effectiveAt": moment(5), "by": "CertBodyMSP", "reason": "Which batch?", "transactionId": "2"},
        ],
    }));
    index::keep(&portal.database, &application.unwrap()).await.unwrap();
    let confided = [("name", "formulation"), ("confidential", "of Works alone")];
    let kept = max.post(&format!("/applications/{other}/confidential"), &confided).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    let file = max.upload("Sheet.pdf", b"%PDF-1.7").await.header("location").replace("/files?file=", "");
    let words = [("kind", "appeal"), ("application", other.as_str()), ("words", "We sent the right one.")];
    assert_eq!(max.post("/complaints", &words).await.status, 303);
    assert_eq!(max.post("/shipments", &[("list", CODE)]).await.status, 303);
    for (statement, of) in [
        (
            "INSERT INTO studies (id, party, account, file, title, sha256, parameters, created_at) \
             SELECT 'study', party, id, $1, 'Data of Max', '0', '--lower 95', 0 FROM accounts WHERE email = $2",
            &file,
        ),
        (
            "INSERT INTO computations (id, study, party, account, state, created_at, tries, rows_read, said, statement) \
             SELECT $1, 'study', party, id, 'refused', 0, 1, 0, 'No rows.', '' FROM accounts WHERE email = $2",
            &file,
        ),
        (
            "INSERT INTO claims (application, body, party, account, content, at) \
             SELECT $1, 'CertBodyMSP', party, id, '{}', 0 FROM accounts WHERE email = $2",
            &CODE.to_owned(),
        ),
    ] {
        sqlx::query(statement).bind(of).bind(MAX).execute(&portal.pool).await.unwrap();
    }
    [draft, other, file]
}

fn moment(after: i64) -> String {
    certificate::DateTime::from_seconds(accounts::now() + after).to_string()
}

/// What a company's person sees of it all.
async fn seen(browser: &mut Browser, [draft, other, file]: &[String; 3]) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        "/applications".to_owned(),
        format!("/applications/{draft}"),
        format!("/applications/{draft}/preview"),
        format!("/applications/{other}"),
        format!("/files/{file}"),
        "/files".to_owned(),
        "/complaints".to_owned(),
        "/shipments".to_owned(),
        "/certificates".to_owned(),
        "/applications/take-over".to_owned(),
        "/studies".to_owned(),
        "/studies/study".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        let text = page.text();
        // The name in the head is who looks at it.
        let main = text.split_once("<main").map_or(text.clone(), |(_, main)| main.to_owned());
        seen.push(format!("{path}\n{main}"));
    }
    seen
}

async fn what_somebody_made_stays_when_it_leaves(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    let made = everything(&portal, &mut max).await;
    let before = seen(&mut ada, &made).await;
    assert!(before[6].contains("We sent the right one."), "{}", before[6]);
    // Of what Max alone was told, some is read.
    sqlx::query(
        "INSERT INTO notices (id, account, event, is_task, subject, body, link, at, made_at, read_at) \
         SELECT 'older', id, 'older', 0, 'Before Ada came', 'x', '/applications', 5, 5, 7 FROM accounts WHERE email = $1",
    )
    .bind(MAX)
    .execute(&portal.pool)
    .await
    .unwrap();
    let events =
        "notices WHERE event = 'older' OR subject LIKE 'More is wanted%' OR subject LIKE 'Returned%'";
    let told = portal.count("notices").await;
    assert!(told >= 3, "{told} {}", portal.count(events).await);
    assert_eq!(max.post("/team/leave", &[]).await.status, 200);
    assert_eq!(seen(&mut ada, &made).await, before, "nothing is lost");
    let page = ada.get("/notifications").await.body;
    assert!(page.contains("Before Ada came"), "{page}");
    let select = sqlx::query_as(
        "SELECT count(*), count(read_at) FROM notices JOIN accounts ON accounts.id = account WHERE email = $1",
    );
    let (all, read): (i64, i64) = select.bind(ADA).fetch_one(&portal.pool).await.unwrap();
    assert_eq!(portal.count("notices").await, all, "who left keeps none");
    assert_eq!(read, 1, "what was read stays read");
    // It goes on from there.
    let hash: (String,) =
        sqlx::query_as("SELECT hash FROM confidential_fields").fetch_one(&portal.pool).await.unwrap();
    let kept = ada.get(&format!("/applications/{}/confidential", made[1])).await.body;
    assert!(kept.contains("of Works alone"), "{kept}");
    let removed =
        ada.post(&format!("/applications/{}/confidential/remove", made[1]), &[("hash", &hash.0)]).await;
    assert_eq!(removed.status, 303);
    assert_eq!(ada.post("/studies/study/remove", &[]).await.status, 303);
    assert_eq!(ada.get(&format!("/files/{}", made[2])).await.status, 404, "the data goes with its study");
    assert_eq!(ada.post(&format!("/applications/{}/discard", made[0]), &[]).await.status, 303);
    // Whose it was, the log still says.
    let log = ada.get("/admin/audit").await.body;
    assert!(log.contains("draft begun") && log.contains(MAX), "{log}");
    let found = ada.get("/admin/audit?search=max%40works.example").await.body;
    assert!(found.contains("file.upload"), "{found}");
}

async fn who_left_comes_back_by_an_invitation_alone(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    // Links of before are of no use either.
    max.post("/recover", &[("email", MAX)]).await;
    let reset = portal.link(MAX, "/reset").await;
    max.post("/account/email", &[("email", "max@elsewhere.example"), ("password", PASSWORD)]).await;
    let confirm = portal.link("max@elsewhere.example", "/confirm").await.replace("/confirm?token=", "");
    let old = portal.id(MAX).await;
    assert_eq!(step(&portal, &mut ada, MAX, "remove", "").await, 303);
    let mut late = portal.browser();
    assert_eq!(late.get(&reset).await.status, 410);
    let token = reset.replace("/reset?token=", "");
    assert_eq!(late.post("/reset", &[("token", &token), ("password", PASSWORD)]).await.status, 410);
    assert_eq!(late.post("/confirm", &[("token", &confirm)]).await.status, 410);
    assert_eq!(late.log_in(MAX, PASSWORD).await.status, 422);
    assert_eq!(late.log_in(&format!("left {old}"), "").await.status, 422);
    for name in ["role", "remove", "hand-over"] {
        let role = if name == "role" { "owner" } else { "" };
        let again = ada.post(&format!("/team/people/{old}"), &[("step", name), ("role", role)]).await;
        assert_eq!(again.status, 404, "{name}");
    }
    // The address is free: for the same company, and for another one.
    assert_eq!(ada.post("/team/invitations", &[("email", MAX), ("role", "reader")]).await.status, 200);
    portal.mail(MAX, "as a reader").await;
    let link = portal.link(MAX, "/join").await;
    let mut again = portal.browser();
    again.join(&link).await;
    assert_ne!(portal.id(MAX).await, old);
    assert!(again.get("/account").await.body.contains("reader"));
    let lea = "lea@works.example";
    let mut left = portal.colleague(&mut ada, lea, "reader").await;
    assert_eq!(left.post("/team/leave", &[]).await.status, 200);
    let mut own = portal.browser();
    let fields = [("email", lea), ("name", "Lea"), ("company", "Lea and sons")];
    assert_eq!(own.post("/register", &fields).await.status, 200);
    portal.mail(lea, "registered this address").await;
    let link = portal.link(lea, "/join").await;
    own.join(&link).await;
    let page = own.get("/team").await.body;
    assert!(page.contains("Lea and sons") && !page.contains(ADA), "{page}");
    assert_eq!(ada.get("/team").await.body.matches(lea).count(), 0);
}

/// What somebody does with the own account, in whatever role.
fn is_of_own_account(path: &str) -> bool {
    let own = ["/account/", "/passkeys", "/notifications/"];
    own.iter().any(|start| path.starts_with(start)) || ["/logout", "/team/leave"].contains(&path)
}

async fn a_reader_sees_and_does_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    let mut rea = portal.colleague(&mut ada, REA, "reader").await;
    let made = everything(&portal, &mut max).await;
    // Every form of the table that people of companies reach.
    let of_staff = [Access::Staff, Access::Administrator, Access::AdministratorOrOwner, Access::Everybody];
    let posts = portal::routes().into_iter().filter(|route| route.method == Method::POST);
    let posts = posts.filter(|route| !route.access.is_for_programs());
    let posts = posts.filter(|route| !of_staff.contains(&route.access)).collect::<Vec<_>>();
    let mut refused = 0;
    let before = (portal.count("audit").await, portal.count("outbox").await);
    for route in &posts {
        if is_of_own_account(route.path) {
            let open = [Access::Login, Access::Account, Access::Company];
            assert!(open.contains(&route.access), "{}", route.path);
            continue;
        }
        let does = [Access::Acting, Access::Applicant, Access::Owner];
        assert!(does.contains(&route.access), "{} is open to readers", route.path);
        let path = route.path.replace("{application}", &made[0]).replace("{file}", &made[2]);
        let answer = rea.post(&path, &[("reason", "x")]).await;
        assert!(answer.status == 403 && answer.body.contains("Not for your role"), "{path}: {}", answer.body);
        refused += 1;
    }
    assert!(refused >= 18, "{refused}");
    assert_eq!((portal.count("audit").await, portal.count("outbox").await), before, "something was done");
    // A member does all but what owners do.
    for route in posts.iter().filter(|route| !is_of_own_account(route.path)) {
        let answer = max.post(&route.path.replace(['{', '}'], "x"), &[]).await;
        let is_barred = answer.body.contains("Not for your role");
        assert_eq!(is_barred, route.access == Access::Owner, "{}: {}", route.path, answer.body);
    }
    // It sees what they see, without a form on it, and never what is confidential.
    let mut rea = portal.browser();
    rea.log_in(REA, PASSWORD).await;
    for page in seen(&mut rea, &made).await {
        assert!(!page.contains("method=\"post\"") && !page.contains("/new"), "{page}");
    }
    for path in [
        "/applications/new".to_owned(),
        format!("/applications/{}/form/product", made[0]),
        format!("/applications/{}/confidential", made[1]),
        "/complaints/new".to_owned(),
    ] {
        assert_eq!(rea.get(&path).await.status, 403, "{path}");
        assert_eq!(max.get(&path).await.status, 200, "{path}");
    }
    let team = rea.get("/team").await.text();
    let main = team.split_once("<main").unwrap().1;
    assert_eq!(
        main.matches("method=\"post\"").count(),
        main.matches("action=\"/team/leave\"").count(),
        "{main}"
    );
}

async fn readers_are_told_in_the_portal_and_not_by_mail(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    let mut rea = portal.colleague(&mut ada, REA, "reader").await;
    everything(&portal, &mut max).await;
    for browser in [&mut ada, &mut max, &mut rea] {
        assert!(browser.get("/notifications").await.body.contains("Which batch?"));
    }
    for (email, mails) in [(ADA, 1), (MAX, 1), (REA, 0)] {
        let select = sqlx::query_as("SELECT count(*) FROM outbox WHERE recipient = $1 AND link IS NOT NULL");
        let (count,): (i64,) = select.bind(email).fetch_one(&portal.pool).await.unwrap();
        assert_eq!(count, mails, "{email}");
    }
    // A reader marks the own notices as read, and nobody else's.
    assert_eq!(rea.post("/notifications/read", &[("until", "9999999999")]).await.status, 303);
    assert_eq!(portal.count("notices WHERE read_at IS NOT NULL").await, 1);
}

async fn a_role_that_was_changed_meanwhile_does_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "owner").await;
    let draft = max.post("/applications", &[]).await.header("location").split('/').nth(2).unwrap().to_owned();
    for (path, fields) in [
        ("/applications".to_owned(), &[][..]),
        (format!("/applications/{draft}/discard"), &[][..]),
        ("/team/invitations".to_owned(), &[("email", "friend@works.example"), ("role", "owner")][..]),
    ] {
        assert_eq!(step(&portal, &mut ada, MAX, "role", "owner").await, 303);
        let begun = max.begin_post(&path, fields).await;
        assert_eq!(step(&portal, &mut ada, MAX, "role", "reader").await, 303);
        let before =
            (portal.count("audit").await, portal.count("dossiers").await, portal.count("links").await);
        let late = begun.end().await;
        assert!(
            late.status == 409 && late.body.contains("role in the company was changed"),
            "{path}: {}",
            late.body
        );
        let after =
            (portal.count("audit").await, portal.count("dossiers").await, portal.count("links").await);
        assert_eq!(after, before, "{path}");
    }
    // Removed while the form is on the way: the session is over.
    let begun =
        max.begin_post("/account/password", &[("old", PASSWORD), ("new", "another battery, horse")]).await;
    assert_eq!(step(&portal, &mut ada, MAX, "remove", "").await, 303);
    let late = begun.end().await;
    assert!(late.status == 303 && late.header("location") == "/login" || late.status == 422, "{}", late.body);
    let (passwords,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM accounts WHERE left_at IS NOT NULL AND password = ''")
            .fetch_one(&portal.pool)
            .await
            .unwrap();
    assert_eq!(passwords, 1);
}

async fn a_company_has_a_limited_number_of_people(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let select = sqlx::query_as("SELECT party FROM accounts WHERE email = $1").bind(ADA);
    let (party,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    for number in 0..98 {
        sqlx::query(
            "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES ($1, $2, $1, 'N', '', 0)",
        )
        .bind(format!("number {number}"))
        .bind(&party)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    assert_eq!(ada.post("/team/invitations", &[("email", MAX), ("role", "member")]).await.status, 200);
    let refused = ada.post("/team/invitations", &[("email", REA), ("role", "member")]).await;
    assert!(refused.status == 422 && refused.body.contains("as many people"), "{}", refused.body);
    assert_eq!(ada.post("/team/invitations", &[("email", MAX), ("role", "owner")]).await.status, 200);
    // Nobody fills another's mailbox.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(ada.post("/team/invitations", &[("email", MAX), ("role", "member")]).await.status);
    }
    assert!(statuses.contains(&422), "{statuses:?}");
}

/// The schema as it was before companies had roles.
const BEFORE: &[&str] = &[
    include_str!("../accounts/migrations/0001-people.sql"),
    include_str!("../accounts/migrations/0002-passkeys.sql"),
    include_str!("../accounts/migrations/0003-ledger.sql"),
    include_str!("../accounts/migrations/0003-files.sql"),
    include_str!("../accounts/migrations/0003-kept-forms.sql"),
    include_str!("../accounts/migrations/0004-ledger-keys.sql"),
    include_str!("../accounts/migrations/0005-dossiers.sql"),
    include_str!("../accounts/migrations/0006-grants.sql"),
    include_str!("../accounts/migrations/0007-notices.sql"),
    include_str!("../accounts/migrations/0008-assignments.sql"),
    include_str!("../accounts/migrations/0009-complaints.sql"),
    include_str!("../accounts/migrations/0010-shipments.sql"),
    include_str!("../accounts/migrations/0011-queue.sql"),
    include_str!("../accounts/migrations/0012-confidential.sql"),
];

/// Of a company as it was: id, what it may do, whether it is disabled.
type Person = (&'static str, Option<&'static str>, bool);
const PEOPLE: &[(&str, &[Person])] = &[
    ("alone", &[("alone-1", Some("administrator"), false)]),
    ("alone without a role", &[("bare-1", None, false)]),
    (
        "several",
        &[("several-1", Some("administrator"), false), ("several-2", None, false), ("several-3", None, true)],
    ),
    ("two", &[("two-1", Some("administrator"), false), ("two-2", Some("administrator"), false)]),
    (
        "disabled",
        &[
            ("disabled-1", Some("administrator"), true),
            ("disabled-2", None, false),
            ("disabled-3", None, false),
        ],
    ),
    ("BodyMSP", &[("body-1", Some("administrator"), false), ("body-2", None, false)]),
];

async fn companies_of_before_have_owners(location: &str, url: &str, own: &'static str) {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    for text in BEFORE {
        sqlx::raw_sql(*text).execute(&pool).await.unwrap();
    }
    sqlx::raw_sql(own).execute(&pool).await.unwrap();
    sqlx::raw_sql("CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY)")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO schema_versions (version) VALUES (12)").execute(&pool).await.unwrap();
    for (party, people) in PEOPLE {
        let kind = if *party == "BodyMSP" { "organisation" } else { "company" };
        let insert = sqlx::query("INSERT INTO parties (id, kind, name, created_at) VALUES ($1, $2, $1, 0)");
        insert.bind(*party).bind(kind).execute(&pool).await.unwrap();
        for (id, role, is_disabled) in *people {
            sqlx::query(
                "INSERT INTO accounts (id, party, email, name, password, created_at, disabled_at) \
                 VALUES ($1, $2, $1, 'N', '', 7, $3)",
            )
            .bind(*id)
            .bind(*party)
            .bind(is_disabled.then_some(8_i64))
            .execute(&pool)
            .await
            .unwrap();
            if let Some(role) = role {
                let grant = sqlx::query(
                    "INSERT INTO roles (account, role, granted_by, granted_at) VALUES ($1, $2, '', 0)",
                );
                grant.bind(*id).bind(*role).execute(&pool).await.unwrap();
            }
        }
    }
    for (secret, role) in [("a", Some("administrator")), ("b", None)] {
        let insert = sqlx::query(
            "INSERT INTO links (secret, purpose, account, email, party, role, expires_at) \
             VALUES ($1, 'invite', 'several-1', 'x', 'several', $2, 9)",
        );
        insert.bind(secret).bind(role).execute(&pool).await.unwrap();
    }
    for _ in 0..2 {
        Database::open(location).await.unwrap();
        let roles: Vec<(String, String)> =
            sqlx::query_as("SELECT account, role FROM roles ORDER BY account, role")
                .fetch_all(&pool)
                .await
                .unwrap();
        let roles = roles.iter().map(|(account, role)| format!("{account} {role}")).collect::<Vec<_>>();
        assert_eq!(
            roles,
            [
                "alone-1 owner",
                "bare-1 owner",
                "body-1 administrator",
                "disabled-1 owner",
                "disabled-2 owner",
                "disabled-3 member",
                "several-1 owner",
                "several-2 member",
                "several-3 member",
                "two-1 owner",
                "two-2 owner",
            ]
        );
        let links: Vec<(String,)> =
            sqlx::query_as("SELECT role FROM links ORDER BY secret").fetch_all(&pool).await.unwrap();
        assert_eq!(links, [("owner".to_owned(),), ("member".to_owned(),)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_of_an_older_sqlite_database_have_owners() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portal.db");
    let path = path.to_str().unwrap();
    let own = include_str!("../accounts/migrations/0001-people.sqlite.sql");
    companies_of_before_have_owners(path, &format!("sqlite://{path}?mode=rwc"), own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_of_an_older_postgresql_database_have_owners() {
    let cluster = Postgres::start().await;
    let url = cluster.create("older").await;
    let own = include_str!("../accounts/migrations/0001-people.postgres.sql");
    companies_of_before_have_owners(&url, &url, own).await;
}
