//! Requests that come signed by the client who makes them, beside the proposals: CommitStatus and ChaincodeEvents.

use bytes::Bytes;
use channel::policy::SignedData;
use fabric::{
    crypto::Hashed,
    proto::gateway::{ChaincodeEventsRequest, CommitStatusRequest},
    types::decode,
};
use prost::{Message, Name};
use tonic::Status;

use crate::limits;

/// A request, and the identity that says to have signed it. Whether the signature verifies is not known yet.
pub struct SignedRequest<R> {
    pub request: R,
    pub signed: SignedData,
}

/// A request that names its signer.
pub trait HasIdentity: Message + Default + Name {
    /// What the request is in Fabric's texts: where it is absent, and where it cannot be decoded.
    const NAMES: [&'static str; 2];

    fn identity(&self) -> &Bytes;
}

impl<R: HasIdentity> SignedRequest<R> {
    /// Decodes the request. INVALID_ARGUMENT where there is none, where it is too large or where it is no message.
    pub fn decode(request: Bytes, signature: Bytes) -> Result<Self, Status> {
        let [absent, invalid] = R::NAMES;
        if request.is_empty() {
            return Err(Status::invalid_argument(format!("a {absent} is required")));
        }
        check_size(&request)?;
        let decoded: R = decode(request.clone())
            .map_err(|error| Status::invalid_argument(format!("invalid {invalid}: {error}")))?;
        let identity = decoded.identity().clone();
        let signed = SignedData { data: Hashed::of(request), identity, signature };
        Ok(Self { request: decoded, signed })
    }
}

/// These requests are kept as long as their call lasts.
fn check_size(request: &[u8]) -> Result<(), Status> {
    if request.len() <= limits::SIGNED_REQUEST {
        return Ok(());
    }
    let most = limits::SIGNED_REQUEST;
    Err(Status::invalid_argument(format!("the request has more than the maximum of {most} bytes")))
}

impl HasIdentity for CommitStatusRequest {
    const NAMES: [&'static str; 2] = ["commit status request", "status request"];

    fn identity(&self) -> &Bytes {
        &self.identity
    }
}

impl HasIdentity for ChaincodeEventsRequest {
    const NAMES: [&'static str; 2] = ["chaincode events request"; 2];

    fn identity(&self) -> &Bytes {
        &self.identity
    }
}
