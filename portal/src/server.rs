//! The HTTP/1.1 server: accepts connections within limits, answers requests, drains at shutdown.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use accounts::{BaseUrl, Database};
use axum::{Router, extract::ConnectInfo};
use background::{
    anchoring::Anchoring,
    mail::{self, Post},
};
use desk::Organisations;
use dossiers::{index, outbox};
use granting::{Granting, Signers};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use site::{Certify, Site, limits};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use uploads::{Limits, Uploads};

use crate::web::{self, files};

/// How a portal is set up.
pub struct Config {
    /// A loopback address: TLS ends at a reverse proxy on this machine.
    pub listen: SocketAddr,
    /// The address under which people reach it; without one, that of the listener.
    pub base: Option<BaseUrl>,
    /// The origins of pages elsewhere that may ask as programs do.
    pub origins: Vec<BaseUrl>,
    pub database: Database,
    pub post: Post,
    /// Those that its operator is, by which it reaches the ledger.
    pub organisations: Arc<Organisations>,
    /// Of the bodies for which it grants what is decided.
    pub signers: Signers,
    /// The folder of what people upload.
    pub files: PathBuf,
    /// The authority of a demonstration, which certifies ledger keys at once. None: administrators bring certificates.
    pub certify: Option<Certify>,
    /// Whether it shows to everybody what mails say, says so on each page, and lets in by links (`admit`).
    pub is_demonstration: bool,
}

/// A portal that listens.
pub struct Server {
    listener: TcpListener,
    site: Arc<Site>,
    post: Post,
    anchoring: Anchoring,
}

impl Server {
    pub async fn bind(config: Config) -> io::Result<Self> {
        if !config.listen.ip().is_loopback() {
            let reason = "the portal speaks plain HTTP and listens on a loopback address alone; let a reverse proxy on \
                          this machine answer with TLS";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let listener = TcpListener::bind(config.listen).await?;
        let own = format!("http://localhost:{}", listener.local_addr()?.port());
        let base = match config.base {
            Some(base) => base,
            None => own.parse().map_err(io::Error::other)?,
        };
        let anchoring = Anchoring::new(config.database.clone(), config.organisations.clone());
        let uploads = Uploads::new(config.database.clone(), config.files, Limits::default())?;
        let site = Site::new(
            base,
            config.database,
            config.organisations,
            config.signers,
            uploads,
            config.certify,
            config.is_demonstration,
        );
        let site = Site { origins: config.origins, ..site.map_err(io::Error::other)? };
        Ok(Self { listener, site: Arc::new(site), post: config.post, anchoring })
    }

    /// The address under which people reach it.
    pub fn base(&self) -> &BaseUrl {
        &self.site.base
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` completes, then lets requests that have begun finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let router = web::router(self.site.clone());
        let (database, posted) = (self.site.database.clone(), self.site.posted.clone());
        let mails = mail::run(database, self.post, self.site.places(), posted, self.site.is_demonstration);
        let (database, organisations) = (self.site.database.clone(), self.site.organisations.clone());
        let acts = outbox::run(database.clone(), organisations.clone(), self.site.acts.clone());
        let index = index::run(database.clone(), organisations.clone());
        let studies = studies::run(database.clone(), &self.site.uploads, self.site.studies.clone());
        let grants = Granting::new(database, organisations, self.site.signers.clone());
        let (stop, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = accept(&self.listener, &router, &stopping, &mut connections) => {}
            () = mails => {}
            () = self.anchoring.run() => {}
            () = files::sweep(&self.site.uploads) => {}
            () = disclosure::keep_sweeping(&self.site.database) => {}
            () = acts => {}
            () = grants.run() => {}
            () = index => {}
            () = studies => {}
            () = shutdown => {}
        }
        drop(self.listener);
        let _ = stop.send(true);
        let drained = timeout(limits::DRAIN_TIME, async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!(open = connections.len(), "connections did not finish in time and are closed");
        }
        drop(connections);
        self.anchoring.finish(limits::ANCHOR_LAST).await;
    }
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    stopping: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let (stream, peer) = transport::accept(listener).await;
        while connections.try_join_next().is_some() {}
        connections.spawn(serve_connection(stream, peer, router.clone(), stopping.clone(), place));
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stopping.wait_for(|stop| *stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(limits::DRAIN_TIME, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
