//! Wallets and programs over real HTTP, with signatures of the official libraries: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use harness::{Browser, PASSWORD, Portal, Reply, Signed, Wallets};
use http::Method;
use portal::Access;
use serde_json::{Value, json};

const ADA: &str = "ada@works.example";
const BOB: &str = "bob@body.example";
const EVE: &str = "eve@mill.example";

/// Each scheme with a chain of its family.
const SCHEMES: [(&str, &str); 4] = [
    ("ethereum", "eip155:1"),
    ("ed25519", "sui:mainnet"),
    ("secp256k1", "sui:testnet"),
    ("secp256r1", "sui:devnet"),
];

cases![
    wallets_are_linked_log_in_and_are_removed,
    a_nonce_counts_once_where_it_was_asked_for,
    what_a_wallet_did_not_sign_is_refused,
    wallets_that_cannot_be_verified_are_named,
    an_unknown_wallet_registers_with_an_address_that_is_proven,
    known_and_unknown_addresses_look_the_same_with_a_wallet,
    a_wallet_is_linked_by_the_browser_that_showed_it_alone,
    a_wallet_is_of_one_account,
    a_wallet_alone_opens_nothing_of_an_organisation,
    a_companys_password_links_no_wallet_beside_its_passkeys,
    a_recovered_password_removes_wallets_and_ends_programs,
    a_disabled_account_is_not_let_in_by_a_wallet,
    who_left_a_company_is_not_let_in_by_a_wallet,
    a_program_logs_in_with_a_wallet,
    a_program_writes_its_own_message,
    a_message_of_another_domain_chain_or_time_is_refused,
    a_refresh_token_that_comes_twice_ends_its_session,
    tokens_of_others_and_other_kinds_are_refused,
    programs_are_told_what_is_wrong,
    programs_sessions_are_ended_by_their_owner,
    other_origins_are_refused_unless_they_are_listed,
    the_database_holds_no_token,
];

/// What a browser is told to have signed: nonce and message.
async fn asked(browser: &mut Browser, page: &str, chain: &str, address: &str) -> (String, String) {
    let told = browser.post(&format!("{page}/challenge"), &[("chain", chain), ("address", address)]).await;
    assert_eq!((told.status, told.header("content-type")), (200, "application/json"), "{}", told.body);
    let told: Value = serde_json::from_str(&told.body).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("nonce"), text("message"))
}

async fn send_login(browser: &mut Browser, nonce: &str, signature: &str) -> Reply {
    let fields = [("nonce", nonce), ("signature", signature), ("next", "/account")];
    browser.post("/login/wallet", &fields).await
}

async fn log_in(
    browser: &mut Browser,
    wallets: &mut Wallets,
    (scheme, chain): (&str, &str),
    key: u8,
) -> Reply {
    let address = wallets.address(scheme, key);
    let (nonce, message) = asked(browser, "/login/wallet", chain, &address).await;
    let signed = wallets.sign(scheme, key, &message);
    send_login(browser, &nonce, &signed.signature).await
}

async fn link(browser: &mut Browser, wallets: &mut Wallets, (scheme, chain): (&str, &str), key: u8) -> Reply {
    let address = wallets.address(scheme, key);
    let (nonce, message) = asked(browser, "/account/wallets", chain, &address).await;
    let signature = wallets.sign(scheme, key, &message).signature;
    let fields = [("name", "Mine"), ("nonce", nonce.as_str()), ("signature", signature.as_str())];
    browser.post("/account/wallets", &fields).await
}

fn is_in(reply: &Reply) -> bool {
    (reply.status, reply.header("location")) == (303, "/account")
}

/// A program's question.
async fn ask(portal: &Portal, path: &str, body: Value) -> (u16, Value) {
    ask_from(portal, path, &[], body).await
}

