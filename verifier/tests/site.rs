//! The site as a browser, a program and a stranger with bad intentions see it: every byte over a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::parties::CERTIFICATION_BODY;
use certificate::{Creator, DateTime, Role, demo};
use common::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tokio::sync::watch;

/// Numbers, batch and serial of a product, put into a document before it is signed.
fn product(
    gtin: &'static str,
    batch: Option<&'static str>,
    serial: Option<&'static str>,
) -> impl FnOnce(&mut serde_json::Value) {
    move |document| {
        let product = &mut document["credentialSubject"]["product"];
        product["gtin"] = json!(gtin);
        if let Some(batch) = batch {
            product["batch"] = json!(batch);
        }
        if let Some(serial) = serial {
            product["serial"] = json!(serial);
        }
    }
}

const GTIN: &str = "09520123456788";

#[tokio::test]
async fn a_valid_certificate_as_page_and_as_json() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;

    let page = site.get(&format!("/c/{code}")).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    page.says("<h1 class=\"word\">Valid</h1>")
        .says("JRCNM01100a (NM-110), zinc oxide, uncoated")
        .says("70 nm");
    page.says("12 m²/g")
        .says("not stated")
        .says("As of block 6, confirmed as the newest on 21 November 2026");
    page.says(&verifier::fingerprint(&world.genesis)).says("up to 30 seconds old").says(&code.grouped());
    page.says("certify nothing");
    assert!(!page.text().contains("<script"));

    for path in [format!("/c/{code}"), format!("/C/{code}"), format!("/api/v1/certificates/{code}")] {
        let (status, answer) = site.json(&path).await;
        assert_eq!((status, &answer["result"]), (200, &json!("valid")), "{path}");
        assert_eq!(answer["code"], json!(code));
        assert_eq!(answer["asOf"], json!({"block": 6, "confirmedAt": NOW, "ledgerTime": NOW}));
        assert_eq!(answer["ledger"]["issued"]["block"], 6);
        assert_eq!(answer["certificate"]["credentialSubject"]["size"]["mean"], "70");
        assert_eq!(answer["links"]["page"], format!("https://check.example/c/{code}"));
        assert!(answer.get("reasons").is_none() && answer.get("doubt").is_none());
    }
    let (_, api) = site.json(&format!("/api/v1/certificates/{code}")).await;
    assert_eq!(api["accreditation"]["inForce"], true);
}

#[tokio::test]
async fn the_document_is_served_byte_for_byte() {
    let mut world = World::new();
    let document = world.document(1, |_| {});
    let code = world.issue(1, |_| {});
    let response = world.serve().await.get(&format!("/c/{code}/document.json")).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.text(), document);
    assert_eq!(response.header("content-type"), "application/vc+json");
    assert!(response.header("content-disposition").contains(&format!("certificate-{code}.json")));
    certificate::document::check_signed(&response.body).unwrap();
}

#[tokio::test]
async fn whoever_stops_it_is_named_with_the_reason() {
    let mut world = World::new();
    let code = world.issue(1, |_| {}).to_string();
    let site = world.serve().await;
    let path = format!("/api/v1/certificates/{code}");

    world.submit(accreditor(), "certificate:stop", &[&code, "A closer look <b>&"]);
    let (status, answer) = site.json(&path).await;
    assert_eq!((status, &answer["result"]), (200, &json!("notValid")));
    assert_eq!(
        answer["reasons"],
        json!([{"cause": "suspended", "since": NOW, "by": "AccreditationMSP", "why": "A closer look <b>&"}])
    );
    let page = site.get(&format!("/c/{code}")).await;
    page.says("Not valid")
        .says("the accreditation body (AccreditationMSP)")
        .says("A closer look &#60;b&#62;&#38;");

    world.set_time(start().plus_seconds(60));
    world.submit(accreditor(), "certificate:lift", &[&code, "All is well"]);
    assert_eq!(site.json(&path).await.1["result"], "valid");

    world.set_time(start().plus_seconds(120));
    world.submit(decision_maker(), "certificate:withdraw", &[&code, "Mislabelled"]);
    let (_, answer) = site.json(&path).await;
    assert_eq!(answer["reasons"][0]["cause"], "withdrawn");
    assert_eq!(answer["reasons"][0]["by"], "CertBodyMSP");
    let page = site.get(&format!("/c/{code}")).await;
    page.says("Withdrawn for good").says("Suspension lifted by").says("Mislabelled");
}

