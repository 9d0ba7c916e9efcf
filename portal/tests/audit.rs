//! The audit log over real HTTP and in its database: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use accounts::audit::{Entry, Stand, Transaction, Verdict, verify};
use harness::{PASSWORD, Portal};

const BOB: &str = "bob@body.example";

cases![
    a_changed_log_is_found_out,
    an_entry_carries_its_transaction,
    a_log_that_never_stood_as_known_is_found_out,
];

/// As somebody who holds the database itself.
async fn open_log(portal: &Portal) {
    let on_postgres = sqlx::query("SELECT pg_backend_pid()").execute(&portal.pool).await.is_ok();
    let triggers: &[&'static str] = if on_postgres {
        &["DROP TRIGGER audit_is_not_changed ON audit"]
    } else {
        &["DROP TRIGGER audit_is_not_changed", "DROP TRIGGER audit_is_not_deleted"]
    };
    for statement in triggers {
        sqlx::query(*statement).execute(&portal.pool).await.unwrap();
    }
}

async fn execute(portal: &Portal, statement: &'static str) {
    sqlx::query(statement).execute(&portal.pool).await.unwrap();
}

async fn a_changed_log_is_found_out(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    bob.post("/logout", &[]).await;
    bob.log_in(BOB, PASSWORD).await;
    let Verdict::Intact(Stand { entries, .. }) = verify(&portal.database, &[]).await.unwrap() else {
        panic!("it is intact");
    };
    assert_eq!(entries, 5);
    // The portal's own connection cannot do it.
    for statement in ["UPDATE audit SET actor = 'x' WHERE seq = 2", "DELETE FROM audit WHERE seq = 2"] {
        sqlx::query(statement).execute(&portal.pool).await.unwrap_err();
    }
    open_log(&portal).await;
    let tampered: [(&'static str, &'static str, i64); 3] = [
        (
            "UPDATE audit SET actor = actor || 'x' WHERE seq = 2",
            "UPDATE audit SET actor = substr(actor, 1, length(actor) - 1) WHERE seq = 2",
            2,
        ),
        ("UPDATE audit SET at = at + 1 WHERE seq = 3", "UPDATE audit SET at = at - 1 WHERE seq = 3", 3),
        ("UPDATE audit SET seq = 9 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 9", 3),
    ];
    for (statement, back, seq) in tampered {
        sqlx::query(statement).execute(&portal.pool).await.unwrap();
        assert_eq!(verify(&portal.database, &[]).await.unwrap(), Verdict::Broken { seq }, "{statement}");
        sqlx::query(back).execute(&portal.pool).await.unwrap();
        assert!(matches!(
            verify(&portal.database, &[]).await.unwrap(),
            Verdict::Intact(Stand { entries: 5, .. })
        ));
    }
    sqlx::query("DELETE FROM audit WHERE seq = 5").execute(&portal.pool).await.unwrap();
    assert_eq!(verify(&portal.database, &[]).await.unwrap(), Verdict::Broken { seq: 5 });
    sqlx::query("UPDATE audit_head SET seq = 4").execute(&portal.pool).await.unwrap();
    assert_eq!(verify(&portal.database, &[]).await.unwrap(), Verdict::Broken { seq: 4 });
}

async fn an_entry_carries_its_transaction(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let transaction = Transaction { id: "c0ffee".to_owned(), block: Some(7), code: "VALID".to_owned() };
    let entry = Entry {
        at: accounts::now(),
        party: "BodyMSP".to_owned(),
        action: "application.accept",
        result: "on the ledger",
        transaction: Some(transaction),
        ..Entry::default()
    };
    let mut change = portal.database.change().await.unwrap();
    change.record(&entry).await.unwrap();
    change.commit().await.unwrap();
    let page = bob.get("/admin/audit?search=c0ffee").await;
    assert!(page.body.contains("VALID in block 7"), "{}", page.body);
    assert!(bob.get("/admin/audit/export").await.body.contains(",c0ffee,7,VALID\n"));
    let Verdict::Intact(Stand { entries, .. }) = verify(&portal.database, &[]).await.unwrap() else {
        panic!("it is intact");
    };
    open_log(&portal).await;
    let tampered = [
        ("UPDATE audit SET block = 8 WHERE block = 7", "UPDATE audit SET block = 7 WHERE block = 8"),
        ("UPDATE audit SET code = NULL WHERE block = 7", "UPDATE audit SET code = 'VALID' WHERE block = 7"),
        (
            "UPDATE audit SET transaction_id = 'x' WHERE block = 7",
            "UPDATE audit SET transaction_id = 'c0ffee' WHERE block = 7",
        ),
        ("UPDATE audit SET block = 9 WHERE seq = 1", "UPDATE audit SET block = NULL WHERE seq = 1"),
    ];
    for (statement, back) in tampered {
        execute(&portal, statement).await;
        assert!(
            matches!(verify(&portal.database, &[]).await.unwrap(), Verdict::Broken { .. }),
            "{statement}"
        );
        execute(&portal, back).await;
        assert!(matches!(verify(&portal.database, &[]).await.unwrap(), Verdict::Intact(_)), "{back}");
    }
    execute(&portal, "UPDATE audit SET transaction_id = NULL, block = NULL, code = NULL WHERE block = 7")
        .await;
    assert_eq!(verify(&portal.database, &[]).await.unwrap(), Verdict::Broken { seq: entries });
}

async fn a_log_that_never_stood_as_known_is_found_out(portal: Portal) {
    let stand = async || match verify(&portal.database, &[]).await.unwrap() {
        Verdict::Intact(stand) => stand,
        other => panic!("{other:?}"),
    };
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let early = stand().await;
    bob.post("/logout", &[]).await;
    bob.log_in(BOB, PASSWORD).await;
    let late = stand().await;
    let known = [early.clone(), late.clone()];
    assert_eq!(verify(&portal.database, &known).await.unwrap(), Verdict::Intact(late.clone()));
    // Written anew: a log whose chain is whole, and another.
    for stand in &known {
        let other = Stand { hash: "0".repeat(64), ..stand.clone() };
        assert_eq!(
            verify(&portal.database, std::slice::from_ref(&other)).await.unwrap(),
            Verdict::Another(other)
        );
    }
    let nothing = Stand { entries: 0, hash: String::new() };
    assert!(matches!(verify(&portal.database, &[nothing]).await.unwrap(), Verdict::Another(_)));
    // Cut off, the head with it: the chain is whole.
    open_log(&portal).await;
    execute(&portal, "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)").await;
    execute(
        &portal,
        "UPDATE audit_head SET seq = (SELECT max(seq) FROM audit), \
         hash = (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1)",
    )
    .await;
    assert!(matches!(verify(&portal.database, &[]).await.unwrap(), Verdict::Intact(_)));
    assert!(matches!(verify(&portal.database, &[early]).await.unwrap(), Verdict::Intact(_)));
    assert_eq!(verify(&portal.database, &known).await.unwrap(), Verdict::Another(late));
}
