//! Stability studies over real HTTP, on SQLite and on PostgreSQL. That a computation outlives a killed process: `portal/studies/tests`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use std::{
    fmt::Write,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use desk::{Identity, Organisations};
use harness::{Browser, PASSWORD, Portal, Postgres, Reply};
use http::Method;
use material::{CryptoConfig, Validity};
use peer_client::{
    ConnectionProfile,
    profile::{Organisation, Server},
};
use serde_json::Value;
use stability::Parameters;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@others.example";
const DATA: &str = "batch,month,assay\na,0,100\na,6,98\na,12,96.1\nb,0,101\nb,6,99.2\nb,12,97\n";

cases![
    published_shelf_lives_are_computed_to_all_digits,
    what_is_wrong_with_a_file_is_said_by_its_lines,
    what_is_no_table_is_refused,
    a_companys_studies_are_not_there_for_others,
    a_session_that_ended_meanwhile_computes_nothing,
    a_study_becomes_a_test_report_that_cannot_be_changed,
    a_study_is_removed_unless_it_was_handed_in,
    a_table_is_no_formula,
    a_million_rows_are_computed_while_pages_are_served,
];

/// The rows of a published example whose batches are named, or all of them.
fn example(file: &str, batches: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("stability/tests/data").join(file)).unwrap();
    let is_named = |line: &&str| {
        batches.is_empty()
            || line.starts_with("Batch")
            || batches.iter().any(|batch| line.starts_with(&format!("{batch},")))
    };
    text.lines().filter(is_named).fold(String::new(), |text, line| text + line + "\n")
}

/// The id of a file that is uploaded.
async fn uploaded(browser: &mut Browser, name: &str, content: &str) -> String {
    let kept = browser.upload(name, content.as_bytes()).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    kept.header("location").replace("/files?file=", "")
}

/// Sends the form of a study, where nothing else is said for a file of three columns.
async fn asked(browser: &mut Browser, file: &str, more: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("file", file),
        ("batch", "1"),
        ("time", "2"),
        ("result", "3"),
        ("decimal", "point"),
        ("lower", ""),
        ("upper", ""),
        ("unit", "months"),
        ("cap", ""),
        ("claim", "no"),
        ("where1", "0"),
        ("text1", ""),
        ("where2", "0"),
        ("text2", ""),
    ];
    for (name, value) in more {
        fields.iter_mut().filter(|(it, _)| it == name).for_each(|field| field.1 = *value);
    }
    browser.post("/studies", &fields).await
}

/// The page of a new study, once it has ended.
async fn study(portal: &Portal, browser: &mut Browser, content: &str, more: &[(&str, &str)]) -> String {
    let file = uploaded(browser, "data.csv", content).await;
    let taken = asked(browser, &file, more).await;
    assert_eq!(taken.status, 303, "{}", taken.body);
    let path = taken.header("location").to_owned();
    ended(portal).await;
    path
}