#[tokio::test]
async fn a_superseded_certificate_names_the_one_in_its_place() {
    let mut world = World::new();
    let (old, new) = (world.issue(1, |_| {}).to_string(), world.issue(2, |_| {}));
    let site = world.serve().await;
    world.set_time(start().plus_seconds(60));
    world.submit(decision_maker(), "certificate:supersede", &[&old, &new.to_string(), "Another purity"]);
    let (status, answer) = site.json(&format!("/api/v1/certificates/{old}")).await;
    let reason = json!({
        "cause": "superseded", "since": start().plus_seconds(60), "by": "CertBodyMSP", "why": "Another purity",
        "supersededBy": new,
    });
    assert_eq!((status, &answer["reasons"]), (200, &json!([reason])));
    let page = site.get(&format!("/c/{old}")).await;
    page.says("Not valid")
        .says("Superseded by another certificate")
        .says(&new.grouped())
        .says("Another purity");
    let (_, answer) = site.json(&format!("/api/v1/certificates/{old}?at={NOW}")).await;
    assert_eq!(answer["result"], "valid", "it was until then");
    assert_eq!(site.json(&format!("/c/{new}")).await.1["result"], "valid");
}

#[tokio::test]
async fn a_suspended_accreditation_shows_on_every_certificate_that_rests_on_it() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let path = format!("/api/v1/certificates/{code}");
    assert_eq!(site.json(&path).await.1["result"], "valid");
    let suspend = |effect| [CERTIFICATION_BODY, demo::SCHEME_ID, effect, "Under investigation"];
    world.submit(accreditor(), "accreditation:suspend", &suspend("newGrants"));
    let (_, answer) = site.json(&path).await;
    assert_eq!(answer["result"], "valid", "certificates granted before go on");
    assert_eq!(answer["accreditation"]["inForce"], false);
    world.submit(accreditor(), "accreditation:suspend", &suspend("allCertificates"));
    let (_, answer) = site.json(&path).await;
    assert_eq!(answer["reasons"][0]["cause"], "accreditationSuspended");
}

/// Day and second at which it is overdue come from the records and the clock: nothing is written for it.
#[tokio::test]
async fn an_overdue_surveillance_shows_and_may_end_a_certificate() {
    let mut world = World::new();
    let mut scheme = demo::scheme();
    scheme["version"] = "2".into();
    scheme["surveillance"] = json!({"everyDays": 365, "graceDays": 30});
    world.submit(
        Creator::new("AccreditationMSP", Some(Role::Admin)),
        "scheme:register",
        &[&scheme.to_string()],
    );
    let code = world.issue(1, |document| document["credentialSubject"]["scheme"]["version"] = "2".into());
    let site =
        world.serve_with(|config| config.max_age = std::time::Duration::from_secs(u32::MAX.into())).await;
    let path = format!("/api/v1/certificates/{code}");
    let due = start().plus_days(365);
    let expected = |due: DateTime, overdue| json!({"due": due, "overdue": overdue});

    world.set_time(due.plus_seconds(-1));
    assert_eq!(site.json(&path).await.1["surveillance"], expected(due, false));
    world.set_time(due);
    let (_, answer) = site.json(&path).await;
    assert_eq!((&answer["result"], &answer["surveillance"]), (&json!("valid"), &expected(due, true)));
    world.set_time(due.plus_days(30).plus_seconds(-1));
    assert_eq!(site.json(&path).await.1["result"], "valid");
    world.set_time(due.plus_days(30));
    let (_, answer) = site.json(&path).await;
    let reason = json!({"cause": "surveillanceOverdue", "since": due.plus_days(30)});
    assert_eq!((&answer["result"], &answer["reasons"]), (&json!("notValid"), &json!([reason])));
    let page = site.get(&format!("/c/{code}")).await;
    page.says("Not valid").says("Its surveillance is overdue").says("overdue");

    // Done late, it holds again from then on, and not for the time before.
    world.set_time(due.plus_days(40));
    let evaluator = Creator::new("CertBodyMSP", Some(Role::Client)).with_attributes("evaluator", "e-1");
    world.submit(evaluator, "surveillance:record", &[&code.to_string(), "all as certified", "conforming"]);
    let (_, answer) = site.json(&path).await;
    let next = due.plus_days(405);
    assert_eq!((&answer["result"], &answer["surveillance"]), (&json!("valid"), &expected(next, false)));
    let before = due.plus_days(35);
    assert_eq!(site.json(&format!("{path}?at={before}")).await.1["result"], "notValid");
    site.get(&format!("/c/{code}")).await.says("Surveillance done by").says("all as certified");
}

