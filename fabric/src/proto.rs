//! The protobuf messages of Fabric, one module for each proto package (`fabric/proto/*.proto`).
//!
//! Bytes fields are [`bytes::Bytes`], slices of the buffer they were decoded from: what was hashed or
//! signed is passed on as it came. Never hash a re-encoding; prost drops unknown fields.

#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::expect_used)]

macro_rules! package {
    ($name:ident, $package:tt) => {
        pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
        }
    };
}

package!(common, "common");
package!(etcdraft, "etcdraft");
package!(gateway, "gateway");
package!(kvrwset, "kvrwset");
package!(lifecycle, "lifecycle");
package!(msp, "msp");
package!(orderer, "orderer");
package!(protos, "protos");
package!(queryresult, "queryresult");
package!(rwset, "rwset");

/// The encoded `FileDescriptorSet` of all packages, for tools that work by descriptor.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
