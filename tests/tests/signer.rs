//! The signer beside a running network: what the ledger decides is signed, over a kill too.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{fs, path::Path};

use tests::{
    bodies::{Bodies, METHOD, SCHEME},
    service::Service,
};

#[test]
fn the_key_signs_what_is_decided_on_the_ledger() {
    let bodies = Bodies::start();
    let report = bodies.draft("draft.json");
    bodies.draft("another.json");
    let [draft, another, signed, dossier] =
        ["draft.json", "another.json", "signed.json", "dossier.txt"].map(|name| bodies.file(name));
    let [draft, another, signed, dossier] =
        [&draft, &another, &signed, &dossier].map(|path| path.to_str().unwrap());
    fs::write(dossier, "what the applicant hands in").unwrap();
    let socket = bodies.file("signer");
    let sign = |id: &str, file: &str| {
        format!("cert sign {file} --signer {} --application {id} --out {signed} --force", socket.display())
    };

    let submit =
        format!("application submit --title X --scheme {SCHEME} --scheme-version 1 --dossier {dossier}");
    let submitted = bodies.done(&submit);
    let id = submitted["application"].as_str().unwrap();
    assert_eq!(bodies.ended(&sign(id, draft)).0, Some(3), "no signer is there");
    let signer = start(&bodies, &socket);
    bodies.refused(&sign(id, draft), "not decided");

    bodies.done(&format!("application accept {id}"));
    bodies.done(&format!(
        "application report {id} --sha256 {report} --method {METHOD} --number R-1 --date 2026-10-01"
    ));
    bodies.done(&format!("application evaluate {id} --findings good --recommend grant"));
    bodies.done(&format!("application review {id} --reason complete"));
    bodies.refused(&sign(id, draft), "not decided");
    bodies.done(&format!("application decide {id} {draft}"));
    bodies.refused(&sign(id, another), "decided on the document of the hash");
    bodies.ran(&sign(id, draft));

    // Killed before the grant: another one signs it again, where the socket was.
    drop(signer);
    assert!(socket.exists());
    let _signer = start(&bodies, &socket);
    bodies.ran(&sign(id, draft));
    let granted = bodies.done(&format!("cert grant {id} {signed} --user User4"));
    assert_eq!(bodies.scanned(granted["certificate"].as_str().unwrap(), "").0, "valid");
    bodies.refused(&sign(id, draft), "the application is granted, not decided");
}

fn start(bodies: &Bodies, socket: &Path) -> Service {
    let directory = bodies.network.directory();
    let key = directory.join("demonstration/issuer-key.txt");
    let [directory, key, socket] = [directory, key.as_path(), socket].map(|path| path.to_str().unwrap());
    Service::run(
        &["signer", "--data-dir", directory, "--user", "User4", "--key", key, "--socket", socket],
        "signs at",
    )
}