async fn ask_from(portal: &Portal, path: &str, more: &[(&str, &str)], body: Value) -> (u16, Value) {
    let headers = [&[("Content-Type", "application/json")][..], more].concat();
    let reply = portal.browser().program("POST", path, &headers, &body.to_string()).await;
    assert_eq!(reply.header("set-cookie"), "");
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

async fn me(portal: &Portal, token: &str) -> (u16, Value) {
    let header = format!("Bearer {token}");
    let reply = portal.browser().program("GET", "/auth/me", &[("Authorization", &header)], "").await;
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

/// A program's login, with the message that the portal writes.
async fn program(
    portal: &Portal,
    wallets: &mut Wallets,
    (scheme, chain): (&str, &str),
    key: u8,
) -> (u16, Value) {
    let address = wallets.address(scheme, key);
    let (status, given) = ask(portal, "/auth/nonce", json!({ "chain": chain, "address": address })).await;
    assert_eq!(status, 200, "{given}");
    let signed = wallets.sign(scheme, key, given["message"].as_str().unwrap());
    verify(portal, &signed).await
}

async fn verify(portal: &Portal, signed: &Signed) -> (u16, Value) {
    let body = json!({ "message": signed.message, "signature": signed.signature });
    ask(portal, "/auth/verify", body).await
}

fn token(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

async fn refresh(portal: &Portal, token: &str) -> (u16, Value) {
    ask(portal, "/auth/refresh", json!({ "refresh_token": token })).await
}

async fn wallets_are_linked_log_in_and_are_removed(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    for (key, scheme) in (1..).zip(SCHEMES) {
        let linked = link(&mut ada, &mut wallets, scheme, key).await;
        assert!(is_in(&linked), "{scheme:?} {}", linked.body);
        let mut other = portal.browser();
        let reply = log_in(&mut other, &mut wallets, scheme, key).await;
        assert!(is_in(&reply), "{scheme:?} {} {}", reply.status, reply.body);
        let page = other.get("/account").await.body;
        let address = wallets.address(scheme.0, key);
        assert!(page.contains(ADA) && page.contains(&address) && page.contains("last used"), "{page}");
    }
    portal.mail(ADA, "A wallet was linked to your account: Mine").await;
    assert_eq!(portal.count("audit WHERE action = 'wallet linked' AND result = 'done'").await, 4);
    assert_eq!(portal.count("audit WHERE action = 'login by wallet' AND result = 'done'").await, 4);

    let (id,): (String,) = sqlx::query_as("SELECT id FROM wallets WHERE address LIKE 'eip155:%'")
        .fetch_one(&portal.pool)
        .await
        .unwrap();
    let mut eve = portal.company(EVE, "Mill").await;
    for path in [format!("/account/wallets/{id}/name"), format!("/account/wallets/{id}/remove")] {
        let fields: &[(&str, &str)] = if path.ends_with("name") { &[("name", "Hers")] } else { &[] };
        assert_eq!(eve.post(&path, fields).await.status, 404, "{path}");
    }
    let mut elsewhere = portal.browser();
    assert!(is_in(&log_in(&mut elsewhere, &mut wallets, SCHEMES[0], 1).await));
    assert_eq!(ada.post(&format!("/account/wallets/{id}/name"), &[("name", "Office <b>")]).await.status, 303);
    assert!(ada.get("/account").await.body.contains("Office &#60;b&#62;"));
    assert_eq!(ada.post(&format!("/account/wallets/{id}/remove"), &[]).await.status, 303);
    assert_eq!(elsewhere.get("/account").await.status, 303, "sessions end with a wallet");
    let reply = log_in(&mut portal.browser(), &mut wallets, SCHEMES[0], 1).await;
    assert!(reply.body.contains("This wallet is new here"), "{}", reply.body);
    // The last one of all is not the last way in.
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM wallets").fetch_all(&portal.pool).await.unwrap();
    for (id,) in rows {
        assert_eq!(ada.post(&format!("/account/wallets/{id}/remove"), &[]).await.status, 303);
    }
    assert_eq!(portal.browser().log_in(ADA, PASSWORD).await.status, 303);
}

async fn a_nonce_counts_once_where_it_was_asked_for(portal: Portal) {
    let (mut wallets, scheme) = (Wallets::start(), SCHEMES[1]);
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, scheme, 1).await));
    let address = wallets.address(scheme.0, 1);

    // Once.
    let mut browser = portal.browser();
    let (nonce, message) = asked(&mut browser, "/login/wallet", scheme.1, &address).await;
    let signature = wallets.sign(scheme.0, 1, &message).signature;
    let before = browser.clone();
    assert!(is_in(&send_login(&mut browser, &nonce, &signature).await));
    assert_eq!(send_login(&mut before.clone(), &nonce, &signature).await.status, 422, "replayed");
    // Once, also where the answer was wrong.
    let mut browser = portal.browser();
    let (nonce, message) = asked(&mut browser, "/login/wallet", scheme.1, &address).await;
    let signature = wallets.sign(scheme.0, 1, &message).signature;
    let wrong = wallets.sign(scheme.0, 2, &message).signature;
    assert_eq!(send_login(&mut browser, &nonce, &wrong).await.status, 422);
    assert_eq!(send_login(&mut browser, &nonce, &signature).await.status, 422);
    // By the browser that asked.
    let (nonce, message) = asked(&mut browser, "/login/wallet", scheme.1, &address).await;
    let signature = wallets.sign(scheme.0, 1, &message).signature;
    assert_eq!(send_login(&mut portal.browser(), &nonce, &signature).await.status, 422, "another browser");
    // For its purpose.
    let linking = [("name", "Mine"), ("nonce", nonce.as_str()), ("signature", signature.as_str())];
    assert_eq!(ada.post("/account/wallets", &linking).await.status, 422, "for a link");
    assert_eq!(
        verify(&portal, &Signed { address, message, signature: signature.clone() }).await.0,
        422,
        "a program"
    );
    assert!(is_in(&send_login(&mut browser, &nonce, &signature).await), "it was not burnt by others");
    // In its time.
    let mut browser = portal.browser();
    let address = wallets.address(scheme.0, 1);
    let (nonce, message) = asked(&mut browser, "/login/wallet", scheme.1, &address).await;
    let signature = wallets.sign(scheme.0, 1, &message).signature;
    let late = "UPDATE wallet_nonces SET expires_at = expires_at - 300, issued_at = issued_at - 300";
    sqlx::query(late).execute(&portal.pool).await.unwrap();
    assert_eq!(send_login(&mut browser, &nonce, &signature).await.status, 422, "late");
    assert_eq!(send_login(&mut browser, &"0".repeat(64), &signature).await.status, 422, "none of ours");
    assert_eq!(portal.count("audit WHERE action = 'login by wallet' AND result = 'refused'").await, 6);
}