/// Until nothing waits.
async fn ended(portal: &Portal) {
    let until = Instant::now() + Duration::from_secs(60);
    while waiting(portal).await > 0 {
        assert!(Instant::now() < until, "a computation does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn waiting(portal: &Portal) -> i64 {
    let count = sqlx::query_as("SELECT count(*) FROM computations WHERE state = 'waiting'");
    let (count,): (i64,) = count.fetch_one(&portal.pool).await.unwrap();
    count
}

/// What `nanotrace q1e FILE PARAMETERS --json` prints.
fn printed(content: &str, parameters: &str) -> String {
    let parameters: Parameters = parameters.parse().unwrap();
    parameters.answer(content.as_bytes(), &mut |_| true).unwrap().json().unwrap() + "\n"
}

/// Against `stability/tests/oracle.rs`: values that were computed with 50 digits.
async fn published_shelf_lives_are_computed_to_all_digits(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], &'a str, &'a str, f64, u64);
    let cases: [Case<'_>; 6] = [
        (
            "exp1.csv",
            &["b2", "b5", "b7"],
            &[("lower", "95")],
            "--lower 95",
            "oneLine",
            25.995_763_193_065_67,
            25,
        ),
        (
            "exp1.csv",
            &["b3", "b4", "b5"],
            &[("lower", "95")],
            "--lower 95",
            "commonSlope",
            23.397_266_347_487_32,
            23,
        ),
        (
            "exp1.csv",
            &["b4", "b5", "b8"],
            &[("lower", "95,0")],
            "--lower 95",
            "separateLines",
            15.606_130_538_152_353,
            15,
        ),
        ("exp2.csv", &[], &[("upper", "0.3")], "--upper 0.3", "separateLines", 15.606_130_538_152_353, 15),
        (
            "exp3.csv",
            &[],
            &[("lower", "1.5"), ("upper", "3.5")],
            "--lower 1.5 --upper 3.5",
            "oneLine",
            45.346_046_887_176_18,
            36,
        ),
        (
            "exp4.csv",
            &[],
            &[("lower", "95"), ("cap", "none")],
            "--lower 95 --cap none",
            "commonSlope",
            23.475_050_869_885_974,
            23,
        ),
    ];
    for (file, batches, fields, parameters, model, crossing, months) in cases {
        let content = example(file, batches);
        let path = study(&portal, &mut ada, &content, fields).await;
        let json = ada.get(&format!("{path}/result.json")).await;
        assert_eq!(json.header("content-type"), "application/json");
        assert_eq!(json.body, printed(&content, parameters), "byte for byte as it is printed: {file}");
        let read: Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(
            (read["model"].as_str(), read["shelfLife"]["whole"].as_u64()),
            (Some(model), Some(months))
        );
        let chosen = read["models"].as_array().unwrap().iter().find(|it| it["model"] == model).unwrap();
        let found = chosen["outcome"]["time"].as_f64().unwrap();
        assert!((found / crossing - 1.0).abs() < 1e-12, "{file}: {found} is not {crossing}");
        let page = ada.get(&path).await.body;
        for part in [
            format!("Shelf life: {months} months"),
            format!("nanotrace q1e FILE {parameters} --json"),
            format!("src=\"{path}/plot.svg\""),
            format!(
                "The shelf life is {months} months (exactly {}).",
                read["shelfLife"]["exact"].as_f64().unwrap()
            ),
        ] {
            assert!(page.contains(&part), "{part}\n{page}");
        }
        assert!(!page.contains("study-page.js"), "nothing is watched any more");
        let plot = ada.get(&format!("{path}/plot.svg")).await;
        assert!(plot.header("content-type") == "image/svg+xml" && plot.body.starts_with("<svg "));
        assert!(plot.header("content-security-policy").contains("sandbox"));
        assert_eq!(ada.get(&format!("{path}/data.csv")).await.body, content);
    }
    // What is not estimable is an answer.
    let level = "batch,month,x\na,0,100.1\na,12,100.1\na,24,100.1\n";
    let path = study(&portal, &mut ada, level, &[("lower", "95")]).await;
    let page = ada.get(&path).await.body;
    assert!(page.contains("Shelf life: not estimable") && page.contains("No bound leaves a limit"), "{page}");
    let path = study(&portal, &mut ada, level, &[("lower", "95"), ("claim", "yes")]).await;
    assert!(ada.get(&path).await.body.contains("A person claimed the cap"));
    assert!(ada.get("/studies").await.body.contains("not estimable: no crossing"));
    let log = ada.get("/admin/audit").await.body;
    assert!(log.contains("study begun") && log.contains("study computed"), "{log}");
}

