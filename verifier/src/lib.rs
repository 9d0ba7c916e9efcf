//! The public verifier: who scans or types a certificate's code learns whether the certificate holds, as of which
//! block. `docs/verifier.md` shows it as its users see it.
//!
//! [`Feed`] brings committed blocks into the [`ReadModel`]; [`Server`] answers from it.
//!
//! # What holds here
//! - An answer asks no peer: no endorser, orderer or client is linked (test
//!   `a_verifier_links_no_endorser_and_no_orderer`), and answers go on while every source is away (test `a_follower_goes_on_whatever_happens`).
//! - The read model holds what the ledger's commit applied, after every block (tests
//!   `records_are_the_states_after_every_block_of_a_generated_chain` and
//!   `records_are_the_states_after_every_block_of_the_recorded_chains`).
//! - An answer that cannot be vouched for is "cannot tell" (tests
//!   `a_verifier_out_of_touch_cannot_tell_and_shows_what_it_knew`,
//!   `what_hinders_following_is_doubted_at_once_and_until_it_is_gone`).
//! - A settled answer about a past moment does not change (test
//!   `what_was_endorsed_and_held_back_changes_no_settled_answer`).
//! - Pages carry no script, and no reply sets a cookie (tests `every_reply_is_locked_down_and_sets_no_cookie`,
//!   `the_typed_form_works_without_scripts`).
//! - Metrics are served at the operations address alone (test `metrics_are_at_the_operations_address_alone`).

mod answer;
mod base_url;
mod cache;
mod config;
mod feed;
pub mod limits;
pub mod link;
mod model;
mod origin;
mod pages;
mod reply;
mod request;
mod routes;
mod served;
mod server;
mod site;
mod sync_status;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use certificate::DateTime;
use futures::FutureExt;
use tokio::net::TcpListener;

pub use base_url::{BaseUrl, BaseUrlError};
pub use config::{CACHE_WINDOW, Clock, Config, Contact, ContactError, DEFAULT_MAX_AGE, Obstacle};
pub use feed::Feed;
pub use model::{CaughtUp, Channel, Entry, ModelError, ReadModel, Reading, fingerprint, product_link};
pub use origin::Proxies;
pub use qr;
pub use served::{ServedModel, SourceReport};
use site::{Door, Site};
pub use sync_status::{AsOf, Doubt, Head, LAG_TOLERANCE, Sources};

/// A verifier that has its ports and can be told to serve.
pub struct Server {
    public: Entrance,
    operations: Option<Entrance>,
    base: BaseUrl,
}

/// A port, and what is answered there.
struct Entrance {
    listener: TcpListener,
    local: SocketAddr,
    site: Arc<Site>,
}

impl Server {
    /// Takes the ports. Nothing is answered before [`Server::run`].
    pub async fn bind(config: Config, served: Arc<ServedModel>) -> io::Result<Self> {
        let listener = server::bind(config.listen).await?;
        let local = listener.local_addr()?;
        let base = config.public_base.clone().unwrap_or_else(|| BaseUrl::of_listener(local));
        let operations = match config.operations {
            Some(address) => Some(server::bind(address).await?),
            None => None,
        };
        let entrance = |listener: TcpListener, door| {
            let local = listener.local_addr()?;
            let site =
                Site::new(config.clone(), base.clone(), served.clone(), door).map_err(io::Error::other)?;
            Ok::<_, io::Error>(Entrance { listener, local, site: Arc::new(site) })
        };
        let public = entrance(listener, Door::Public)?;
        let operations = operations.map(|listener| entrance(listener, Door::Operations)).transpose()?;
        Ok(Self { public, operations, base })
    }

    pub fn local_address(&self) -> SocketAddr {
        self.public.local
    }

    /// Where the operator asks, if anywhere.
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(|entrance| entrance.local)
    }

    /// What QR codes and links begin with.
    pub fn public_base(&self) -> &BaseUrl {
        &self.base
    }

    /// Answers until `shutdown` completes, then lets open connections finish for a few seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let shutdown = shutdown.shared();
        let serve = |entrance: Entrance| server::run(entrance.listener, entrance.site, shutdown.clone());
        match self.operations {
            Some(operations) => drop(tokio::join!(serve(self.public), serve(operations))),
            None => serve(self.public).await,
        }
    }
}

/// [`Server::bind`] and [`Server::run`].
pub async fn serve(
    config: Config,
    served: Arc<ServedModel>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Server::bind(config, served).await?.run(shutdown).await;
    Ok(())
}

/// This machine's clock, the only one that confirmations and ages are measured by.
pub fn now() -> DateTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_seconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}
