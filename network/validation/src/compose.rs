//! Which of the envelopes that are offered to the orderer make the next block, so that no peer stops at it.
//!
//! Each envelope is validated once where it would stand (twice if it is to stand last), so the work is linear in
//! their size, whatever is in them. A transaction that peers stop at is not ordered: if it is for those before it
//! in the block, it may stand in a later one; if it is for itself, in none. A transaction that is dangerous only
//! to those after it stands behind all others, with the verdict that peers reach there.

use std::sync::Arc;

use bytes::Bytes;
use channel::Bundle;
use fabric::crypto::VerifiedSignatureCache;

use super::{
    Defect, Halt, OrderedBlock, Stop, Validation,
    definitions::Definitions,
    examine::{Examined, Examiner},
    redefined,
    serial::{Serial, apply_config},
    validation,
    verdict::Verdict,
};
use ledger::{Ledger, UpdateBatch, View};

/// How many comparisons of an endorser with a rule of a key's policy a transaction may cost: so many, or one for
/// each of its bytes.
const KEY_POLICY_COMPARISONS: usize = 10_000;
/// How many results of range queries are looked up for one block. A query of a chaincode gives at most 100,000
/// (`totalQueryLimit` of Fabric's core.yaml).
const RANGE_RESULTS: usize = 200_000;
/// How many bytes of a reason are kept.
const LONGEST_REASON: usize = 500;

/// What becomes of the envelopes that were offered. They are named by their index.
pub struct Composition {
    /// Those that make the block, in its order.
    pub ordered: Vec<usize>,
    /// Those that would stop peers behind others of this block, in the order in which they were offered.
    pub deferred: Vec<usize>,
    /// Those that no block may hold, and why.
    pub refused: Refused,
    examined: Vec<Examined>,
    verdicts: Vec<Verdict>,
    updates: UpdateBatch,
    bundle: Option<Arc<Bundle>>,
}

/// What becomes of one envelope.
enum Place {
    Ordered,
    /// Behind all others.
    Last,
    Deferred,
    Refused(String),
}

/// Composes the block that follows the last one in `ledger`. The envelopes are admitted ones: a config
/// transaction is offered alone.
pub fn compose(
    envelopes: &[Bytes],
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &VerifiedSignatureCache,
) -> Result<Composition, Halt> {
    let number = ledger.height();
    let halt = |(transaction, defect)| Halt { block: number, transaction, defect };
    let view = ledger.view().map_err(|error| halt((0, error.into())))?;
    let (mut examined, mut refused) = examine(envelopes, Examiner { bundle, ledger, memo }).map_err(halt)?;
    let mut new_bundle = None;
    match apply_config(examined.iter().flatten(), examined.len(), bundle) {
        Ok(bundle) => new_bundle = bundle,
        // The only envelope there is.
        Err((index, defect)) => {
            refused.push((index, brief(defect.to_string())));
            examined.clear();
        }
    }
    let definitions = Definitions::committed(&view);
    let serial = Serial::new(number, bundle, &view, &definitions).for_ordering(RANGE_RESULTS);
    let mut composer =
        Composer { serial, bundle, view: &view, ordered: Vec::new(), deferred: Vec::new(), refused };
    composer.place_all(envelopes, &examined).map_err(halt)?;
    let Composer { serial, ordered, deferred, refused, .. } = composer;
    let (verdicts, updates) = serial.finish().map_err(halt)?;
    let examined = ordered.iter().filter_map(|index| examined.get_mut(*index)?.take()).collect();
    Ok(Composition { ordered, deferred, refused, examined, verdicts, updates, bundle: new_bundle })
}

/// Envelopes with a reason why no block may hold them.
type Refused = Vec<(usize, String)>;

