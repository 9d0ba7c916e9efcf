//! What the bodies' chaincodes ask of the registry, in transactions of their own.

use bytes::Bytes;

use super::call::Call;
use crate::record::codec::{Field, decode, encode};
use crate::refusal::Refusal;
use crate::state::{State, StateError};

/// The function of the registry that [`values`] reads the answer of.
pub const READ: &str = "registry:read";

/// Version of the answer's binary form.
const FORM: u8 = 1;

/// `registry:read(key, …)`: anyone; the values of these keys, in the records' own binary form.
pub(super) async fn read<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let keys = call.all_arguments().to_vec();
    let values = call.values_of(&keys).await?;
    Ok(encode(FORM, |out| values.write(out)))
}

/// The values that the registry answered.
pub fn values(answer: &Bytes) -> Result<Vec<Option<Bytes>>, StateError> {
    decode(answer, FORM, Field::read)
        .map_err(|error| StateError(format!("the registry's answer is broken: {error}")))
}