/// What comes in place of this signature.
type ChangedSignature<'a> = dyn Fn(&str, &mut Wallets) -> String + 'a;

async fn what_a_wallet_did_not_sign_is_refused(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    for (scheme, chain) in SCHEMES {
        assert!(is_in(&link(&mut ada, &mut wallets, (scheme, chain), 1).await));
        let address = wallets.address(scheme, 1);
        let right = |message: &str, wallets: &mut Wallets| wallets.sign(scheme, 1, message).signature;
        let last = |text: &str| {
            let (rest, end) = text.split_at(text.len() - 1);
            format!("{rest}{}", if end == "1" { "2" } else { "1" })
        };
        let changes: [&ChangedSignature<'_>; 9] = [
            &|_, _| String::new(),
            &|_, _| "0x".to_owned(),
            &|_, _| "AA==".to_owned(),
            &|_, _| "no signature".repeat(1000),
            &|message, wallets| last(&right(message, wallets)),
            &|message, wallets| format!("{}\n", right(message, wallets)),
            &|message, wallets| right(message, wallets).trim_end_matches('=')[..60].to_owned(),
            &|message, wallets| right(&format!("{message} "), wallets),
            &|message, wallets| right(&message.replace("Issued At: 2", "Issued At: 1"), wallets),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut browser = ada.clone();
            let (nonce, message) = asked(&mut browser, "/login/wallet", chain, &address).await;
            let signature = change(&message, &mut wallets);
            let reply = send_login(&mut browser, &nonce, &signature).await;
            assert_eq!(reply.status, 422, "{scheme} {number}");
            sqlx::query("DELETE FROM wallet_nonces").execute(&portal.pool).await.unwrap();
        }
    }
    let mut browser = portal.browser();
    for (chain, address) in [
        ("eip155:1", "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("eip155:0", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
        ("sui:mainnet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("sui:mainnet\nNonce: 1", "0x0000000000000000000000000000000000000000000000000000000000000000"),
        ("sui:mainnet", "0x000000000000000000000000000000000000000000000000000000000000000\n"),
        ("solana:mainnet", "x"),
        ("", ""),
    ] {
        let fields = [("chain", chain), ("address", address)];
        let refused = browser.post("/login/wallet/challenge", &fields).await;
        assert_eq!(refused.status, 422, "{chain} {address}: {}", refused.body);
        assert!(refused.body.starts_with("{\"problem\":"), "{}", refused.body);
    }
    assert_eq!(portal.count("wallet_nonces").await, 0);
}

/// The first byte says of what kind a signature of Sui is; Ethereum's of contracts are longer.
async fn wallets_that_cannot_be_verified_are_named(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut browser = portal.browser();
    let of_contract = format!("0x{}", "ab".repeat(100));
    for (chain, scheme, signature, word) in [
        ("sui:mainnet", "ed25519", "BQNNMTE3ODkw", "zkLogin"),
        ("sui:mainnet", "ed25519", "AwIAvlJnUP0iJFZL", "multisig"),
        ("sui:mainnet", "ed25519", "BiVJlg3liA6MaHQ0", "passkey"),
        ("eip155:1", "ethereum", of_contract.as_str(), "EIP-1271"),
    ] {
        let address = wallets.address(scheme, 1);
        let (nonce, _) = asked(&mut browser, "/login/wallet", chain, &address).await;
        let reply = send_login(&mut browser, &nonce, signature).await;
        assert!(reply.status == 422 && reply.body.contains(word), "{word}: {}", reply.body);
    }
}

/// What the page of an unknown wallet holds, by which its browser registers.
async fn shown(browser: &mut Browser, wallets: &mut Wallets, key: u8) -> String {
    let reply = log_in(browser, wallets, SCHEMES[0], key).await;
    assert!(reply.status == 200 && reply.body.contains("This wallet is new here"), "{}", reply.body);
    let (_, rest) = reply.body.split_once("name=\"shown\" value=\"").unwrap();
    rest[..64].to_owned()
}

async fn register(browser: &mut Browser, shown: &str, email: &str) -> Reply {
    let fields = [("shown", shown), ("email", email), ("name", "Ada Lovelace"), ("company", "Works")];
    browser.post("/register/wallet", &fields).await
}

async fn an_unknown_wallet_registers_with_an_address_that_is_proven(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.browser();
    let secret = shown(&mut ada, &mut wallets, 1).await;
    assert_eq!(portal.count("accounts").await, 0);
    let mistyped = register(&mut ada, &secret, "ada").await;
    assert!(mistyped.status == 422 && mistyped.body.contains(&secret), "{}", mistyped.body);
    assert_eq!(register(&mut portal.browser(), &secret, ADA).await.status, 422, "another browser");
    assert_eq!(register(&mut ada, &secret, ADA).await.status, 200);
    assert_eq!(register(&mut ada, &secret, EVE).await.status, 422, "it registers once");
    assert_eq!(
        (portal.count("accounts").await, portal.count("wallets").await),
        (0, 0),
        "before the mail is opened"
    );
    let path = portal.link(ADA, "/join").await;
    assert!(ada.get(&path).await.body.contains("logs you in, too"));
    ada.join(&path).await;
    assert!(ada.get("/account").await.body.contains("Wallet of the registration"));
    assert!(is_in(&log_in(&mut portal.browser(), &mut wallets, SCHEMES[0], 1).await));
    assert_eq!(portal.browser().log_in(ADA, PASSWORD).await.status, 303);
}

async fn known_and_unknown_addresses_look_the_same_with_a_wallet(portal: Portal) {
    portal.company(ADA, "Works").await;
    let mut wallets = Wallets::start();
    let mut replies = Vec::new();
    for (key, email) in [(1, ADA), (2, EVE)] {
        let mut browser = portal.browser();
        let secret = shown(&mut browser, &mut wallets, key).await;
        let reply = register(&mut browser, &secret, email).await;
        replies.push((reply.status, reply.text(), reply.headers.len()));
    }
    assert_eq!(replies[0], replies[1]);
    portal.mail(ADA, "It has an account already").await;
    assert_eq!(portal.count("wallets").await, 0);
}

/// Who registers an address of somebody else with a wallet of its own is not let into what that person makes of the link.
async fn a_wallet_is_linked_by_the_browser_that_showed_it_alone(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut thief = portal.browser();
    let secret = shown(&mut thief, &mut wallets, 1).await;
    assert_eq!(register(&mut thief, &secret, ADA).await.status, 200);
    let path = portal.link(ADA, "/join").await;
    let mut ada = portal.browser();
    assert!(ada.get(&path).await.body.contains("it is not linked"));
    ada.join(&path).await;
    assert_eq!((portal.count("accounts").await, portal.count("wallets").await), (1, 0));
    assert!(log_in(&mut thief, &mut wallets, SCHEMES[0], 1).await.body.contains("This wallet is new here"));
}

async fn a_wallet_is_of_one_account(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Mill").await;
    // Both at once: it is one's.
    ada.form_token().await;
    eve.form_token().await;
    let mut more = Wallets::start();
    let (first, second) =
        tokio::join!(link(&mut ada, &mut wallets, SCHEMES[0], 1), link(&mut eve, &mut more, SCHEMES[0], 1));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!((statuses, portal.count("wallets").await), ([303, 422], 1));
    // One key is a wallet of each network: addresses differ, and so do their accounts.
    assert!(is_in(&link(&mut eve, &mut wallets, SCHEMES[2], 1).await));
    // The chain of a login does not matter, the family's key does.
    let again = link(&mut ada, &mut wallets, ("ethereum", "eip155:137"), 1).await;
    assert!(again.body.contains("linked to an account already"), "{}", again.body);
}

async fn a_wallet_alone_opens_nothing_of_an_organisation(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    portal.colleague(&mut bob, EVE, "administrator").await;
    assert!(is_in(&link(&mut bob, &mut wallets, SCHEMES[0], 1).await));
    let mut browser = portal.browser();
    assert!(is_in(&log_in(&mut browser, &mut wallets, SCHEMES[0], 1).await));
    let entries = portal.count("audit").await;
    let barred = portal::routes().into_iter();
    let barred = barred.filter(|it| {
        let own = matches!(it.access, Access::Account | Access::Acting);
        own || matches!(it.access, Access::Staff | Access::Administrator | Access::AdministratorOrOwner)
    });
    for route in barred.filter(|route| route.method == Method::GET) {
        let reply = browser.get(route.path).await;
        assert!(reply.header("location").starts_with("/passkey"), "{}: {}", route.path, reply.status);
    }
    assert!(browser.get("/passkey").await.body.contains("Show your passkey"));
    assert_eq!(browser.post("/passkeys/challenge", &[]).await.status, 404, "a wallet makes no passkey");
    assert_eq!(portal.count("audit").await, entries, "something was done");
    let (status, problem) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("passkey")), "{problem}");
    assert_eq!(portal.count("client_sessions").await, 0);
    // Who loses its passkeys loses its wallets: one would make the next passkey.
    let mut boss = portal.administrator("boss@body.example", "CertBodyMSP").await;
    let them = format!("/admin/people/{}", portal.id(BOB).await);
    assert_eq!(boss.post(&them, &[("step", "forget-passkeys")]).await.status, 303);
    assert_eq!(portal.count("wallets").await, 0);
    let reply = log_in(&mut portal.browser(), &mut wallets, SCHEMES[0], 1).await;
    assert!(reply.body.contains("This wallet is new here"), "{}", reply.body);
}

