//! The peer's side of chaincode as a service: one stream to each chaincode package, shared by all its
//! transactions (`core/chaincode/{chaincode_support,runtime_launcher}.go`, `core/chaincode/extcc`).
//!
//! A stream is opened on the first call that needs it and again on the first call after it broke; there is
//! nothing to start or stop. Each organisation has streams of its own, because one stream cannot carry two
//! simulations of the same transaction.

mod connection;
mod stream;

use std::{collections::HashMap, sync::Arc, time::Duration};

use fabric::proto::protos::ChaincodeAdditionalParams;
use parking_lot::Mutex;

use super::packages::Package;
pub use connection::{Connection, ConnectionError};
pub use stream::{Stream, StreamError};

/// How long one chaincode call may take, calls of other chaincodes included (`chaincode.executetimeout`).
const EXECUTE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a chaincode may take to register once it is connected (`chaincode.startuptimeout`).
const STARTUP_TIMEOUT: Duration = Duration::from_secs(300);
/// The largest message on a stream, in either direction.
const MAX_MESSAGE_BYTES: usize = 100 << 20;

/// What we offer a chaincode when it registers: writes and reads in batches, as a 3.1 peer does.
const OFFERED: ChaincodeAdditionalParams = ChaincodeAdditionalParams {
    use_write_batch: true,
    max_size_write_batch: 1000,
    use_get_multiple_keys: true,
    max_size_get_multiple_keys: 1000,
};

/// A chaincode could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("could not launch chaincode {package_id}: {reason}")]
pub struct LaunchError {
    package_id: String,
    reason: String,
}

/// A chaincode that this process serves itself. The address in its package is part of the package's id and
/// cannot follow a server that moves, so it is reached at `address` instead; every other package is dialled
/// where its own `connection.json` says.
#[derive(Clone, Debug)]
pub struct OwnChaincode {
    pub package_id: String,
    /// `host:port`
    pub address: String,
}

/// The chaincode streams of one organisation.
pub struct Chaincodes {
    own: Vec<OwnChaincode>,
    pub execute_timeout: Duration,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// The stream of one package. The async lock makes callers wait for one connection attempt instead of each
/// starting its own.
#[derive(Default)]
struct Slot {
    current: Mutex<Option<Arc<Stream>>>,
    connecting: tokio::sync::Mutex<()>,
}

impl Chaincodes {
    pub fn new(own: Vec<OwnChaincode>) -> Self {
        Self { own, execute_timeout: EXECUTE_TIMEOUT, slots: Mutex::default() }
    }

    /// The stream to the chaincode of this package, opened if it is not open.
    pub async fn stream(&self, package: &Package) -> Result<Arc<Stream>, LaunchError> {
        let slot = self.slot(&package.id);
        if let Some(stream) = slot.open_stream() {
            return Ok(stream);
        }
        let _only_one = slot.connecting.lock().await;
        if let Some(stream) = slot.open_stream() {
            return Ok(stream);
        }
        let stream = Stream::open(&package.id, &self.connection(package))
            .await
            .map_err(|reason| LaunchError { package_id: package.id.clone(), reason })?;
        let stream = Arc::new(stream);
        *slot.current.lock() = Some(stream.clone());
        Ok(stream)
    }

    fn connection(&self, package: &Package) -> Connection {
        let mut connection = package.connection.clone();
        if let Some(own) = self.own.iter().find(|own| own.package_id == package.id) {
            connection.address.clone_from(&own.address);
        }
        connection
    }

    fn slot(&self, package_id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(package_id) {
            return slot.clone();
        }
        slots.entry(package_id.to_owned()).or_default().clone()
    }
}

impl Slot {
    fn open_stream(&self) -> Option<Arc<Stream>> {
        self.current.lock().clone().filter(|stream| stream.is_open())
    }
}
