//! The gRPC services of Fabric, one module for each proto package (`fabric/proto/*.proto`).
//!
//! Apart from crate `fabric`, so that what validates messages does not depend on what carries them.

#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::expect_used)]

macro_rules! package {
    ($name:ident, $package:tt) => {
        pub mod $name {
            tonic::include_proto!($package);
        }
    };
}

package!(gateway, "gateway");
package!(orderer, "orderer");
package!(protos, "protos");