async fn a_companys_password_links_no_wallet_beside_its_passkeys(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut thief = portal.browser();
    thief.log_in(ADA, PASSWORD).await;
    // Asked for before there was a passkey, and answered after.
    let address = wallets.address("ethereum", 1);
    let (nonce, message) = asked(&mut thief, "/account/wallets", "eip155:1", &address).await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[1], 2).await));
    assert_eq!(ada.make_passkey("Key").await.status, 303);
    let signature = wallets.sign("ethereum", 1, &message).signature;
    let fields = [("name", "Mine"), ("nonce", nonce.as_str()), ("signature", signature.as_str())];
    let late = thief.post("/account/wallets", &fields).await;
    assert!(late.status == 422 && late.body.contains("Log in with a passkey to link one"), "{}", late.body);
    let fields = [("chain", "eip155:1"), ("address", address.as_str())];
    assert_eq!(thief.post("/account/wallets/challenge", &fields).await.status, 404);
    let (id,): (String,) = sqlx::query_as("SELECT id FROM wallets").fetch_one(&portal.pool).await.unwrap();
    let refused = thief.post(&format!("/account/wallets/{id}/remove"), &[]).await;
    assert_eq!((refused.status, portal.count("wallets").await), (422, 1));
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    assert_eq!(ada.post(&format!("/account/wallets/{id}/remove"), &[]).await.status, 303);
}

