//! Requests that yield many results, and how these are cut into batches
//! (`core/chaincode/query_response_generator.go`).
//!
//! A batch is cut when one more result has been read than it holds. So a range of more than 100 results has
//! its 101st in the read set even if the chaincode never looks at it; all endorsers must do the same.

use std::mem;

use bytes::Bytes;
use fabric::proto::{
    protos::{
        GetHistoryForKey, GetQueryResult, GetStateByRange, QueryMetadata, QueryResponse,
        QueryResponseMetadata, QueryResultBytes, QueryStateClose, QueryStateNext,
    },
    queryresult::KeyModification,
};

use super::{Call, RequestError, marshal, unmarshal};
use crate::simulate::{PrivateRange, RangeId, SimulationError, Simulator};
use ledger::{HistoryScan, Modification};

/// Results in one message to the chaincode.
const BATCH: usize = 100;
/// The most results of one query, however many batches it takes (`ledger.state.totalQueryLimit`).
const TOTAL_QUERY_LIMIT: i32 = 100_000;
/// Queries one call may have open. Fabric has no such limit; no contract comes near it.
const MAX_OPEN_QUERIES: usize = 1000;

/// An open query.
pub(super) struct Query<'v> {
    results: Results<'v>,
    pending: Vec<QueryResultBytes>,
    returned: i32,
}

enum Results<'v> {
    Range(RangeId),
    PrivateRange(PrivateRange),
    History(HistoryScan<'v>),
}

impl<'v> Call<'_, 'v> {
    pub(super) fn get_state_by_range(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let request: GetStateByRange = unmarshal(payload)?;
        let (start, end) = (request.start_key, request.end_key);
        let page = read_page(request.metadata)?;
        if !request.collection.is_empty() {
            self.require_read(&request.collection)?;
            let range = self.simulator.private_range(self.namespace, &request.collection, &start, &end)?;
            return self.open(
                Results::PrivateRange(range),
                page.as_ref().map_or(0, |page| page.page_size),
                false,
            );
        }
        let paged = page.filter(|page| page.page_size != 0 || !page.bookmark.is_empty());
        let start =
            paged.as_ref().map(|page| &page.bookmark).filter(|mark| !mark.is_empty()).unwrap_or(&start);
        let page_size = paged.as_ref().map(|page| page.page_size);
        let range = self.simulator.open_range(self.namespace, start, &end, page_size)?;
        self.open(Results::Range(range), page_size.unwrap_or_default(), paged.is_some())
    }

    /// Rich queries need CouchDB.
    pub(super) fn get_query_result(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let request: GetQueryResult = unmarshal(payload)?;
        let page = read_page(request.metadata)?;
        if !request.collection.is_empty() {
            self.require_read(&request.collection)?;
        }
        let paged = page.is_some_and(|page| page.page_size != 0 || !page.bookmark.is_empty());
        let query =
            if paged && request.collection.is_empty() { "ExecuteQueryWithMetadata" } else { "ExecuteQuery" };
        Err(RequestError(format!("{query} not supported for leveldb")))
    }

    /// What a key was set to, newest first. Nothing of it enters the read set.
    pub(super) fn get_history_for_key(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let GetHistoryForKey { key } = unmarshal(payload)?;
        let history = self.simulator.view().history(self.namespace, &key).map_err(SimulationError::from)?;
        self.open(Results::History(history), 0, false)
    }

    pub(super) fn query_state_next(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let QueryStateNext { id } = unmarshal(payload)?;
        let query = self.queries.remove(&id).ok_or_else(|| RequestError::new("query iterator not found"))?;
        self.batch(id, query, TOTAL_QUERY_LIMIT, false)
    }

    /// Always succeeds, also for a query that is not open.
    pub(super) fn query_state_close(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let QueryStateClose { id } = unmarshal(payload)?;
        self.queries.remove(&id);
        Ok(marshal(&QueryResponse { id, ..QueryResponse::default() }))
    }

    /// Opens a query and answers with its first batch, or with its only page.
    fn open(&mut self, results: Results<'v>, page_size: i32, paged: bool) -> Result<Bytes, RequestError> {
        if self.queries.len() >= MAX_OPEN_QUERIES {
            return Err(RequestError(format!("more than {MAX_OPEN_QUERIES} open queries")));
        }
        self.queries_opened += 1;
        let id = format!("{}-{}", self.namespace, self.queries_opened);
        let limit = if page_size > 0 { page_size.min(TOTAL_QUERY_LIMIT) } else { TOTAL_QUERY_LIMIT };
        let query = Query { results, pending: Vec::new(), returned: 0 };
        self.batch(id, query, limit, paged)
    }

    /// Reads on until a batch is full or the query ends; keeps the query open in the first case.
    fn batch(
        &mut self,
        id: String,
        mut query: Query<'v>,
        limit: i32,
        paged: bool,
    ) -> Result<Bytes, RequestError> {
        while query.returned < limit {
            let Some(result) = query.results.next(self.simulator)? else { break };
            let full = !paged && query.pending.len() == BATCH;
            let batch = if full { mem::take(&mut query.pending) } else { Vec::new() };
            query.pending.push(QueryResultBytes { result_bytes: result });
            query.returned += 1;
            if full {
                self.queries.insert(id.clone(), query);
                return Ok(marshal(&QueryResponse {
                    results: batch,
                    has_more: true,
                    id,
                    metadata: Bytes::new(),
                }));
            }
        }
        let metadata = if paged { query.page_metadata(self.simulator)? } else { Bytes::new() };
        Ok(marshal(&QueryResponse { results: query.pending, has_more: false, id, metadata }))
    }
}

impl Query<'_> {
    fn page_metadata(&self, simulator: &mut Simulator<'_>) -> Result<Bytes, RequestError> {
        let bookmark = match self.results {
            Results::Range(range) => simulator.bookmark(range)?,
            Results::PrivateRange(_) | Results::History(_) => String::new(),
        };
        Ok(marshal(&QueryResponseMetadata { fetched_records_count: self.returned, bookmark }))
    }
}

impl Results<'_> {
    fn next(&mut self, simulator: &mut Simulator<'_>) -> Result<Option<Bytes>, RequestError> {
        Ok(match self {
            Self::Range(range) => simulator.next_in_range(*range)?.as_ref().map(marshal),
            Self::PrivateRange(range) => range.next().as_ref().map(marshal),
            Self::History(history) => {
                let next = history.next().transpose().map_err(SimulationError::from)?;
                next.map(|modification| marshal(&key_modification(modification)))
            }
        })
    }
}

fn key_modification(modification: Modification) -> KeyModification {
    let Modification { txid, timestamp, value, is_delete, .. } = modification;
    KeyModification { tx_id: txid, value, timestamp, is_delete }
}

fn read_page(metadata: Bytes) -> Result<Option<QueryMetadata>, RequestError> {
    if metadata.is_empty() {
        return Ok(None);
    }
    unmarshal(metadata).map(Some)
}
