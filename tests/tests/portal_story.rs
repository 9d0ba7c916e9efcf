//! The whole story in a browser, each person with a passkey and a key of their own: a company registers and applies, a laboratory
//! and a body's people take their steps, the portal grants what was decided, everybody reads it, and it is suspended.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{
    Network,
    bodies::{METHOD, SCHEME},
    people::People,
};

const ADDRESS: &str = "ada@varnish.example";

struct Story {
    network: Network,
    people: People,
    base: String,
}

impl Story {
    fn open(&mut self, who: &str, path: &str) -> String {
        self.people.at(who, "open", json!({ "path": path })).as_str().unwrap().to_owned()
    }

    fn look(&mut self, who: &str, path: &str, keep: &str) -> String {
        let path = json!({ "path": path, "keep": format!("story-{keep}") });
        self.people.at(who, "open", path).as_str().unwrap().to_owned()
    }

    /// Sends the page's form.
    fn send(&mut self, who: &str, form: &str, fields: Value) -> String {
        self.people.at(who, "send", json!({ "form": form, "fields": fields })).as_str().unwrap().to_owned()
    }

    /// Loads a page until it says this.
    fn wait_for(&mut self, who: &str, path: &str, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let page = self.open(who, path);
            if page.contains(text) {
                return page;
            }
            assert!(Instant::now() < until, "{path} does not say {text}: {page}");
        }
    }

    /// The newest link of the mails that starts so.
    fn mailed(&mut self, path: &str) -> String {
        let start = format!("{}{path}", self.base);
        let page = self.open("reader of mails", &format!("{}/outbox", self.base));
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{page}")).to_owned()
    }

    /// The mail with this subject, as it would leave.
    fn mail(&self, subject: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let mails = fs::read_dir(self.network.directory().join("portal/mails")).unwrap();
            let mut texts = mails.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
            if let Some(found) = texts.find(|text| text.contains(&format!("Subject: {subject}"))) {
                return found;
            }
            assert!(Instant::now() < until, "no mail says {subject}");
        }
    }

    fn register(&mut self) {
        self.open("ada", &format!("{}/register", self.base));
        let fields = json!({ "email": ADDRESS, "name": "Ada Lovelace", "company": "Varnish & Sons" });
        let page = self.send("ada", "main form", fields);
        assert!(page.contains("Look into your mail"), "{page}");
        let link = self.mailed("/join?token=");
        self.look("ada", &link, "join");
        self.send(
            "ada",
            "main form",
            json!({ "name": "Ada Lovelace", "password": "correct battery, horse" }),
        );
        let page = self.people.at("ada", "passkey", json!({ "keep": "story-passkey" }));
        assert!(page.as_str().unwrap().contains("A key"), "{page}");
    }

    /// Uploads a file; its hash.
    fn upload(&mut self, name: &str, content: &str) -> String {
        let path = self.network.directory().join(name);
        fs::write(&path, content).unwrap();
        let page = self.people.at("ada", "upload", json!({ "file": path, "keep": "story-files" }));
        let hash = hex::encode(Sha256::digest(content));
        assert!(page.as_str().unwrap().contains(&hash), "{page}");
        hash
    }

    /// Fills in an application, beginning with the demonstration's certificate, and hands it in: its path.
    fn apply(&mut self, sheet: &str, report: &str) -> String {
        let code = self.network.code().to_string();
        self.look("ada", "/applications/new", "new");
        self.send("ada", "form[action$='from-certificate']", json!({ "certificate": code }));
        let place = self.people.at("ada", "place", json!({}));
        let path = place.as_str().unwrap().strip_suffix("/form/product").unwrap().to_owned();
        let steps = [
            (
                "product",
                json!({
                    "product.name": "Clear varnish with nano zinc oxide", "application.body": "CertBodyMSP",
                    "scheme.id": SCHEME, "scheme.version": "1", "listing": "listed", "application.category": "varnish",
                }),
            ),
            ("supplier", json!({ "sds.sha256": sheet, "sds.revision": "3" })),
            ("substance", json!({})),
            ("particles", json!({})),
            ("evidence", json!({ "testReports.0.sha256": report })),
        ];
        for (step, fields) in steps {
            self.look("ada", &format!("{path}/form/{step}"), step);
            // The laboratory anchors one report.
            self.people.at("ada", "clear", json!({ "names": r"^testReports\.[1-9]" }));
            let page = self.send("ada", "main form", fields);
            assert!(!page.contains("broken on this page"), "{step}: {page}");
        }
        let page = self.look("ada", &format!("{path}/preview"), "preview");
        assert!(page.contains("Clear varnish with nano zinc oxide"), "{page}");
        self.send("ada", "form[action$='/submit']", json!({}));
        self.wait_for("ada", &path, "Submitted by IndustryMSP");
        path
    }

    fn step(&mut self, who: &str, path: &str, name: &str, values: &[&str]) {
        let asked = json!({ "path": path, "name": name, "values": values, "keep": format!("story-{name}") });
        let end = self.people.at(who, "step", asked);
        assert!(end["outcome"].as_str().is_some_and(|it| it.starts_with("done, in block ")), "{name}: {end}");
    }
}