async fn what_is_wrong_with_a_file_is_said_by_its_lines(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let wrong = "batch;month;assay\r\na;0;101,5\r\n\r\na;3;\r\na;6;NaN\r\na;9;<0.05\r\na;-1;99\r\n";
    let path = study(&portal, &mut ada, wrong, &[("lower", "95")]).await;
    let page = ada.get(&path).await.body;
    for part in [
        "cannot be evaluated",
        "line 2: column assay: &#34;101,5&#34; has a comma",
        "line 4: column assay is empty",
        "line 5: column assay: &#34;NaN&#34; is no finite number",
        "line 6: column assay: &#34;&#60;0.05&#34; is no number",
        "line 7: the time is before the release",
        "/studies/new?file=",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert_eq!(ada.get(&format!("{path}/result.json")).await.status, 404);
    let commas = "batch;month;assay\na;0;100,5\na;6;98,2\na;12;96,1\n";
    let path = study(&portal, &mut ada, commas, &[("lower", "95"), ("decimal", "comma")]).await;
    let json = ada.get(&format!("{path}/result.json")).await.body;
    assert_eq!(json, printed(commas, "--lower 95 --decimal-comma"));

    let file = uploaded(&mut ada, "many.csv", "Sample,Day,Assay,Storage\ns,0,1,cold\n").await;
    let page = ada.get(&format!("/studies/new?file={file}")).await.body;
    for part in ["<th scope=\"col\">Storage</th>", "<td>cold</td>", "<option value=\"3\">3: Assay</option>"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    for (more, problem) in [
        (&[("batch", "0")][..], "Choose the column of the batch."),
        (&[("batch", "9")], "Choose the column of the batch."),
        (&[("time", "1")], "is asked for twice"),
        (&[], "there is no limit"),
        (&[("lower", "NaN")], "The lower limit is no number"),
        (&[("lower", "1,234.5")], "The lower limit is no number"),
        (&[("lower", "5"), ("upper", "5")], "the lower limit is not below the upper one"),
        (&[("lower", "5"), ("unit", "two weeks")], "a unit is a word"),
        (&[("lower", "5"), ("unit", "days"), ("claim", "yes")], "nothing to claim"),
        (&[("lower", "5"), ("cap", "none"), ("claim", "yes")], "There is no cap to claim"),
    ] {
        let refused = asked(&mut ada, &file, more).await;
        assert!(refused.status == 422 && refused.body.contains(problem), "{problem}: {}", refused.body);
    }
    let refused =
        asked(&mut ada, &file, &[("lower", "5.5"), ("upper", "x"), ("where1", "4"), ("text1", "<cold>")])
            .await;
    assert!(
        refused.body.contains("value=\"5.5\"") && refused.body.contains("value=\"&#60;cold&#62;\""),
        "{}",
        refused.body
    );
}

/// A file is opened as text and as nothing else: nothing is unpacked.
async fn what_is_no_table_is_refused(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut bomb = b"PK\x03\x04".to_vec();
    bomb.extend([0; 4_000]);
    bomb.extend(b"data.csv");
    assert_eq!(ada.upload("data.csv", &bomb).await.status, 422, "an archive is no kind of file here");
    assert_eq!(ada.upload("data.csv", b"\x1f\x8b\x08 gzip").await.status, 422);
    bomb.extend(b"[Content_Types].xml xl/workbook.xml");
    let kept = ada.upload("data.xlsx", &bomb).await;
    let file = kept.header("location").replace("/files?file=", "");
    let page = ada.get(&format!("/studies/new?file={file}")).await;
    assert!(page.status == 422 && page.body.contains("save it as CSV"), "{}", page.body);
    assert_eq!(asked(&mut ada, &file, &[("lower", "1")]).await.status, 422);
    for (name, content, problem) in [
        ("a.pdf", "%PDF-1.7", "it is PDF: save the data as CSV"),
        ("a.json", "{\"a\": [1, 2]}", "it is JSON"),
        ("a.csv", "\n\n", "the file is empty"),
    ] {
        let file = uploaded(&mut ada, name, content).await;
        let page = ada.get(&format!("/studies/new?file={file}")).await;
        assert!(page.status == 422 && page.body.contains(problem), "{problem}: {}", page.body);
    }
    assert_eq!(portal.count("studies").await, 0);
    assert_eq!(ada.get("/studies/new").await.header("location"), "/studies");
    assert_eq!(ada.get("/studies/new?file=nobody").await.status, 404);
    assert_eq!(asked(&mut ada, "nobody", &[("lower", "1")]).await.status, 404);
}

/// Every route of studies, asked with another company's ids.
async fn a_companys_studies_are_not_there_for_others(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Works").await;
    let theirs = study(&portal, &mut ada, DATA, &[("lower", "90")]).await;
    let id = theirs.rsplit('/').next().unwrap();
    let own = application(&mut eve).await;
    let nothing = eve.get("/there/is/no/such/page").await.text();
    let (mut asked_for, before) = (0, portal.count("audit").await);
    for route in portal::routes().into_iter().filter(|route| route.path.starts_with("/studies/{study}")) {
        for file in ["state.json", "result.json", "result.csv", "plot.svg", "data.csv"] {
            let path = route.path.replace("{study}", id).replace("{file}", file);
            let answer = match route.method {
                Method::GET => eve.get(&path).await,
                _ if path.ends_with("attach") => eve.post(&path, &[("application", &own)]).await,
                _ => eve.post(&path, &[]).await,
            };
            assert!(answer.status == 404 && answer.text() == nothing, "{} {path}", route.method);
            asked_for += 1;
        }
    }
    assert_eq!(asked_for, 20);
    let select = sqlx::query_as("SELECT file FROM studies");
    let (file,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    assert_eq!(eve.get(&format!("/studies/new?file={file}")).await.status, 404);
    assert_eq!(asked(&mut eve, &file, &[("lower", "1")]).await.status, 404);
    assert!(!eve.get("/studies").await.body.contains(id));
    // A study of one's own is not attached to another company's application.
    let mine = study(&portal, &mut eve, DATA, &[("lower", "90")]).await;
    let others = application(&mut ada).await;
    assert_eq!(eve.post(&format!("{mine}/attach"), &[("application", &others)]).await.status, 404);
    assert!(portal.count("audit").await > before);
    assert_eq!(ada.get(&format!("{theirs}/result.json")).await.status, 200);
}

async fn a_session_that_ended_meanwhile_computes_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let path = study(&portal, &mut ada, DATA, &[("lower", "90")]).await;
    let select = sqlx::query_as("SELECT file FROM studies");
    let (file,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    let id = application(&mut ada).await;
    let form = [
        ("file", file.as_str()),
        ("batch", "1"),
        ("time", "2"),
        ("result", "3"),
        ("decimal", "point"),
        ("lower", "80"),
        ("upper", ""),
        ("unit", "months"),
        ("cap", ""),
        ("claim", "no"),
        ("where1", "0"),
        ("text1", ""),
        ("where2", "0"),
        ("text2", ""),
    ];
    let attach = [("application", id.as_str())];
    let forms: [(String, &[(&str, &str)]); 3] = [
        ("/studies".to_owned(), &form),
        (format!("{path}/attach"), &attach),
        (format!("{path}/remove"), &[]),
    ];
    for (path, fields) in forms {
        ada.form_token().await;
        let begun = ada.begin_post(&path, fields).await;
        let before = (portal.count("audit").await, portal.count("studies").await);
        sqlx::query("DELETE FROM sessions").execute(&portal.pool).await.unwrap();
        let late = begun.end().await;
        assert_eq!((late.status, late.header("location")), (303, "/login"), "{path}: {}", late.body);
        assert_eq!((portal.count("audit").await, portal.count("studies").await), before, "{path}");
        ada = portal.browser();
        assert_eq!(ada.log_in(ADA, PASSWORD).await.status, 303, "{path}");
    }
    assert_eq!(fields(&portal, &id).await.get("testReports.0.method"), None);
}

/// The id of a new application.
async fn application(browser: &mut Browser) -> String {
    let begun = browser.post("/applications", &[]).await;
    begun.header("location").split('/').nth(2).unwrap().to_owned()
}

/// The fields of a dossier as they are kept.
async fn fields(portal: &Portal, id: &str) -> Value {
    let select = sqlx::query_as("SELECT fields FROM dossiers WHERE id = $1").bind(id);
    let (fields,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    serde_json::from_str(&fields).unwrap()
}

fn version(page: &str) -> &str {
    page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap()
}

async fn a_study_becomes_a_test_report_that_cannot_be_changed(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let content = example("exp1.csv", &["b3", "b4", "b5"]);
    let path = study(&portal, &mut ada, &content, &[("lower", "95")]).await;
    assert!(ada.get(&path).await.body.contains("No application of yours"));
    let id = application(&mut ada).await;
    assert!(ada.get(&path).await.body.contains(&format!("<option value=\"{id}\">No product yet")));
    for _ in 0..2 {
        let attached = ada.post(&format!("{path}/attach"), &[("application", &id)]).await;
        let evidence = format!("/applications/{id}/form/evidence");
        assert_eq!(
            (attached.status, attached.header("location")),
            (303, evidence.as_str()),
            "{}",
            attached.body
        );
    }
    let found = fields(&portal, &id).await;
    let statement = found["testReports.0.method"].as_str().unwrap();
    let exact: Value = serde_json::from_str(&printed(&content, "--lower 95")).unwrap();
    let exact = exact["shelfLife"]["exact"].as_f64().unwrap();
    assert_eq!(statement, format!("ICH Q1E: 23 months ({exact}); nanotrace q1e FILE --lower 95"));
    let hash = found["testReports.0.sha256"].as_str().unwrap();
    assert!(ada.get(&path).await.body.contains(hash));
    assert_eq!(found.get("testReports.1.method"), None, "attached twice, it stands there once");

    // What it came to is not what somebody likes better.
    let evidence = format!("/applications/{id}/form/evidence");
    let page = ada.get(&evidence).await.body;
    assert!(
        page.contains("nanotrace q1e FILE --lower 95") && !page.contains("testReports.0.method-fault"),
        "{page}"
    );
    let zeros = "0".repeat(64);
    for (method, sha256) in
        [(statement.replace("23 months", "60 months"), hash), (statement.to_owned(), zeros.as_str())]
    {
        let version = version(&ada.get(&evidence).await.body).to_owned();
        let typed = [
            ("testReports.0.method", method.as_str()),
            ("testReports.0.sha256", sha256),
            ("version", version.as_str()),
            ("then", "stay"),
        ];
        assert_eq!(ada.post(&evidence, &typed).await.status, 303);
        let page = ada.get(&evidence).await.body;
        assert!(
            page.contains("testReports.0.method-fault") && page.contains("attach the study again"),
            "{page}"
        );
        assert!(
            ada.get(&format!("/applications/{id}/preview")).await.body.contains("attach the study again")
        );
    }

    // A row of the certificate has 200 characters.
    let long = format!("batch,month,{},other\na,0,1,2\na,6,2,3\na,12,2.9,4\n", "x".repeat(200));
    let path = study(&portal, &mut ada, &long, &[("upper", "9")]).await;
    let refused = ada.post(&format!("{path}/attach"), &[("application", &id)]).await;
    assert!(refused.status == 409 && refused.body.contains("shorter, plain names"), "{}", refused.body);
    let path = study(&portal, &mut ada, "batch,month,x\na,0,x\n", &[("upper", "9")]).await;
    let refused = ada.post(&format!("{path}/attach"), &[("application", &id)]).await;
    assert!(refused.status == 409 && refused.body.contains("nothing came of it"), "{}", refused.body);
}

/// Hands in a dossier that names this statement and hash, without a ledger.
async fn hand_in(portal: &Portal, id: &str, statement: &str, sha256: &str) {
    let content =
        serde_json::json!({"credentialSubject": {"testReports": [{"method": statement, "sha256": sha256}]}});
    let content = content.to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
    let hash = digest.as_ref().iter().fold("sha256:".to_owned(), |hash, byte| format!("{hash}{byte:02x}"));
    for statement in ["DELETE FROM editions WHERE dossier = $1", "DELETE FROM calls WHERE application = $1"] {
        sqlx::query(statement).bind(id).execute(&portal.pool).await.unwrap();
    }
    sqlx::query("INSERT INTO editions (dossier, number, hash, content, at) VALUES ($1, 1, $2, $3, 0)")
        .bind(id)
        .bind(hash)
        .bind(content)
        .execute(&portal.pool)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT 'call', party, (SELECT min(id) FROM accounts), id, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' \
         FROM dossiers WHERE id = $1",
    )
    .bind(id)
    .execute(&portal.pool)
    .await
    .unwrap();
}

async fn a_study_is_removed_unless_it_was_handed_in(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let path = study(&portal, &mut ada, DATA, &[("lower", "90")]).await;
    let select =
        sqlx::query_as("SELECT file, sha256, statement FROM studies JOIN computations ON study = studies.id");
    let (file, sha256, statement): (String, String, String) = select.fetch_one(&portal.pool).await.unwrap();
    let kept = ada.post(&format!("/files/{file}/remove"), &[]).await;
    assert!(kept.status == 409 && kept.body.contains("a stability study is of it"), "{}", kept.body);
    let id = application(&mut ada).await;
    hand_in(&portal, &id, &statement, &sha256).await;
    let kept = ada.post(&format!("{path}/remove"), &[]).await;
    assert!(kept.status == 409 && kept.body.contains("was not removed"), "{}", kept.body);
    assert_eq!(ada.get(&path).await.status, 200);
    sqlx::query("DELETE FROM editions").execute(&portal.pool).await.unwrap();
    // Another study is of the same file, which stays with it.
    let other = asked(&mut ada, &file, &[("lower", "91")]).await.header("location").to_owned();
    ended(&portal).await;
    let removed = ada.post(&format!("{path}/remove"), &[]).await;
    assert_eq!((removed.status, removed.header("location")), (303, "/studies"));
    assert_eq!(ada.get(&path).await.status, 404);
    assert_eq!(ada.get(&format!("/files/{file}")).await.body, DATA);
    assert_eq!(ada.post(&format!("{other}/remove"), &[]).await.status, 303);
    assert_eq!(ada.get(&format!("/files/{file}")).await.status, 404);
    portal.files(0).await;
    assert_eq!((portal.count("studies").await, portal.count("computations").await), (0, 0));
}

/// Names of batches that a spreadsheet would run, in what is downloaded and on the page.
async fn a_table_is_no_formula(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let names =
        ["=cmd|'/c calc'!A1", "+1", "-2+3", "@SUM(A1)", "＝1", "<script>alert(1)</script>", "\u{202e}turned"];
    let mut content = "batch,month,assay\n".to_owned();
    for (at, name) in names.iter().enumerate() {
        for month in [0, 6, 12] {
            writeln!(content, "\"{name}\",{month},{}", 100.0 - 0.3 * f64::from(month) + 0.01 * at as f64)
                .unwrap();
        }
    }
    let path = study(&portal, &mut ada, &content, &[("lower", "90")]).await;
    let table = ada.get(&format!("{path}/result.csv")).await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert!(table.body.contains(",'=cmd|'/c calc'!A1,") && table.body.contains(",'＝1,"), "{}", table.body);
    let mut reader = csv::Reader::from_reader(table.body.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1 + 3 * names.len());
    for cell in rows.iter().flatten() {
        let is_number = cell.parse::<f64>().is_ok();
        assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '＝', '\t', '\r']), "{cell:?}");
    }
    let json = ada.get(&format!("{path}/result.json")).await.body;
    assert_eq!(json, printed(&content, "--lower 90"));
    assert!(json.contains("\\u202eturned") && !json.contains('\u{202e}'), "{json}");
    for page in [ada.get(&path).await.body, ada.get(&format!("{path}/plot.svg")).await.body] {
        assert!(!page.contains("<script>alert"), "{page}");
    }
}