#[tokio::test]
async fn dates_turn_the_answer_at_the_very_second_also_when_it_is_kept() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let until = start().plus_years(3).unwrap();
    let site =
        world.serve_with(|config| config.max_age = std::time::Duration::from_secs(u32::MAX.into())).await;
    let path = format!("/api/v1/certificates/{code}");

    world.set_time(until.plus_seconds(-10));
    for _ in 0..2 {
        let response = site.get(&path).await;
        response.says("\"result\":\"valid\"");
        assert_eq!(response.header("cache-control"), "public, max-age=10, must-revalidate");
    }
    world.set_time(until.plus_seconds(-1));
    let response = site.get(&path).await;
    assert_eq!(response.header("cache-control"), "public, max-age=1, must-revalidate");
    world.set_time(until);
    let (_, answer) = site.json(&path).await;
    assert_eq!(answer["result"], "notValid");
    assert_eq!(answer["reasons"][0], json!({"cause": "expired", "since": until}));
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_leaves_nothing_behind() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let path = format!("/api/v1/certificates/{code}");
    world.set_time(start().plus_years(20).unwrap());
    world.confirm();
    assert_eq!(site.json(&path).await.1["reasons"][0]["cause"], "expired");

    // Set right, and before the next confirmation it is not known how old the last one is.
    world.set_time(start());
    assert_eq!(site.json(&path).await.1["result"], "cannotTell");
    world.confirm();
    let (_, answer) = site.json(&path).await;
    assert_eq!((&answer["result"], &answer["asOf"]["confirmedAt"]), (&json!("valid"), &json!(NOW)));
    world.set_time(start().plus_days(1));
    assert_eq!(site.json(&path).await.1["result"], "cannotTell");
}

#[tokio::test]
async fn past_dates_are_answered_from_the_ledger() {
    let mut world = World::new();
    let code = world.issue(1, |_| {}).to_string();
    world.set_time(start().plus_days(10));
    world.submit(decision_maker(), "certificate:stop", &[&code, "A closer look"]);
    let site = world.serve().await;
    for (at, result) in [
        ("2026-11-21", "notValid"),
        ("2026-11-21T12:00:00Z", "valid"),
        ("2026-11-30", "valid"),
        ("2026-12-01T11:59:59Z", "valid"),
        ("2026-12-01T12:00:00Z", "notValid"),
    ] {
        let (status, answer) = site.json(&format!("/c/{code}?at={at}")).await;
        assert_eq!((status, &answer["result"]), (200, &json!(result)), "{at}");
    }
    let before = site.json(&format!("/c/{code}?at=2026-11-21")).await.1;
    assert_eq!(before["reasons"][0], json!({"cause": "notYetValid", "since": NOW}));
    assert_eq!(before["accreditation"]["inForce"], true);
    let long_before = site.json(&format!("/c/{code}?at=2020-01-01")).await.1;
    assert_eq!(long_before["accreditation"]["inForce"], false);
    site.get(&format!("/c/{code}?at=2026-11-30"))
        .await
        .says("On 30 November 2026, 00:00:00 UTC, this certificate was");
    for wrong in ["tomorrow", "2026-02-30", "2026-12-02", "2026-13-01", "%00"] {
        let (status, problem) = site.json(&format!("/c/{code}?at={wrong}")).await;
        assert_eq!((status, &problem["title"]), (400, &json!("Date not understood")), "{wrong}");
    }
}