#[test]
fn a_certificate_from_the_registration_to_its_suspension() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
    let entrances = network.entrances();
    let base = entrances["mails"].strip_suffix("/outbox").unwrap().to_owned();
    let mut story = Story { network, people: People::start(), base };
    story.register();
    let sheet = story.upload("sheet.txt", "What is in the varnish, and how it is handled.\n");
    let report = story.upload("report.txt", "The d50 is what it is said to be.\n");
    let path = story.apply(&sheet, &report);
    let id = path.rsplit('/').next().unwrap().to_owned();

    for part in ["evaluator", "laboratory", "reviewer", "decision-maker"] {
        story.people.at(part, "enter", json!({ "link": entrances[part] }));
        story.people.at(part, "makeKey", json!({}));
    }
    let queued = format!("/queue/CertBodyMSP/{id}");
    story.look("evaluator", "/queue", "queue");
    let page = story.look("evaluator", &queued, "queued");
    assert!(page.contains("Category of the product\nvarnish"), "{page}");
    story.step("evaluator", &queued, "application-accept", &[&id]);
    story.step("laboratory", &queued, "application-report", &[&id, &report, METHOD, "R-1", "2026-10-01"]);
    story.step("evaluator", &queued, "application-evaluate", &[&id, "The figures are plausible", "grant"]);
    story.step("reviewer", &queued, "application-review", &[&id, "The evaluation is complete"]);
    story.step("decision-maker", &format!("{queued}?months=12"), "application-decide", &[&id]);

    // The portal has it signed, and grants it; the company reads of it.
    story.wait_for("ada", "/certificates", "Clear varnish with nano zinc oxide valid");
    story.look("ada", "/certificates", "certificates");
    let page = story.look("ada", &path, "granted");
    let code = page.lines().skip_while(|line| *line != "Certificate").nth(1).unwrap().trim().to_owned();
    let public = format!("{}/c/{code}", story.network.verifier());
    let page = story.wait_for("the public", &public, "Clear varnish with nano zinc oxide");
    assert!(page.contains("Valid"), "{page}");
    story.look("the public", &public, "public-valid");

    let outbox = format!("{}/outbox", story.base);
    let page = story.wait_for("reader of mails", &outbox, "Granted: Clear varnish with nano zinc oxide");
    assert!(page.contains(&public), "{page}");
    let mail = story.mail("Granted: Clear varnish with nano zinc oxide");
    assert!(mail.contains("Content-Type: image/png") && mail.contains(ADDRESS), "{mail}");

    let labels = format!("/certificates/{code}/labels");
    let page = story.look("ada", &format!("{labels}?count=2"), "labels");
    assert_eq!(page.matches("Clear varnish with nano zinc oxide").count(), 3, "{page}");
    story.open("ada", "/certificates");
    story.send("ada", &format!("form:has([name='certificate'][value='{code}'])"), json!({}));
    let replaces = story.people.at("ada", "value", json!({ "field": "application.replaces" }));
    assert_eq!(replaces, json!(code));

    let issued = format!("/issued/CertBodyMSP/{code}");
    story.step("decision-maker", &issued, "certificate-stop", &[&code, "A complaint is looked into"]);
    let page = story.wait_for("the public", &public, "A complaint is looked into");
    assert!(page.contains("Not valid"), "{page}");
    story.look("the public", &public, "public-not-valid");
    story.wait_for("ada", "/certificates", "not valid");
    for part in ["ada", "evaluator", "laboratory", "reviewer", "decision-maker"] {
        assert_eq!(story.people.at(part, "problems", json!({})), json!([]), "{part}");
    }
}