/// Examines each envelope by itself. None stands for one that is refused.
fn examine(envelopes: &[Bytes], examiner: Examiner<'_>) -> Result<(Vec<Option<Examined>>, Refused), Stop> {
    let mut refused = Vec::new();
    let results = examiner.examine_each(envelopes).into_iter().enumerate();
    // What is a config transaction among others is one that the filter never admits.
    let is_alone = envelopes.len() == 1;
    let examined = results.map(|(index, result)| match result {
        Ok(examined) if examined.is_config() && !is_alone => {
            refused.push((index, Defect::ConfigAmongOthers.to_string()));
            Ok(None)
        }
        Ok(examined) => Ok(Some(examined)),
        Err(defect @ Defect::Ledger(_)) => Err((index, defect)),
        Err(defect) => {
            refused.push((index, brief(defect.to_string())));
            Ok(None)
        }
    });
    let examined = examined.collect::<Result<_, Stop>>()?;
    Ok((examined, refused))
}

impl Composition {
    /// The verdicts on the block that was made of the ordered envelopes.
    pub fn into_validation(self, block: OrderedBlock) -> Validation {
        validation(block, self.examined, self.verdicts, self.updates, self.bundle)
    }
}

struct Composer<'a> {
    serial: Serial<'a>,
    bundle: &'a Bundle,
    view: &'a View<'a>,
    ordered: Vec<usize>,
    deferred: Vec<usize>,
    refused: Refused,
}

impl<'a> Composer<'a> {
    fn place_all(&mut self, envelopes: &[Bytes], examined: &'a [Option<Examined>]) -> Result<(), Stop> {
        let mut last = Vec::new();
        for (index, (envelope, examined)) in envelopes.iter().zip(examined).enumerate() {
            let Some(examined) = examined else { continue };
            let comparisons = envelope.len().max(KEY_POLICY_COMPARISONS);
            let place = self.place(examined, comparisons, false).map_err(|defect| (index, defect))?;
            if let Place::Last = place {
                last.push((index, examined, comparisons));
            }
            self.note(index, place);
        }
        for (index, examined, comparisons) in last {
            let place = self.place(examined, comparisons, true).map_err(|defect| (index, defect))?;
            self.note(index, place);
        }
        self.deferred.sort_unstable();
        Ok(())
    }

    fn note(&mut self, index: usize, place: Place) {
        match place {
            Place::Ordered => self.ordered.push(index),
            Place::Last => {}
            Place::Deferred => self.deferred.push(index),
            Place::Refused(reason) => self.refused.push((index, brief(reason))),
        }
    }

    /// An error only where the ledger cannot be read.
    fn place(&mut self, examined: &'a Examined, comparisons: usize, is_last: bool) -> Result<Place, Defect> {
        let is_first = self.serial.is_untouched();
        self.serial.limit_key_policies(comparisons);
        let validated = self.check_definitions(examined).and_then(|()| self.serial.validate(examined));
        let mut validated = match validated {
            Ok(validated) => validated,
            Err(defect) => return stopping(defect, is_first),
        };
        if validated.is_disputed {
            return Ok(Place::Refused(format!(
                "its verdict would divide the peers: {}",
                validated.verdict.reason
            )));
        }
        if is_last {
            // What only some peers have settled stops the others, so none may rely on it.
            validated.forget_unsettled();
        } else if validated.endangers_followers(&examined.envelope) {
            return Ok(Place::Last);
        }
        match self.serial.accept(examined, validated) {
            Ok(()) => Ok(Place::Ordered),
            Err(defect) => stopping(defect, is_first),
        }
    }

    /// The definitions that it writes must be ones that peers can act on, whatever its verdict.
    fn check_definitions(&self, examined: &Examined) -> Result<(), Defect> {
        let rwset = examined.endorser_rwset();
        rwset.map_or(Ok(()), |rwset| redefined::check_written(rwset, self.bundle, self.view))
    }
}

/// The beginning of a reason: it may quote what a client sent.
fn brief(reason: String) -> String {
    if reason.len() <= LONGEST_REASON {
        return reason;
    }
    reason.chars().take(LONGEST_REASON).chain("...".chars()).collect()
}

/// What becomes of a transaction that peers would stop at.
fn stopping(defect: Defect, is_first: bool) -> Result<Place, Defect> {
    match defect {
        Defect::Ledger(_) => Err(defect),
        defect if !is_first && defect.is_for_earlier() => Ok(Place::Deferred),
        defect => Ok(Place::Refused(defect.to_string())),
    }
}