#[tokio::test]
async fn unknown_is_not_mistyped() {
    let world = World::new();
    let site = world.serve().await;
    let unknown = code(9).to_string();
    let response = site.get(&format!("/c/{unknown}")).await;
    assert_eq!((response.status, response.header("cache-control")), (404, "no-store"));
    response.says("Unknown certificate").says("As of block 5");
    let (status, answer) = site.json(&format!("/c/{unknown}")).await;
    assert_eq!((status, &answer["result"]), (404, &json!("unknown")));
    for rest in ["document.json", "qr.svg", "qr.png"] {
        assert_eq!(site.get(&format!("/c/{unknown}/{rest}")).await.status, 404, "{rest}");
    }

    let mistyped = unknown.replacen('9', "8", 1);
    let response = site.get(&format!("/c/{mistyped}")).await;
    assert_eq!(response.status, 400);
    response.says("mistyped").says("aria-invalid=\"true\"").says(&mistyped);
    let (status, problem) = site.json(&format!("/api/v1/certificates/{mistyped}")).await;
    assert_eq!((status, &problem["title"]), (400, &json!("Mistyped")));
}

/// Whatever a program says it accepts, or forgets to say.
#[tokio::test]
async fn below_api_every_refusal_is_json() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let api = format!("/api/v1/certificates/{code}");
    for (path, status) in [
        (format!("{api}?at=foo"), 400),
        (format!("{api}?at=2999-01-01"), 400),
        (format!("{api}x"), 400),
        (format!("{api}/nothing"), 404),
        ("/api/".to_owned(), 404),
        (format!("{api}?{}", "x".repeat(10_000)), 414),
    ] {
        let response = site.get_with(&path, &[("Accept", "text/html")]).await;
        let found = (response.status, response.header("content-type"));
        assert_eq!(found, (status, "application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn a_verifier_out_of_touch_cannot_tell_and_shows_what_it_knew() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let path = format!("/c/{code}");
    assert_eq!(site.get("/readyz").await.status, 200);

    world.set_time(start().plus_days(1).plus_seconds(-1));
    assert_eq!(site.json(&path).await.1["result"], "valid");
    world.set_time(start().plus_days(1));
    for _ in 0..2 {
        let (status, answer) = site.json(&path).await;
        assert_eq!(
            (status, &answer["result"], &answer["lastKnown"]),
            (503, &json!("cannotTell"), &json!("valid"))
        );
        assert_eq!(answer["asOf"]["confirmedAt"], NOW);
    }
    let page = site.get(&path).await;
    assert_eq!((page.status, page.header("cache-control")), (503, "no-store"));
    page.says("Cannot tell").says("Last known answer: valid").says("21 November 2026, 12:00:00 UTC");
    assert_eq!(site.json(&format!("/c/{}", common::code(9))).await.1["lastKnown"], "unknown");
    assert_eq!(site.get("/readyz").await.status, 503);
    assert_eq!(site.get("/healthz").await.status, 200);

    world.confirm();
    assert_eq!(site.json(&path).await.1["result"], "valid");
    assert_eq!(site.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn digital_links_find_the_certificates_of_a_product() {
    let mut world = World::new();
    let any_batch = world.issue(1, product(GTIN, None, None));
    let first = world.issue(2, product(GTIN, Some("Ab/1"), None));
    let second = world.issue(3, product(GTIN, Some("B2"), Some("7")));
    let other = world.issue(4, product("00614141123452", Some("B2"), None));
    let unlisted = world.issue(5, |document| {
        product("00000096385074", None, None)(document);
        document["credentialSubject"]["listing"] = json!("unlisted");
    });
    let site = world.serve().await;
    let codes = async |path: &str| {
        let (status, answer) = site.json(path).await;
        let all = match (status, answer.get("certificates")) {
            (200, Some(list)) => list.as_array().unwrap().iter().map(|one| one["code"].clone()).collect(),
            (200, None) => vec![answer["code"].clone()],
            _ => Vec::new(),
        };
        (status, all)
    };
    let listed =
        |codes: &[certificate::Code]| (200, codes.iter().map(|code| json!(code)).collect::<Vec<_>>());
    assert_eq!(codes("/01/09520123456788").await, listed(&[second, first, any_batch]));
    assert_eq!(codes("/01/9520123456788").await, listed(&[second, first, any_batch]));
    assert_eq!(codes("/01/09520123456788/10/Ab%2F1").await, listed(&[first, any_batch]));
    assert_eq!(codes("/01/09520123456788/22/V/10/B2/21/7").await, listed(&[second, any_batch]));
    assert_eq!(codes("/01/09520123456788/21/7").await, listed(&[second, first, any_batch]));
    assert_eq!(codes("/01/09520123456788/21/8").await, listed(&[first, any_batch]));
    assert_eq!(codes("/01/09520123456788/10/ab%2F1").await, listed(&[any_batch]), "case counts");
    assert_eq!(codes("/01/00614141123452").await, listed(&[other]));
    assert_eq!(codes("/01/00000096385074").await.0, 404, "unlisted");
    assert_eq!(site.json(&format!("/c/{unlisted}")).await.0, 200, "reachable by its code");
    assert_eq!(codes("/01/09520123456789").await.0, 400);
    assert_eq!(codes("/01/09520123456788/21/7/10/B2").await.0, 400);

    let page = site.get("/01/09520123456788").await;
    page.says("3 found").says("Ab/1").says(&format!("href=\"/c/{second}\""));
    site.get("/01/00614141123452").await.says("<h1 class=\"word\">Valid</h1>");
}

#[tokio::test]
async fn qr_codes_lead_where_the_certificate_is_found() {
    let mut world = World::new();
    let with_code = world.issue(1, |_| {});
    let with_product = world.issue(2, product(GTIN, Some("Ab/1"), None));
    let site = world.serve().await;
    for (code, address) in [
        (with_code, format!("HTTPS://CHECK.EXAMPLE/C/{with_code}")),
        (with_product, format!("HTTPS://CHECK.EXAMPLE/01/09520123456788/10/Ab%2F1?c={with_product}")),
    ] {
        let png = site.get(&format!("/c/{code}/qr.png")).await;
        assert_eq!(png.header("content-type"), "image/png");
        let picture = image::load_from_memory(&png.body).unwrap().to_luma8();
        let mut picture = rqrr::PreparedImage::prepare(picture);
        assert_eq!(picture.detect_grids()[0].decode().unwrap().1, address);
        let svg = site.get(&format!("/c/{code}/qr.svg")).await;
        assert_eq!(svg.header("content-type"), "image/svg+xml");
        svg.says("check.example</text>").says(code.grouped().get(..19).unwrap());
        let path = address.strip_prefix("HTTPS://CHECK.EXAMPLE").unwrap();
        assert_eq!(site.json(path).await.1["code"], json!(code), "the address leads back");
    }
}

#[tokio::test]
async fn a_label_leads_to_its_own_certificate_and_then_to_others_of_the_product() {
    let mut world = World::new();
    let codes: Vec<_> = (1..=5).map(|number| world.issue(number, product(GTIN, Some("B1"), None))).collect();
    for code in &codes[..3] {
        let arguments = [code.to_string(), "A closer look".into()];
        world.submit(accreditor(), "certificate:stop", &arguments.each_ref().map(String::as_str));
    }
    let (stopped, valid) = (codes[1], codes[3]);
    let site = world.serve().await;
    for (code, word) in [(stopped, "Not valid"), (valid, "Valid")] {
        let png = site.get(&format!("/c/{code}/qr.png")).await;
        let picture = image::load_from_memory(&png.body).unwrap().to_luma8();
        let address = rqrr::PreparedImage::prepare(picture).detect_grids()[0].decode().unwrap().1.to_owned();
        let path = address.strip_prefix("HTTPS://CHECK.EXAMPLE").unwrap();
        for _ in 0..2 {
            let page = site.get(path).await;
            let (answer, others) = page.text().split_once("Other certificates of this product").unwrap();
            assert!(answer.contains(&format!("<h1 class=\"word\">{word}</h1>")), "{answer}");
            assert!(answer.contains(&code.grouped()) && !others.contains(&code.grouped()));
            for other in codes.iter().filter(|other| **other != code) {
                assert!(others.contains(&other.grouped()) && !answer.contains(&other.grouped()));
            }
            assert!(!page.text().contains("Choose the one"));
        }
        assert_eq!(site.json(path).await.1["code"], json!(code));
        // The same question without the product is another page.
        assert!(!site.get(&format!("/c/{code}")).await.text().contains("Other certificates"));
    }

    // What happens to another certificate of the product shows at once.
    let path = format!("/01/{GTIN}/10/B1?c={valid}");
    let tag = site.get(&path).await.header("etag").to_owned();
    let arguments = [codes[4].to_string(), "A closer look".into()];
    world.submit(accreditor(), "certificate:stop", &arguments.each_ref().map(String::as_str));
    let page = site.get_with(&path, &[("If-None-Match", &tag)]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.text().matches("<strong>Not valid</strong>").count(), 4);
}

#[tokio::test]
async fn an_address_whose_product_is_not_the_certificates_vouches_for_nothing() {
    let mut world = World::new();
    let code = world.issue(1, product(GTIN, Some("B1"), None));
    let without_number = world.issue(2, |_| {});
    let unknown = common::code(9);
    let site = world.serve().await;
    for path in [
        format!("/01/00614141123452?c={code}"),
        format!("/01/{GTIN}/10/B2?c={code}"),
        format!("/01/{GTIN}?c={without_number}"),
    ] {
        let page = site.get(&path).await;
        assert_eq!(page.status, 400, "{path}");
        page.says("Product and certificate do not match");
        assert!(!page.text().contains("class=\"word\">Valid"));
        assert_eq!(site.json(&path).await.0, 400, "{path}");
    }
    for path in [format!("/01/{GTIN}?c={code}"), format!("/01/{GTIN}/10/B1/21/7?c={code}")] {
        assert_eq!(site.json(&path).await.1["result"], "valid", "{path}");
    }
    let page = site.get(&format!("/01/{GTIN}/10/B1?c={unknown}")).await;
    assert_eq!(page.status, 404);
    assert!(!page.text().contains(&code.grouped()), "no other certificate speaks for an unknown code");
    assert_eq!(site.get(&format!("/01/{GTIN}?c=ABC")).await.status, 400);
}

#[tokio::test]
async fn the_typed_form_works_without_scripts() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let front = site.get("/").await;
    front.says("<form").says("name=\"code\"").says("<label for=\"code\">");
    assert_eq!(front.status, 200);
    let typed = code.grouped().to_lowercase().replace('-', "+");
    let response = site.get(&format!("/?code={typed}")).await;
    assert_eq!((response.status, response.header("location")), (303, format!("/c/{code}").as_str()));
    let response = site.get("/?code=%3Cscript%3E").await;
    assert_eq!(response.status, 400);
    response.says("mistyped").says("value=\"&#60;script&#62;\"");
}

#[tokio::test]
async fn caches_ask_again_after_the_window() {
    let mut world = World::new();
    let code = world.issue(1, |_| {}).to_string();
    let site = world.serve().await;
    for (path, accept) in [(format!("/c/{code}"), "text/html"), (format!("/c/{code}"), "application/json")] {
        let first = site.get_with(&path, &[("Accept", accept)]).await;
        assert_eq!(first.header("cache-control"), "public, max-age=30, must-revalidate");
        assert_eq!(first.header("vary"), "accept");
        let tag = first.header("etag").to_owned();
        let again = site.get_with(&path, &[("Accept", accept), ("If-None-Match", &tag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    let page = site.get(&format!("/c/{code}")).await.header("etag").to_owned();
    let json = site.get(&format!("/api/v1/certificates/{code}")).await.header("etag").to_owned();
    assert_ne!(page, json);

    world.set_time(start().plus_seconds(1));
    world.confirm();
    let later = site.get_with(&format!("/c/{code}"), &[("If-None-Match", &page)]).await;
    assert_eq!(later.status, 304, "a head confirmed again changes nothing that matters");
    world.submit(accreditor(), "certificate:stop", &[&code, "A closer look"]);
    let stopped = site.get_with(&format!("/c/{code}"), &[("If-None-Match", &page)]).await;
    assert_eq!(stopped.status, 200);
    stopped.says("Not valid");
}

#[tokio::test]
async fn every_reply_is_locked_down_and_sets_no_cookie() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let front = site.get("/").await;
    let style = front.text().split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let paths = [
        "/".to_owned(),
        format!("/c/{code}"),
        format!("/c/{code}/document.json"),
        format!("/c/{code}/qr.svg"),
        format!("/api/v1/certificates/{code}"),
        "/c/nonsense".into(),
        "/nowhere".into(),
        "/healthz".into(),
        "/schemas/certificate/v1.json".into(),
        "/ns/certificate/v1".into(),
        style.to_owned(),
    ];
    for path in paths {
        let response = site.get(&path).await;
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(response.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(response.header("set-cookie"), "", "{path}");
        assert_ne!(response.header("cache-control"), "", "{path}");
    }
}

#[tokio::test]
async fn a_demonstration_is_said_to_be_one_and_a_contact_is_named() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world
        .serve_with(|config| {
            config.demonstration = true;
            config.contact = Some("fakes@check.example".parse().unwrap());
        })
        .await;
    for path in ["/".to_owned(), format!("/c/{code}"), "/nowhere".into()] {
        let page = site.get(&path).await;
        page.says("One operator holds all keys").says("mailto:fakes@check.example");
    }
    assert_eq!(site.json(&format!("/c/{code}")).await.1["demonstration"], true);
}

#[tokio::test]
async fn other_methods_and_long_addresses_are_refused() {
    let site = World::new().serve().await;
    let post = site.ask("POST", "/", &[("Content-Length", "0")]).await;
    assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
    let head = site.ask("HEAD", "/", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("content-length").parse::<usize>().unwrap() > 1000);
    assert_eq!(site.get(&format!("/c/{}", "A".repeat(3000))).await.status, 414);
    assert_eq!(site.get_with("/", &[("X-Long", &"a".repeat(20_000))]).await.status, 431);
    let many: Vec<_> = (0..100).map(|_| ("X-Many", "1")).collect();
    assert_eq!(site.get_with("/", &many).await.status, 431);
}

#[tokio::test]
async fn metrics_are_at_the_operations_address_alone() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let world = World::new();
    let (obstacle, seen) = watch::channel(Some("the chaincode is not in force yet".to_owned()));
    let site = world
        .serve_with(|config| {
            config.operations = Some("127.0.0.1:0".parse().unwrap());
            config.metrics = Some(recorder.handle());
            config.obstacle = seen;
        })
        .await;
    let operations = site.operations();
    assert_eq!(site.get("/metrics").await.status, 404);
    assert_eq!(operations.get("/metrics").await.status, 200);
    assert_eq!(operations.get("/").await.status, 404);
    for door in [&site, &operations] {
        assert_eq!(door.get("/healthz").await.status, 200);
        let ready = door.get("/readyz").await;
        assert_eq!(ready.says("not ready: the chaincode is not in force yet").status, 503);
    }
    obstacle.send_replace(None);
    assert_eq!(operations.get("/readyz").await.status, site.get("/readyz").await.status);
    assert!(!site.get("/readyz").await.text().contains("chaincode"));
}

#[tokio::test]
async fn garbage_is_answered_or_closed_and_the_site_goes_on() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    let site = world.serve().await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length * 3).map(|_| random() as u8).collect();
        site.raw(&[&bytes, b"\r\n\r\n".as_slice()].concat()).await;
    }
    for path in [
        "//",
        "/c/",
        "/c//",
        "/c/%",
        "/c/%zz",
        "/c/%00",
        "/c/%ff%fe",
        "/c/..",
        "/c/../..%2f",
        "/01/",
        "/01//",
        "/01/%2F",
        "/01/09520123456788/10/%00",
        "/api/v1/certificates/",
        "/api/v1/certificates/%E2%82%AC",
        "/?code",
        "/?code=%",
        "/?=&&&=",
        "/c/x?at",
        "/c/x?at=%",
        "/assets/../Cargo.toml",
        "/c/x/../../etc/passwd",
    ] {
        let response = site.get(path).await;
        assert!((200..500).contains(&response.status), "{path}: {}", response.status);
    }
    for accept in ["", ";;;", "application/json;q=", "*/*;q=9", ",,,,", &"a/b,".repeat(2000)] {
        let response = site.get_with(&format!("/c/{code}"), &[("Accept", accept)]).await;
        assert_eq!(response.status, 200);
    }
    assert_eq!(site.json(&format!("/c/{code}")).await.1["result"], "valid");
}

#[tokio::test]
async fn a_moment_is_never_taken_from_the_document_alone() {
    // Validity dated back to the decision does not reach back before the ledger vouched for it.
    let mut world = World::new();
    let before = start().plus_days(-20);
    let code = world.issue(1, |document| {
        document["validFrom"] = json!(before);
        document["credentialSubject"]["decisionDate"] = json!(before);
        document["validUntil"] = json!(DateTime::parse("2027-11-01T00:00:00Z").unwrap());
    });
    let site = world.serve().await;
    assert_eq!(site.json(&format!("/c/{code}?at=2026-11-10")).await.1["result"], "notValid");
    assert_eq!(site.json(&format!("/c/{code}")).await.1["result"], "valid");
}
