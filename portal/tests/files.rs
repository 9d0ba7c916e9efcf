//! Files over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use std::{
    fs,
    time::{Duration, Instant},
};

use harness::{Portal, answered, multipart};
use http::Method;
use tokio::io::AsyncWriteExt;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@mill.example";
const SHEET: &[u8] = b"%PDF-1.7 <script>alert(1)</script>";

cases![
    a_file_is_uploaded_downloaded_and_removed,
    a_companys_files_are_not_there_for_others,
    a_form_with_a_file_is_of_its_own_page,
    what_is_not_taken_leaves_nothing,
    a_session_that_ends_during_an_upload_keeps_nothing,
    who_uploads_slowly_does_not_hold_every_connection,
];

fn sha256(content: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_file_is_uploaded_downloaded_and_removed(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let uploaded = ada.upload("C:\\sheets\\Maß <b>.pdf", SHEET).await;
    let location = uploaded.header("location").to_owned();
    let id = location.strip_prefix("/files?file=").unwrap();
    assert_eq!((uploaded.status, id.len()), (303, 32), "{}", uploaded.body);
    assert_eq!(portal.files(1).await, [id]);
    let page = ada.get("/files").await.body;
    let hash = sha256(SHEET);
    assert!(page.contains("Maß &#60;b&#62;.pdf") && page.contains(&hash), "{page}");
    let file = ada.get(&format!("/files/{id}")).await;
    assert_eq!((file.status, file.body.as_bytes()), (200, SHEET));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment; filename*=UTF-8''Ma%C3%9F%20%3Cb%3E%2Epdf"),
        ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(file.header(name), value, "{name}");
    }
    // What a page would be elsewhere is text here.
    let page = ada.upload("page.html", b"<script>alert(1)</script>").await;
    let page = ada.get(&page.header("location").replace("?file=", "/")).await;
    assert_eq!(page.header("content-type"), "text/plain; charset=utf-8");
    assert!(page.header("content-disposition").starts_with("attachment"));

    let removed = ada.post(&format!("/files/{id}/remove"), &[]).await;
    assert_eq!((removed.status, removed.header("location")), (303, "/files"));
    assert_eq!(ada.get(&format!("/files/{id}")).await.status, 404);
    portal.files(1).await;
    let log = ada.get("/admin/audit").await.body;
    assert!(log.contains("file.upload") && log.contains("file.remove") && log.contains(id), "{log}");
}

async fn a_companys_files_are_not_there_for_others(portal: Portal) {
    let mut ada = portal.company(ADA, "Same name").await;
    let mut eve = portal.company(EVE, "Same name").await;
    let theirs = eve.upload("Sheet.pdf", SHEET).await.header("location").replace("/files?file=", "");
    let nothing = ada.get("/there/is/no/such/page").await.text();
    let routes = portal::routes().into_iter().filter(|route| route.path.starts_with("/files/{file}"));
    let routes = routes.collect::<Vec<_>>();
    assert_eq!(routes.len(), 2);
    for route in routes {
        let path = route.path.replace("{file}", &theirs);
        let answer = match route.method {
            Method::GET => ada.get(&path).await,
            _ => ada.post(&path, &[]).await,
        };
        assert!(answer.status == 404 && answer.text() == nothing, "{path}");
    }
    assert!(!ada.get("/files").await.body.contains(&theirs));
    assert_eq!(eve.get(&format!("/files/{theirs}")).await.status, 200);
    let mut stranger = portal.browser();
    assert_eq!(stranger.get(&format!("/files/{theirs}")).await.status, 303);
}

