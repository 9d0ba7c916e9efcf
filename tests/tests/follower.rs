//! A regulator's own verifier follows the network from its genesis block, whatever happens to either.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use certificate::{Code, DateTime};
use serde_json::{Value, json};
use tests::{
    Network, assert_success,
    follower::Settings,
    hostile::rotation::rotate,
    source::{self, Conduct},
};

/// Longer than a follower waits before it asks for the newest block again.
const SECONDS_BETWEEN_CONFIRMATIONS: i64 = 6;

#[test]
fn a_follower_goes_on_whatever_happens() {
    let (folder, own_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let network = Network::start_in(folder.path());
    let code = network.code();
    let follower = Settings::new(&network, own_folder.path()).start();
    let valid = follower.wait_for(code, |answer| answer["result"] == "valid");

    // No block comes, and yet the newest one is confirmed anew.
    let later = follower.wait_for(code, |answer| confirmed_at(answer) > confirmed_at(&valid));
    assert_eq!(block(&later), block(&valid));

    act(&network, "stop", code, "a closer look");
    let stopped = follower.wait_for(code, |answer| answer["result"] == "notValid");
    assert_eq!(stopped["reasons"][0]["why"], "a closer look");
    assert!(block(&stopped) > block(&valid));

    // While no source delivers, it goes on answering and claims nothing newer than what it last heard.
    network.kill();
    let last = follower.answer(code);
    let then = confirmed_at(&last).plus_seconds(SECONDS_BETWEEN_CONFIRMATIONS);
    let dark = follower.wait_for(code, |_| now() > then);
    assert_eq!((&dark["result"], &dark["asOf"]), (&last["result"], &last["asOf"]));

    // Both come back where they were; the network's ports are new ones.
    follower.kill();
    let network = Network::start_in(folder.path());
    let follower = Settings::new(&network, own_folder.path()).start();
    let back = follower.wait_for(code, |answer| confirmed_at(answer) > confirmed_at(&last));
    assert_eq!((&back["result"], block(&back)), (&last["result"], block(&last)));
    act(&network, "lift", code, "all is well");
    follower.wait_for(code, |answer| answer["result"] == "valid");
}

/// The first source goes on saying, with a true block of the chain, that nothing has happened since.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_withholds_a_stop_is_found_out() {
    let network = Network::start();
    let code = network.code();
    let (folder, strict_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let withholding = source::start(&network, "Lab", Conduct::Delivers).await;
    let honest = network.profile().organisation("Customs").unwrap().gateway.address.clone();
    let peers = [("Lab", withholding.clone()), ("Customs", honest.clone())];
    let settings = |folder: &Path| Settings::new(&network, &folder.join("data")).with_peers(&network, &peers);
    let follower = settings(folder.path()).start();
    let strict = settings(strict_folder.path()).with("--min-sources", "2").start();
    let valid = [&follower, &strict].map(|it| it.wait_for(code, |answer| answer["result"] == "valid"));

    act(&network, "stop", code, "a closer look");
    let stopped = follower.wait_for(code, |answer| answer["result"] == "notValid");
    let both = json!({"confirming": 2, "asked": 2, "organisations": ["CustomsMSP", "LabMSP"]});
    assert!(valid.iter().all(|answer| answer["asOf"]["sources"] == both), "{valid:?}");
    let one = json!({"confirming": 1, "asked": 2, "organisations": ["CustomsMSP"]});
    let later = follower.wait_for(code, |answer| answer["asOf"]["sources"] == one);
    assert_eq!((&later["result"], block(&later)), (&json!("notValid"), block(&stopped)));
    let (status, ready) = follower.get("/readyz");
    assert_eq!(status, 200);
    assert!(ready.contains(&format!("source {withholding} (LabMSP), newest block")), "{ready}");
    assert!(
        ready.contains("it is behind") && ready.contains(&format!("source {honest} (CustomsMSP)")),
        "{ready}"
    );

    let doubtful = strict.wait_for(code, |answer| answer["result"] == "cannotTell");
    assert!(doubtful["doubt"].as_str().unwrap().contains("only 1 of at least 2 sources"), "{doubtful}");
    assert_eq!(doubtful["lastKnown"], "notValid");
    assert_eq!(strict.get("/readyz").0, 503);
}

/// The orderers get another certificate authority, and then the certificate is stopped. The first source stays with the
/// block just before; nothing that the second says of its newest block can be checked without those between.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_withholds_a_change_of_the_orderers_is_found_out() {
    let network = Network::start();
    let (code, profile) = (network.code(), network.profile());
    let folder = tempfile::tempdir().unwrap();
    let before = source::blocks(&profile).await;
    act(&network, "stop", code, "a closer look");
    let after = source::blocks(&profile).await;
    let rotated = rotate(&after, before.len(), &profile.crypto_config, &folder.path().join("crypto"));
    let newest = rotated.len() as u64 - 1;
    let withholding = source::start_with(&profile, "Lab", Conduct::Delivers, before);
    let honest = source::start_with(&profile, "Customs", Conduct::Delivers, rotated);
    let peers = [("Lab", withholding.clone()), ("Customs", honest)];
    let follower = Settings::new(&network, &folder.path().join("data")).with_peers(&network, &peers).start();

    let stopped = follower.wait_for(code, |answer| answer["result"] == "notValid");
    assert_eq!((&stopped["reasons"][0]["why"], block(&stopped)), (&json!("a closer look"), newest));
    let one = json!({"confirming": 1, "asked": 2, "organisations": ["CustomsMSP"]});
    follower.wait_for(code, |answer| answer["asOf"]["sources"] == one);
    let ready = follower.wait_for_page("/readyz", |_, ready| ready.contains("it is behind"));
    assert!(
        ready.lines().any(|line| line.contains(&withholding) && line.contains("it is behind")),
        "{ready}"
    );
}