async fn a_recovered_password_removes_wallets_and_ends_programs(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    let (_, first) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let new = "another battery, another horse";
    assert_eq!(ada.post("/account/password", &[("old", PASSWORD), ("new", new)]).await.status, 200);
    assert_eq!(me(&portal, &token(&first, "access_token")).await.0, 401, "after another password");
    let (_, second) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    portal.browser().post("/recover", &[("email", ADA)]).await;
    let link = portal.link(ADA, "/reset").await;
    assert!(portal.browser().get(&link).await.body.contains("your wallets are removed"));
    let fields = [("token", link.split_once('=').unwrap().1), ("password", PASSWORD)];
    assert_eq!(portal.browser().post("/reset", &fields).await.status, 200);
    portal.mail(ADA, "It removed the wallets").await;
    assert_eq!((portal.count("wallets").await, portal.count("client_sessions").await), (0, 0));
    assert_eq!(refresh(&portal, &token(&second, "refresh_token")).await.0, 401);
    assert_eq!(portal.count("audit WHERE action = 'wallets removed'").await, 1);
}

/// Of a company: an account of before there were owners may be disabled.
async fn a_disabled_account_is_not_let_in_by_a_wallet(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.colleague(&mut ada, EVE, "member").await;
    assert!(is_in(&link(&mut eve, &mut wallets, SCHEMES[0], 1).await));
    let (_, tokens) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 200);
    let disable = sqlx::query("UPDATE accounts SET disabled_at = 1 WHERE email = $1").bind(EVE);
    disable.execute(&portal.pool).await.unwrap();
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 401);
    assert_eq!(log_in(&mut portal.browser(), &mut wallets, SCHEMES[0], 1).await.status, 422);
    let (status, problem) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("disabled")), "{problem}");
}

async fn who_left_a_company_is_not_let_in_by_a_wallet(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.colleague(&mut ada, EVE, "member").await;
    assert!(is_in(&link(&mut eve, &mut wallets, SCHEMES[0], 1).await));
    let (_, tokens) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 200);
    let them = format!("/team/people/{}", portal.id(EVE).await);
    assert_eq!(ada.post(&them, &[("step", "remove")]).await.status, 303);
    assert_eq!((portal.count("wallets").await, portal.count("client_sessions").await), (0, 0));
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 401);
    assert_eq!(refresh(&portal, &token(&tokens, "refresh_token")).await.0, 401);
    let reply = log_in(&mut portal.browser(), &mut wallets, SCHEMES[0], 1).await;
    assert!(reply.body.contains("This wallet is new here"), "{}", reply.body);
    let (status, problem) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("unknown-wallet")), "{problem}");
    // It is free for another account.
    let mut again = portal.colleague(&mut ada, "eva@works.example", "reader").await;
    assert!(is_in(&link(&mut again, &mut wallets, SCHEMES[0], 1).await));
}

async fn a_program_logs_in_with_a_wallet(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let (status, problem) = program(&portal, &mut wallets, SCHEMES[0], 9).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("unknown-wallet")), "{problem}");
    for (key, scheme) in (1..).zip(SCHEMES) {
        assert!(is_in(&link(&mut ada, &mut wallets, scheme, key).await));
        let (status, tokens) = program(&portal, &mut wallets, scheme, key).await;
        assert_eq!((status, tokens["token_type"].as_str()), (200, Some("Bearer")), "{scheme:?} {tokens}");
        assert_eq!(tokens["expires_in"], 600);
        let (status, who) = me(&portal, &token(&tokens, "access_token")).await;
        assert_eq!(status, 200, "{who}");
        assert_eq!((&who["account"]["email"], &who["party"]["name"]), (&json!(ADA), &json!("Works")));
        assert_eq!((&who["party"]["kind"], &who["roles"]), (&json!("company"), &json!(["owner"])));
    }
    assert_eq!(portal.count("audit WHERE action LIKE 'program%' AND result = 'done'").await, 4);
    assert_eq!(portal.count("sessions").await, 1, "a program has no session of a browser");
}

/// A nonce for a program, and what viem needs beside it.
async fn nonce_for(portal: &Portal, wallets: &mut Wallets, key: u8) -> (String, Value) {
    let address = wallets.address("ethereum", key).to_lowercase();
    let (status, given) =
        ask(portal, "/auth/nonce", json!({ "chain": "eip155:1", "address": address })).await;
    assert_eq!(status, 200, "{given}");
    let nonce = given["nonce"].as_str().unwrap().to_owned();
    let fields = json!({ "domain": given["domain"], "uri": given["uri"], "chainId": 1, "nonce": nonce });
    (nonce, fields)
}