async fn a_form_with_a_file_is_of_its_own_page(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let right = ada.form_token().await;
    let foreign = portal.browser().form_token().await;
    let entries = portal.count("audit").await;
    let forms: [&[(&str, &str)]; 6] = [
        &[],
        &[("form_token", "")],
        &[("form_token", &foreign)],
        &[("next", "/files"), ("form_token", &right)],
        &[("form_token", &right), ("form_token", &foreign)],
        &[("form_token", &right), ("party", "BodyMSP")],
    ];
    for fields in forms {
        let form = multipart(fields, "Sheet.pdf", SHEET);
        let mut stream = ada.begin_upload(form.len()).await;
        let _ = stream.write_all(&form).await;
        assert_eq!(answered(stream).await.status, 403, "{fields:?}");
    }
    for header in
        [("Origin", "https://elsewhere.example"), ("Origin", "null"), ("Sec-Fetch-Site", "same-site")]
    {
        let mut tricked = ada.clone();
        tricked.headers.push((header.0.to_owned(), header.1.to_owned()));
        assert_eq!(tricked.upload("Sheet.pdf", SHEET).await.status, 403, "{header:?}");
    }
    portal.files(0).await;
    assert_eq!(portal.count("audit").await, entries);
    // The way back stays on this site.
    let form = multipart(&[("form_token", &right), ("next", "//elsewhere.example")], "a.pdf", SHEET);
    let mut stream = ada.begin_upload(form.len()).await;
    stream.write_all(&form).await.unwrap();
    assert!(answered(stream).await.header("location").starts_with("/?file="));
}

async fn what_is_not_taken_leaves_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    for (content, says) in [(b"".as_slice(), "the file is empty"), (b"MZ\x90\0\x03\0", "none of these")] {
        let refused = ada.upload("Sheet.pdf", content).await;
        assert!(refused.status == 422 && refused.body.contains(says), "{}", refused.body);
    }
    let token = ada.form_token().await;
    let form = multipart(&[("form_token", &token)], "Sheet.pdf", SHEET);
    for length in [form.len() - 60, form.len() - 3] {
        let mut stream = ada.begin_upload(form.len()).await;
        stream.write_all(&form[..length]).await.unwrap();
        drop(stream);
    }
    portal.files(0).await;
    assert_eq!(portal.count("files").await, 0);
}

async fn a_session_that_ends_during_an_upload_keeps_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let token = ada.form_token().await;
    let form = multipart(&[("form_token", &token)], "Sheet.pdf", SHEET);
    let mut stream = ada.begin_upload(form.len()).await;
    let (begin, end) = form.split_at(form.len() - 30);
    stream.write_all(begin).await.unwrap();
    portal.files(1).await;
    assert_eq!(ada.clone().post("/logout", &[]).await.status, 303);
    stream.write_all(end).await.unwrap();
    let answer = answered(stream).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/login"));
    portal.files(0).await;
    assert_eq!(portal.count("files").await, 0);
}

/// Heads of forms of which nothing else arrives.
async fn who_uploads_slowly_does_not_hold_every_connection(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Mill").await;
    let mut slow = Vec::new();
    let refused = loop {
        slow.push(ada.begin_upload(1000).await);
        let refused = ada.upload("Sheet.pdf", SHEET).await;
        if refused.status != 303 || slow.len() > 20 {
            break refused;
        }
    };
    assert!(refused.status == 422 && refused.body.contains("other files are being"), "{}", refused.body);
    let began = Instant::now();
    let refused = answered(ada.begin_upload(1000).await).await;
    assert_eq!((refused.status, refused.header("connection")), (422, "close"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(eve.upload("Sheet.pdf", SHEET).await.status, 303);
    drop(slow);
    while ada.upload("Sheet.pdf", SHEET).await.status != 303 {
        assert!(began.elapsed() < Duration::from_secs(30), "the places are free again");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The most memory that this process, in which the portal runs, ever had.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_never_in_memory_and_one_that_is_too_large_is_refused() {
    let portal = Portal::on_sqlite().await;
    let mut ada = portal.company(ADA, "Works").await;
    let before = peak();
    for (megabytes, status) in [(100, 303), (101, 413)] {
        let token = ada.form_token().await;
        let form = multipart(&[("form_token", &token)], "Sheet.pdf", b"%PDF-1.7");
        let (begin, end) = form.split_at(form.len() - 46);
        let piece = vec![b'x'; 1 << 16];
        let pieces = (megabytes << 4) - 1;
        let mut stream = ada.begin_upload(form.len() + pieces * piece.len()).await;
        stream.write_all(begin).await.unwrap();
        for _ in 0..pieces {
            stream.write_all(&piece).await.unwrap();
        }
        stream.write_all(end).await.unwrap();
        assert_eq!(answered(stream).await.status, status);
    }
    portal.files(1).await;
    assert!(peak() - before < 30 << 10, "{} kB more", peak() - before);
}