async fn a_million_rows_are_computed_while_pages_are_served(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Others").await;
    let small = uploaded(&mut eve, "small.csv", DATA).await;
    let mut content = "batch,month,assay\n".to_owned();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..1_000_000 {
        let (batch, month, noise) = (random.u8(..10), random.u8(..37), random.f64() - 0.5);
        writeln!(content, "b{batch},{month},{:.4}", 100.0 - 0.1 * f64::from(month) + noise).unwrap();
    }
    let file = uploaded(&mut ada, "large.csv", &content).await;
    assert!(
        ada.get(&format!("/studies/new?file={file}")).await.body.contains("<th scope=\"col\">assay</th>")
    );
    let path = asked(&mut ada, &file, &[("lower", "95")]).await.header("location").to_owned();
    let other = asked(&mut eve, &small, &[("lower", "90")]).await.header("location").to_owned();
    let (mut stranger, mut answered) = (portal.browser(), 0);
    while waiting(&portal).await > 0 {
        if answered < 50 {
            assert_eq!(stranger.get("/login").await.status, 200);
            answered += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(answered > 3, "pages were answered {answered} times meanwhile");
    let result: Value = serde_json::from_str(&ada.get(&format!("{path}/result.json")).await.body).unwrap();
    let crossing = result["models"][0]["outcome"]["time"].as_f64().unwrap();
    assert!((crossing - 50.0).abs() < 0.1, "{crossing}");
    assert!(ada.get(&path).await.body.contains("1000000 results of assay"));
    assert_eq!(eve.get(&format!("{other}/result.json")).await.status, 200);
    let state: Value = serde_json::from_str(&ada.get(&format!("{path}/state.json")).await.body).unwrap();
    assert_eq!(state["state"], "done");
}

/// Keys of an organisation whose gateway is where nobody listens.
fn away() -> (tempfile::TempDir, Organisations) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("crypto-config");
    let config = "PeerOrgs:\n  - Name: Industry\n    Domain: industry.example\n    EnableNodeOUs: true\n    \
                  Template: {Count: 1}\n    Users: {Count: 1}\n";
    material::generate(&CryptoConfig::parse(config).unwrap(), &keys, Validity::of_years(1_790_000_000, 1))
        .unwrap();
    let server = || Server { address: "127.0.0.1:1".into(), tls_ca_file: None, server_name: None };
    let industry = Organisation {
        name: "Industry".into(),
        msp_id: "IndustryMSP".into(),
        domain: "industry.example".into(),
        gateway: server(),
    };
    let profile = ConnectionProfile {
        channel: "nanotrace".into(),
        chaincode: "nanotrace".into(),
        genesis: format!("sha256:{}", "0".repeat(64)),
        crypto_config: keys,
        verifier: None,
        orderer: server(),
        organisations: vec![industry],
    };
    let service = [Identity { organisation: "Industry".into(), user: "User1".into() }];
    (folder, Organisations::new(&profile, &[], &service, Some("Industry")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_sees_the_studies_that_a_dossier_names_and_computes_them_again() {
    let (_keys, organisations) = away();
    of_the_body_alone(Portal::before(organisations).await).await;
    let (_keys, organisations) = away();
    let cluster = Postgres::start().await;
    of_the_body_alone(Portal::on_postgres_before(&cluster, "studies", organisations).await).await;
}

async fn of_the_body_alone(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let named = study(&portal, &mut ada, DATA, &[("lower", "90")]).await;
    let select =
        sqlx::query_as("SELECT sha256, statement FROM studies JOIN computations ON study = studies.id");
    let (sha256, statement): (String, String) = select.fetch_one(&portal.pool).await.unwrap();
    let unnamed = study(&portal, &mut ada, &format!("{DATA}b,18,95\n"), &[("lower", "90")]).await;
    let id = application(&mut ada).await;
    hand_in(&portal, &id, &statement, &sha256).await;
    for body in ["CertBodyMSP", "SecondBodyMSP"] {
        sqlx::query(
            "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
             taken_by, taken_at, reason, submitted_at, at_rest, sought) VALUES ($1, $2, 'IndustryMSP', 'Paint', 'S 1', 'accepted', 2, \
             'sha256:0', NULL, 'accept', 'B', '2026-01-31T12:00:00Z', '', '2026-01-31T12:00:00Z', 0, 'paint')",
        )
        .bind(&id)
        .bind(body)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let mut second = portal.administrator("other@body.example", "SecondBodyMSP").await;
    let of = |body: &str, study: &str| format!("/queue/{body}/{id}{study}");
    let path = of("CertBodyMSP", &named);
    let page = bob.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for part in ["Shelf life: ", "The ledger was not read", "Not yet.", sha256.as_str()] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    for (file, begins) in [("data.csv", "batch,month"), ("result.json", "{"), ("plot.svg", "<svg ")] {
        let file = bob.get(&format!("{path}/{file}")).await;
        assert!(file.status == 200 && file.body.starts_with(begins), "{}", file.body);
    }
    for (again, word) in
        [(false, "the same came of them, byte for byte"), (true, "Something else came of it")]
    {
        if again {
            let change = sqlx::query(
                "UPDATE computations SET result = replace(result, 'months', 'years') WHERE result IS NOT NULL",
            );
            change.execute(&portal.pool).await.unwrap();
        }
        let asked = bob.post(&format!("{path}/recompute"), &[]).await;
        assert_eq!((asked.status, asked.header("location")), (303, path.as_str()), "{}", asked.body);
        ended(&portal).await;
        let page = bob.get(&path).await.body;
        assert!(page.contains(word), "{page}");
    }
    // What another body sees of it, and what the dossier does not name, is not there.
    let nothing = bob.get("/there/is/no/such/page").await.text();
    let routes = portal::routes()
        .into_iter()
        .filter(|route| route.path.starts_with("/queue/{body}/{application}/studies/"));
    let mut tried = 0;
    for route in routes {
        let (_, rest) = route.path.split_once("{study}").unwrap();
        let rest = rest.replace("{file}", "result.json");
        for (is_bob, place) in [
            (true, of("CertBodyMSP", &unnamed)),
            (true, of("SecondBodyMSP", &named)),
            (false, of("CertBodyMSP", &named)),
            (false, of("SecondBodyMSP", &named)),
        ] {
            let browser = if is_bob { &mut bob } else { &mut second };
            let answer = match route.method {
                Method::GET => browser.get(&format!("{place}{rest}")).await,
                _ => browser.post(&format!("{place}{rest}"), &[]).await,
            };
            assert!(answer.status == 404 && answer.text() == nothing, "{} {place}{rest}", route.method);
            tried += 1;
        }
    }
    assert_eq!(tried, 12);
}
