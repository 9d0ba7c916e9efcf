//! The server under TLS, with and without certificates of its peers. Makes its certificates with `openssl`.

#![allow(clippy::unwrap_used)]

mod peer;

use std::{fs, io, path::Path, process::Command};

use chaincode::ServerTls;
use peer::{Chaincode, Peer, call};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// A certificate that is its own issuer, and its key.
struct Pair {
    certificate: String,
    key: String,
}

fn pair(folder: &Path, name: &str) -> io::Result<Pair> {
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let subject_names = format!("subjectAltName=DNS:{name}");
    let (subject, usage) = (format!("/CN={name}"), "extendedKeyUsage=serverAuth,clientAuth");
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let made = Command::new("openssl")
        .args(request)
        .args(["-subj", &subject, "-addext", &subject_names, "-addext", usage])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(Pair { certificate: fs::read_to_string(certificate)?, key: fs::read_to_string(key)? })
}

async fn dial(chaincode: &Chaincode, root: &Pair, client: Option<&Pair>) -> Result<Peer, String> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&root.certificate))
        .domain_name("chaincode");
    let tls = match client {
        Some(pair) => tls.identity(Identity::from_pem(&pair.certificate, &pair.key)),
        None => tls,
    };
    let address = format!("https://{}", chaincode.address);
    let channel = Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await;
    let channel = channel.map_err(|error| format!("{error:?}"))?;
    Peer::over(channel).await.map_err(|status| format!("{status:?}"))
}

#[tokio::test]
async fn a_peer_proves_itself_where_the_server_asks() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(server) = pair(folder.path(), "chaincode") else {
        return println!("skipped: no openssl to make certificates with");
    };
    let (client, stranger) = (pair(folder.path(), "peer0").unwrap(), pair(folder.path(), "peer1").unwrap());
    let tls = |client_root: Option<&Pair>| ServerTls {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_root: client_root.map(|pair| pair.certificate.clone()),
    };

    let open = Chaincode::start_tls(tls(None)).await;
    let mut peer = dial(&open, &server, None).await.unwrap();
    peer.ready(true).await;
    assert_eq!(peer.run(call(&["no:such"]).message()).await.response().status, 404);
    assert!(dial(&open, &stranger, None).await.is_err(), "a server of another issuer is not trusted");
    open.stopped().await;

    let guarded = Chaincode::start_tls(tls(Some(&client))).await;
    assert!(dial(&guarded, &server, Some(&client)).await.is_ok());
    assert!(dial(&guarded, &server, None).await.is_err());
    assert!(dial(&guarded, &server, Some(&stranger)).await.is_err());
    guarded.stopped().await;
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_found_at_the_start() {
    let tls = ServerTls { certificate: "no PEM".into(), key: "no PEM".into(), client_root: None };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = chaincode::Server::new("label:id", peer::registry()).unwrap().with_tls(tls);
    let error = server.serve(listener, std::future::ready(())).await.unwrap_err();
    assert!(error.to_string().contains("check that both are PEM"), "{error}");
}