/// Neither a made-up block nor the promise of many, with true ones before, keeps the honest source from confirming.
#[tokio::test(flavor = "multi_thread")]
async fn claims_that_cannot_be_checked_keep_nobody_from_confirming() {
    let network = Network::start();
    let code = network.code();
    let folder = tempfile::tempdir().unwrap();
    let invents = source::start(&network, "Lab", Conduct::Invents).await;
    let exaggerates = source::start(&network, "Industry", Conduct::Exaggerates).await;
    let honest = network.profile().organisation("Customs").unwrap().gateway.address.clone();
    let peers = [("Lab", invents.clone()), ("Industry", exaggerates.clone()), ("Customs", honest)];
    let follower = Settings::new(&network, &folder.path().join("data")).with_peers(&network, &peers).start();
    let one = json!({"confirming": 1, "asked": 3, "organisations": ["CustomsMSP"]});
    let valid = follower.wait_for(code, |answer| answer["asOf"]["sources"] == one);
    assert_eq!(valid["result"], "valid");
    let mut last = confirmed_at(&valid);
    for _ in 0..3 {
        let next = follower.wait_for(code, |answer| confirmed_at(answer) > last);
        assert!(confirmed_at(&next) <= last.plus_seconds(2 * SECONDS_BETWEEN_CONFIRMATIONS), "{next}");
        assert_eq!((&next["result"], &next["asOf"]["sources"]), (&json!("valid"), &one));
        last = confirmed_at(&next);
    }
    let ready = follower.get("/readyz").1;
    for liar in [invents, exaggerates] {
        let told = ready.lines().any(|line| line.contains(&liar) && line.contains("a block that is refused"));
        assert!(told, "{ready}");
    }
    act(&network, "stop", code, "a closer look");
    follower.wait_for(code, |answer| answer["result"] == "notValid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_lies_or_is_silent_is_named_and_holds_up_nobody() {
    let network = Network::start();
    let code = network.code();
    let folder = tempfile::tempdir().unwrap();
    let conducts = [
        ("Lab", Conduct::IsSilent, "it did not say in time what its newest block is"),
        ("Industry", Conduct::Invents, "it delivered a block that is refused"),
        ("Accreditation", Conduct::HasAnotherClock, "its own 1994-11-06T08:49:37Z"),
        ("CertBody", Conduct::Forges, "confirms"),
        ("Lab", Conduct::Forks, "the orderers have signed both: they have forked the chain"),
    ];
    let (mut peers, mut told) = (Vec::new(), Vec::new());
    for (organisation, conduct, reason) in conducts {
        let address = source::start(&network, organisation, conduct).await;
        told.push((address.clone(), reason));
        peers.push((organisation, address));
    }
    // Before the fork, which is as long: the source that is asked first is believed.
    let customs = network.profile().organisation("Customs").unwrap().gateway.address.clone();
    peers.insert(4, ("Customs", customs));
    let follower = Settings::new(&network, &folder.path().join("data")).with_peers(&network, &peers).start();
    let valid = follower.wait_for(code, |answer| answer["result"] == "valid");
    assert_eq!(valid["asOf"]["sources"]["asked"], 6);
    let is_told = |ready: &str| {
        told.iter().all(|(address, reason)| {
            ready.lines().any(|line| line.contains(address) && line.contains(reason))
        })
    };
    follower.wait_for_page("/readyz", |_, ready| is_told(ready));
    act(&network, "stop", code, "a closer look");
    follower.wait_for(code, |answer| answer["result"] == "notValid");
}

/// The disk is full for the block that carries the stop, and has room again later.
#[test]
fn a_full_disk_is_a_doubt_at_once_and_heals_by_itself() {
    let network = Network::start();
    let code = network.code();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(&network, folder.path());
    let follower = settings.start();
    follower.wait_for(code, |answer| answer["result"] == "valid");
    follower.kill();
    let log = std::fs::metadata(folder.path().join("ledger/blocks/00000000000000000000.log"));
    let log =
        log.unwrap_or_else(|error| panic!("{error}: {:?}", files(&folder.path().join("ledger/blocks"))));
    let Some(follower) = settings.start_with_room(log.len() + 1_000) else { return };
    let valid = follower.wait_for(code, |answer| answer["result"] == "valid");

    act(&network, "stop", code, "a closer look");
    let doubtful = follower.wait_for(code, |answer| answer["result"] != "valid");
    assert_eq!((&doubtful["result"], block(&doubtful)), (&json!("cannotTell"), block(&valid)));
    assert!(doubtful["doubt"].as_str().unwrap().contains("cannot take new blocks"), "{doubtful}");
    assert_eq!(follower.get("/readyz").0, 503);
    // Tries go on, and none of them makes it valid again.
    let then = now().plus_seconds(SECONDS_BETWEEN_CONFIRMATIONS);
    follower.wait_for(code, |answer| {
        assert_eq!(answer["result"], "cannotTell");
        now() > then
    });

    follower.make_room();
    follower.wait_for(code, |answer| answer["result"] == "notValid");
    follower.wait_for_page("/readyz", |status, _| status == 200);
}

#[test]
fn a_demonstration_is_named_on_a_followers_pages_too() {
    let network = Network::start();
    let code = network.code();
    let folder = tempfile::tempdir().unwrap();
    let follower = Settings::new(&network, folder.path()).start();
    let valid = follower.wait_for(code, |answer| answer["result"] == "valid");
    assert_eq!(valid["demonstration"], true);
    for path in ["/".to_owned(), format!("/c/{code}"), "/no-such-page".to_owned()] {
        let page = follower.get(&path).1;
        assert!(page.contains("One operator holds all keys of this ledger"), "{path}: {page}");
    }
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path().display().to_string()).collect()
}

fn act(network: &Network, action: &str, code: Code, reason: &str) {
    assert_success(&network.nanotrace(&["cert", action, &code.to_string(), "--reason", reason]));
}

fn block(answer: &Value) -> u64 {
    answer["asOf"]["block"].as_u64().unwrap()
}

/// 1970 before the first confirmation.
fn confirmed_at(answer: &Value) -> DateTime {
    answer["asOf"]["confirmedAt"]
        .as_str()
        .map_or(DateTime::from_seconds(0), |text| DateTime::parse(text).unwrap())
}

fn now() -> DateTime {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    DateTime::from_seconds(since_1970.as_secs() as i64)
}
