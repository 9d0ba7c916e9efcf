//! What the transactions of one service share.

use certificate::Chaincode;

use crate::documents::CheckedDocuments;

pub(crate) struct Contract {
    pub chaincode: Chaincode,
    pub documents: CheckedDocuments,
}