async fn a_program_writes_its_own_message(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    for more in [json!({}), json!({ "statement": "Hello!", "requestId": "7" }), json!({ "scheme": "https" })]
    {
        let (_, mut fields) = nonce_for(&portal, &mut wallets, 1).await;
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let signed = wallets.siwe(1, fields);
        let (status, tokens) = verify(&portal, &signed).await;
        assert_eq!(status, 200, "{} {tokens}", signed.message);
        assert_eq!(verify(&portal, &signed).await.0, 422, "replayed");
    }
}

async fn a_message_of_another_domain_chain_or_time_is_refused(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    for more in [
        json!({ "domain": "elsewhere.example" }),
        json!({ "uri": "https://elsewhere.example" }),
        json!({ "chainId": 5 }),
        json!({ "nonce": "0123456789abcdef" }),
        json!({ "issuedAt": 1_000_000_000_000_i64 }),
        json!({ "issuedAt": 4_000_000_000_000_i64 }),
        json!({ "resources": ["https://elsewhere.example"] }),
    ] {
        let (_, mut fields) = nonce_for(&portal, &mut wallets, 1).await;
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, problem) = verify(&portal, &wallets.siwe(1, fields)).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("wallet")), "{more} {problem}");
    }
    // Lines that are put in, signed by the wallet as they are.
    for injected in
        ["Hello!\nURI: https://elsewhere.example", "Hello!\n\nVersion: 1", "Hello!\r", "Hell\u{f6}!"]
    {
        let (_, fields) = nonce_for(&portal, &mut wallets, 1).await;
        let right = wallets.siwe(1, fields).message;
        let text = right.replacen("\n\n\n", &format!("\n\n{injected}\n\n"), 1);
        assert_ne!(text, right);
        assert_eq!(verify(&portal, &wallets.sign("ethereum", 1, &text)).await.0, 422, "{injected:?}");
    }
    // Another wallet's signature of it, and another wallet's own message with this nonce.
    let (_, fields) = nonce_for(&portal, &mut wallets, 1).await;
    let right = wallets.siwe(1, fields);
    let other = Signed { signature: wallets.sign("ethereum", 2, &right.message).signature, ..right };
    assert_eq!(verify(&portal, &other).await.0, 422);
    let (_, fields) = nonce_for(&portal, &mut wallets, 1).await;
    assert_eq!(verify(&portal, &wallets.siwe(2, fields)).await.0, 422);
    // Too late.
    let (_, fields) = nonce_for(&portal, &mut wallets, 1).await;
    let late = "UPDATE wallet_nonces SET expires_at = expires_at - 300, issued_at = issued_at - 300";
    sqlx::query(late).execute(&portal.pool).await.unwrap();
    assert_eq!(verify(&portal, &wallets.siwe(1, fields)).await.0, 422);
    assert_eq!(portal.count("client_sessions").await, 0);
}

async fn a_refresh_token_that_comes_twice_ends_its_session(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    let (_, other) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let (_, first) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let (status, second) = refresh(&portal, &token(&first, "refresh_token")).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(token(&first, "refresh_token"), token(&second, "refresh_token"));
    assert_eq!(me(&portal, &token(&first, "access_token")).await.0, 401, "the token before");
    assert_eq!(me(&portal, &token(&second, "access_token")).await.0, 200);
    let (status, problem) = refresh(&portal, &token(&first, "refresh_token")).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("refresh-token-reused")), "{problem}");
    assert_eq!(me(&portal, &token(&second, "access_token")).await.0, 401, "the session ended");
    assert_eq!(refresh(&portal, &token(&second, "refresh_token")).await.0, 401);
    portal.mail(ADA, "sent a token that was used before").await;
    assert_eq!(portal.count("audit WHERE action = 'refresh token reused'").await, 1);
    // Only that one ended. Two at once: one gets tokens, and the session ends for the other.
    let same = token(&other, "refresh_token");
    let (one, two) = tokio::join!(refresh(&portal, &same), refresh(&portal, &same));
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!((statuses, portal.count("client_sessions").await), ([200, 401], 0));
    // Its time.
    let (_, third) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    sqlx::query("UPDATE client_sessions SET access_until = 1").execute(&portal.pool).await.unwrap();
    assert_eq!(me(&portal, &token(&third, "access_token")).await.0, 401);
    sqlx::query("UPDATE client_sessions SET refresh_until = 1").execute(&portal.pool).await.unwrap();
    let (status, problem) = refresh(&portal, &token(&third, "refresh_token")).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("refresh-token")), "{problem}");
    assert_eq!(portal.count("audit WHERE action = 'refresh token reused'").await, 2, "late is not twice");
}

