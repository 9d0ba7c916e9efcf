//! The requests a chaincode can make, in short.

use bytes::Bytes;
use fabric::proto::protos::{
    ChaincodeId, ChaincodeInput, ChaincodeSpec, DelState, GetHistoryForKey, GetQueryResult, GetState,
    GetStateByRange, GetStateMetadata, GetStateMultiple, PutState, PutStateMetadata, QueryMetadata,
    QueryStateClose, QueryStateNext, StateMetadata, WriteBatchState, WriteRecord, chaincode_message::Type,
    write_record,
};

use super::network::encode;

pub type Asked = (Type, Bytes);

pub fn get(key: &str) -> Asked {
    get_private("", key)
}

pub fn get_private(collection: &str, key: &str) -> Asked {
    (Type::GetState, encode(&GetState { key: key.into(), collection: collection.into() }))
}

pub fn get_hash(collection: &str, key: &str) -> Asked {
    (Type::GetPrivateDataHash, encode(&GetState { key: key.into(), collection: collection.into() }))
}

pub fn get_multiple(collection: &str, keys: &[&str]) -> Asked {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    (Type::GetStateMultiple, encode(&GetStateMultiple { keys, collection: collection.into() }))
}

pub fn put(key: &str, value: &str) -> Asked {
    put_private("", key, value)
}

pub fn put_private(collection: &str, key: &str, value: &str) -> Asked {
    let put = PutState { key: key.into(), value: value.to_owned().into(), collection: collection.into() };
    (Type::PutState, encode(&put))
}

pub fn delete(key: &str) -> Asked {
    (Type::DelState, encode(&DelState { key: key.into(), ..Default::default() }))
}

pub fn purge(collection: &str, key: &str) -> Asked {
    (Type::PurgePrivateData, encode(&DelState { key: key.into(), collection: collection.into() }))
}

pub fn put_policy(key: &str, policy: Bytes) -> Asked {
    let metadata = StateMetadata { metakey: "VALIDATION_PARAMETER".into(), value: policy };
    let put = PutStateMetadata { key: key.into(), metadata: Some(metadata), ..Default::default() };
    (Type::PutStateMetadata, encode(&put))
}

pub fn get_metadata(key: &str) -> Asked {
    (Type::GetStateMetadata, encode(&GetStateMetadata { key: key.into(), ..Default::default() }))
}

/// Many writes in one message.
pub fn put_all(values: impl Iterator<Item = (String, String)>) -> Asked {
    let rec = values.map(|(key, value)| WriteRecord {
        key,
        value: value.into(),
        r#type: write_record::Type::PutState.into(),
        ..Default::default()
    });
    (Type::WriteBatchState, encode(&WriteBatchState { rec: rec.collect() }))
}

pub fn range(start: &str, end: &str) -> Asked {
    let range = GetStateByRange { start_key: start.into(), end_key: end.into(), ..Default::default() };
    (Type::GetStateByRange, encode(&range))
}

pub fn private_range(collection: &str) -> Asked {
    let range = GetStateByRange { collection: collection.into(), ..Default::default() };
    (Type::GetStateByRange, encode(&range))
}

pub fn page(start: &str, end: &str, page_size: i32, bookmark: &str) -> Asked {
    let metadata = encode(&QueryMetadata { page_size, bookmark: bookmark.into() });
    let range =
        GetStateByRange { start_key: start.into(), end_key: end.into(), metadata, ..Default::default() };
    (Type::GetStateByRange, encode(&range))
}

pub fn next(id: &str) -> Asked {
    (Type::QueryStateNext, encode(&QueryStateNext { id: id.into() }))
}

pub fn close(id: &str) -> Asked {
    (Type::QueryStateClose, encode(&QueryStateClose { id: id.into() }))
}

pub fn rich_query() -> Asked {
    (Type::GetQueryResult, encode(&GetQueryResult { query: "{}".into(), ..Default::default() }))
}

pub fn history(key: &str) -> Asked {
    (Type::GetHistoryForKey, encode(&GetHistoryForKey { key: key.into() }))
}

pub fn invoke(chaincode: &str, args: Vec<Bytes>) -> Asked {
    let spec = ChaincodeSpec {
        chaincode_id: Some(ChaincodeId { name: chaincode.into(), ..Default::default() }),
        input: Some(ChaincodeInput { args, ..Default::default() }),
        ..Default::default()
    };
    (Type::InvokeChaincode, encode(&spec))
}