async fn tokens_of_others_and_other_kinds_are_refused(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Mill").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    assert!(is_in(&link(&mut eve, &mut wallets, SCHEMES[0], 2).await));
    let (_, adas) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let (_, eves) = program(&portal, &mut wallets, SCHEMES[0], 2).await;
    assert_eq!(me(&portal, &token(&eves, "access_token")).await.1["account"]["email"], EVE);
    let (access, refreshing) = (token(&adas, "access_token"), token(&adas, "refresh_token"));
    for wrong in
        [refreshing.as_str(), "", "nta_", &access[..60], &access.to_uppercase(), ada.session().unwrap()]
    {
        assert_eq!(me(&portal, wrong).await.0, 401, "{wrong}");
    }
    // The beginning of one and the end of another: who has the beginning had a token of that session.
    let mixed = format!("{}{}", &refreshing[..36], &token(&eves, "refresh_token")[36..]);
    let nobodys = format!("ntr_{}", "0".repeat(96));
    for (wrong, code) in [
        (access.as_str(), "refresh-token"),
        ("", "refresh-token"),
        ("ntr_", "refresh-token"),
        (
            "ntr_\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
            "refresh-token",
        ),
        (nobodys.as_str(), "refresh-token"),
        (mixed.as_str(), "refresh-token-reused"),
    ] {
        let (status, problem) = refresh(&portal, wrong).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some(code)), "{wrong}");
    }
    assert_eq!(me(&portal, &access).await.0, 401);
    assert_eq!(me(&portal, &token(&eves, "access_token")).await.0, 200, "others go on");
    let eves = format!("Bearer {}", token(&eves, "access_token"));
    for headers in [
        vec![("Authorization", eves.as_str()), ("Authorization", eves.as_str())],
        vec![("Authorization", eves.strip_prefix("Bearer ").unwrap())],
        vec![("Cookie", "nanotrace-session=0")],
    ] {
        let reply = portal.browser().program("GET", "/auth/me", &headers, "").await;
        assert_eq!(reply.status, 401, "{headers:?}");
        assert!(reply.header("www-authenticate").starts_with("Bearer "));
    }
    let query = format!("/auth/me?access_token={}", &eves[7..]);
    assert_eq!(portal.browser().program("GET", &query, &[], "").await.status, 401);
}

async fn programs_are_told_what_is_wrong(portal: Portal) {
    let browser = portal.browser();
    let posts = portal::routes().into_iter().filter(|route| route.access.is_for_programs());
    let posts = posts.collect::<Vec<_>>();
    assert_eq!(posts.len(), 4);
    let json = ("Content-Type", "application/json");
    let large = "x".repeat(17_000);
    for route in posts.iter().filter(|route| route.method == Method::POST) {
        for (headers, body, status) in [
            (vec![("Content-Type", "application/x-www-form-urlencoded")], "chain=eip155:1", 415),
            (vec![("Content-Type", "text/plain")], "{}", 415),
            (vec![], "{}", 415),
            (vec![json], "", 400),
            (vec![json], "{}", 400),
            (vec![json], "[]", 400),
            (
                vec![json],
                "{\"chain\":1,\"address\":2,\"message\":3,\"signature\":4,\"refresh_token\":5}",
                400,
            ),
            (vec![json], "\u{feff}{}", 400),
            (vec![json], large.as_str(), 413),
        ] {
            let reply = browser.program("POST", route.path, &headers, body).await;
            assert_eq!(
                (reply.status, reply.header("content-type")),
                (status, "application/problem+json"),
                "{}",
                route.path
            );
            let problem: Value = serde_json::from_str(&reply.body).unwrap();
            assert_eq!(
                (problem["status"].as_u64(), problem["type"].as_str()),
                (Some(status.into()), Some("about:blank"))
            );
            assert!(
                problem["title"].is_string() && problem["detail"].is_string() && problem["code"].is_string()
            );
            assert_eq!((reply.header("cache-control"), reply.header("set-cookie")), ("no-store", ""));
        }
    }
    let fields = json!({ "refresh_token": "x", "account": "y" });
    assert_eq!(ask(&portal, "/auth/refresh", fields).await.0, 400, "a member too many");
    let twice = "{\"refresh_token\":\"x\",\"refresh_token\":\"y\"}";
    assert_eq!(browser.program("POST", "/auth/refresh", &[json], twice).await.status, 400);
    let (status, problem) = ask(
        &portal,
        "/auth/nonce",
        json!({ "chain": "eip155:1", "address": "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed" }),
    )
    .await;
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("EIP-55"), "{problem}");
    // As every page that is not there: what is sent there is a form of nobody's first.
    for (wrong, path, status) in [("POST", "/auth/me", 403), ("GET", "/auth/nonce", 404)] {
        assert_eq!(browser.program(wrong, path, &[json], "{}").await.status, status, "{wrong} {path}");
    }
    let mut statuses = Vec::new();
    for _ in 0..200 {
        let reply = browser.program("GET", "/auth/me", &[], "").await;
        if reply.status == 429 {
            assert_eq!(reply.header("retry-after"), reply.header("ratelimit-reset"));
            assert_eq!(reply.header("content-type"), "application/problem+json");
        }
        statuses.push(reply.status);
    }
    assert!(statuses.contains(&429));
}

async fn programs_sessions_are_ended_by_their_owner(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Mill").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    let (_, tokens) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let page = ada.get("/account").await.body;
    let (_, rest) = page.split_once("Programs that act for you").unwrap();
    let session = rest.split_once("name=\"session\" value=\"").unwrap().1[..32].to_owned();
    assert_eq!(eve.post("/account/clients/end", &[("session", &session)]).await.status, 404);
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 200);
    assert_eq!(ada.post("/account/clients/end", &[("session", &session)]).await.status, 303);
    assert_eq!(me(&portal, &token(&tokens, "access_token")).await.0, 401);
    assert_eq!(refresh(&portal, &token(&tokens, "refresh_token")).await.0, 401);
    assert!(!ada.get("/account").await.body.contains("Programs that act for you"));
    // An account has twenty sessions: the oldest ends for one more.
    let (_, oldest) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    sqlx::query("UPDATE client_sessions SET used_at = used_at - 60").execute(&portal.pool).await.unwrap();
    for _ in 0..20 {
        assert_eq!(program(&portal, &mut wallets, SCHEMES[0], 1).await.0, 200);
    }
    assert_eq!(portal.count("client_sessions").await, 20);
    assert_eq!(me(&portal, &token(&oldest, "access_token")).await.0, 401);
}

async fn other_origins_are_refused_unless_they_are_listed(portal: Portal) {
    let browser = portal.browser();
    let own = portal.base.to_string();
    let json = ("Content-Type", "application/json");
    let asking =
        [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type")];
    for route in portal::routes().into_iter().filter(|route| route.access.is_for_programs()) {
        for (origin, allowed) in [
            ("https://app.example", true),
            ("http://localhost:5173", true),
            ("https://app.example.elsewhere.example", false),
            ("https://app.example:8443", false),
            ("http://app.example", false),
            ("https://APP.example", false),
            ("https://elsewhere.example", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            let headers = [&asking[..], &[("Origin", origin)]].concat();
            let before = browser.program("OPTIONS", route.path, &headers, "").await;
            let body = json!({ "chain": "eip155:1", "address": "x" }).to_string();
            let asked =
                browser.program(route.method.as_str(), route.path, &[json, ("Origin", origin)], &body).await;
            assert_eq!(before.status, if allowed { 204 } else { 403 }, "{origin}");
            assert_eq!(asked.status == 403, !allowed, "{origin}");
            for reply in [before, asked] {
                let named = if allowed { origin } else { "" };
                assert_eq!(reply.header("access-control-allow-origin"), named, "{origin}");
                assert_eq!(reply.header("access-control-allow-credentials"), "");
                assert_eq!(reply.header("vary"), "origin");
            }
        }
    }
    let twice = [json, ("Origin", "https://app.example"), ("Origin", "https://elsewhere.example")];
    assert_eq!(browser.program("POST", "/auth/nonce", &twice, "{}").await.status, 403);
    let reply = browser.program("POST", "/auth/nonce", &[json, ("Origin", own.as_str())], "{}").await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (400, ""),
        "its own pages need none"
    );
    // The portal's pages are for no other site.
    let page = browser.program("GET", "/login", &[("Origin", "https://app.example")], "").await;
    assert_eq!((page.status, page.header("access-control-allow-origin")), (200, ""));
}

/// As a client elsewhere asks: its wallet sees its own domain, and the nonce is good there alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_listed_client_asks_for_its_own_domain() {
    let portal = Portal::on_sqlite().await;
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    let address = wallets.address("ethereum", 1);
    let here = [("Origin", "https://app.example")];
    let question = json!({ "chain": "eip155:1", "address": address });
    let (_, given) = ask_from(&portal, "/auth/nonce", &here, question).await;
    assert_eq!((&given["domain"], &given["uri"]), (&json!("app.example"), &json!(portal.base.to_string())));
    let signed = wallets.sign("ethereum", 1, given["message"].as_str().unwrap());
    let body = json!({ "message": signed.message, "signature": signed.signature });
    let elsewhere = [("Origin", "http://localhost:5173")];
    assert_eq!(ask_from(&portal, "/auth/verify", &elsewhere, body.clone()).await.0, 422, "another client");
    assert_eq!(ask(&portal, "/auth/verify", body.clone()).await.0, 422, "no client");
    assert_eq!(ask_from(&portal, "/auth/verify", &here, body).await.0, 200);
}

async fn the_database_holds_no_token(portal: Portal) {
    let mut wallets = Wallets::start();
    let mut ada = portal.company(ADA, "Works").await;
    assert!(is_in(&link(&mut ada, &mut wallets, SCHEMES[0], 1).await));
    let (_, tokens) = program(&portal, &mut wallets, SCHEMES[0], 1).await;
    let (nonce, _) = nonce_for(&portal, &mut wallets, 1).await;
    let secret = shown(&mut portal.browser(), &mut wallets, 3).await;
    let (access, refreshing) = (token(&tokens, "access_token"), token(&tokens, "refresh_token"));
    let secrets = [&access[4..], &refreshing[4..36], &refreshing[36..], &nonce, &secret];
    let statements: [&'static str; 4] = [
        "SELECT id || family || refresh || access || client FROM client_sessions",
        "SELECT nonce || holder || domain || address FROM wallet_nonces",
        "SELECT secret || browser || address FROM shown_wallets",
        "SELECT actor || object || hash FROM audit",
    ];
    for statement in statements {
        let rows: Vec<(String,)> = sqlx::query_as(statement).fetch_all(&portal.pool).await.unwrap();
        assert!(!rows.is_empty(), "{statement}");
        for (row,) in rows {
            assert!(secrets.iter().all(|secret| !row.contains(*secret)), "{statement}");
        }
    }
}
