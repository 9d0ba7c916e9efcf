//! Makes the blocks of a chain: ordinary transactions and mutants of them, none that halts a peer.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::{
    proto::{kvrwset::KvWrite, protos::TxValidationCode},
    types::HeadedBlock,
};
use fastrand::Rng;
use testkit::{Draft, LIFECYCLE, Stopped, draft::Layer, write};
use validation::{self, BlockRejected, Defect, Halt, Validation};

use super::{
    channel::{CHANNEL, Channel, Level},
    config,
    definitions::CHAINCODES,
    layers::Layers,
    mutation::MUTATIONS,
    mutation_inputs::MutationInputs,
    ordinary::{Author, RANGE_KEYS},
    policies::some_application_policy,
    wire,
};

const LARGEST_BLOCK: usize = 60;
/// How many envelopes are remembered to be sent again.
const REMEMBERED: usize = 200;

/// A transaction of the chain: how it was made, and our verdict.
#[derive(Clone, Debug)]
pub struct Record {
    pub kind: String,
    pub code: TxValidationCode,
    pub reason: String,
}

/// A block, and what our validator says of it.
pub enum Made {
    Judged(HeadedBlock, Vec<Record>),
    /// It stops peers, in the way that was wanted, and is not committed: the chain ends here.
    Halting(HeadedBlock, Halt),
}

/// A chain in the making.
pub struct Generator {
    pub channel: Channel,
    rng: Rng,
    nonce: u64,
    /// How often each chaincode has been defined.
    sequences: [i64; CHAINCODES.len()],
    past: Vec<Bytes>,
    /// What was left out because it would stop peers, by the reason.
    pub left_out: BTreeMap<String, usize>,
    /// The name of the defect by which the chain is to stop peers at its end.
    pub wanted_halt: Option<String>,
    /// Lets our orderer compose a block of everything that was made for one, and validates that block too.
    pub composes: bool,
    /// How many blocks were composed and validated.
    pub composed: usize,
}

/// How an envelope was made, and the envelope.
type Candidate = (String, Bytes);

/// A block with our verdicts, and how its transactions were made.
type Judged = (HeadedBlock, Validation, Vec<String>);

impl Generator {
    pub fn new(channel: Channel, seed: u64) -> Self {
        Self {
            channel,
            rng: Rng::with_seed(seed),
            nonce: 0,
            sequences: [0; CHAINCODES.len()],
            past: Vec::new(),
            left_out: BTreeMap::new(),
            wanted_halt: None,
            composes: false,
            composed: 0,
        }
    }

    /// Makes and commits the next block.
    pub fn next_block(&mut self) -> Made {
        let is_config = self.channel.ledger.height() > 2 && self.rng.u8(..25) == 0;
        let candidates = match self.channel.ledger.height() {
            1 => (0..CHAINCODES.len()).map(|chaincode| self.definition(chaincode)).collect(),
            2 => vec![self.range_keys()],
            _ if is_config => vec![("config".to_owned(), config::transaction(&self.channel, &mut self.rng))],
            _ => self.candidates(),
        };
        let (block, validation, kinds) = match self.prune(candidates, is_config) {
            Ok(validated) => validated,
            Err(halting) => {
                let (block, halt) = *halting;
                return Made::Halting(block, halt);
            }
        };
        let verdicts = validation.block.codes.iter().zip(validation.reasons.clone());
        let records = kinds.into_iter().zip(verdicts);
        let records = records.map(|(kind, (code, reason))| Record { kind, code: *code, reason }).collect();
        self.channel.commit(validation);
        Made::Judged(block, records)
    }

    fn candidates(&mut self) -> Vec<Candidate> {
        let count = self.rng.usize(1..LARGEST_BLOCK);
        let mut candidates: Vec<Candidate> = Vec::new();
        for _ in 0..count {
            let candidate = match self.rng.u8(..100) {
                0..=1 => {
                    let chaincode = self.rng.usize(..CHAINCODES.len());
                    if self.rng.u8(..3) == 0 {
                        self.odd_definition(chaincode)
                    } else {
                        self.definition(chaincode)
                    }
                }
                2..=4 if !self.past.is_empty() => {
                    let past = self.rng.choice(&self.past).unwrap().clone();
                    ("again:later".to_owned(), past)
                }
                5 if !candidates.is_empty() => {
                    let (kind, envelope) = self.rng.choice(&candidates).unwrap();
                    (format!("again:in-block:{kind}"), envelope.clone())
                }
                _ => self.transaction(),
            };
            candidates.push(candidate);
        }
        let room = REMEMBERED.saturating_sub(self.past.len());
        self.past.extend(candidates.iter().take(room).map(|(_, envelope)| envelope.clone()));
        if self.rng.u8(..10) == 0 {
            self.past.clear();
        }
        candidates
    }

    fn transaction(&mut self) -> Candidate {
        // One in thirty has the id of the one before it.
        self.nonce += u64::from(self.rng.u8(..30) > 0);
        let nonce = [&self.nonce.to_be_bytes()[..], &[0; 16]].concat();
        let rng = &mut self.rng;
        let author = Author::new(&self.channel);
        let mut draft = author.draft(rng, nonce);
        match rng.u8(..100) {
            0..=29 => ("ordinary".to_owned(), draft.seal()),
            30..=64 => {
                let (name, mutation) = rng.choice(MUTATIONS).unwrap();
                mutation(&mut MutationInputs { author: &author, rng }, &mut draft);
                ((*name).to_owned(), draft.seal())
            }
            65..=89 => {
                let (layer, envelope, name) = mutate_layer(rng, &draft);
                (format!("wire:{layer:?}:{name}"), envelope)
            }
            90..=94 => {
                let donor = author.draft(rng, vec![1; 24]);
                let layer = *rng.choice(&Layer::INNER).unwrap();
                (format!("swap:{layer:?}"), transplant(&draft, &donor, layer))
            }
            _ => {
                for _ in 0..2 {
                    let (_, mutation) = rng.choice(MUTATIONS).unwrap();
                    mutation(&mut MutationInputs { author: &author, rng }, &mut draft);
                }
                ("several".to_owned(), mutate_layer(rng, &draft).1)
            }
        }
    }

    /// Defines a chaincode, for the first time or anew.
    fn definition(&mut self, chaincode: usize) -> Candidate {
        self.sequences[chaincode] += 1;
        let definition = CHAINCODES[chaincode].definition(self.sequences[chaincode]);
        ("definition".to_owned(), self.define(definition))
    }

    /// Defines a chaincode anew, as peers could not think of.
    fn odd_definition(&mut self, chaincode: usize) -> Candidate {
        let (identities, rng) = (&self.channel.identities, &mut self.rng);
        let definition = &CHAINCODES[chaincode];
        if rng.bool() {
            let policy = some_application_policy(rng, identities);
            let writes = definition.definition_with_policy(self.sequences[chaincode], policy);
            return ("definition:policy".to_owned(), self.define(writes));
        }
        let mut writes = definition.definition(self.sequences[chaincode]);
        let index = rng.usize(..writes.len());
        let value = &mut writes[index].value;
        let (mutant, name) = wire::mutate(rng, value);
        *value = mutant.into();
        (format!("definition:wire:{name}"), self.define(writes))
    }

    fn define(&mut self, writes: Vec<KvWrite>) -> Bytes {
        self.nonce += 1;
        let [a, b, c] = &self.channel.identities.orgs[..] else { unreachable!("three organisations") };
        let nonce = [&[2][..], &self.nonce.to_be_bytes()].concat();
        let mut draft = Draft::new(CHANNEL, LIFECYCLE, nonce, &a.admin, [&a.peer, &b.peer, &c.peer]);
        draft.namespace(LIFECYCLE).public.writes = writes;
        draft.seal()
    }

    fn range_keys(&mut self) -> Candidate {
        let a = &self.channel.identities.orgs[0];
        let mut draft = Draft::new(CHANNEL, "rangecc", [3; 24], &a.client, [&a.peer]);
        let writes = (0..RANGE_KEYS).map(|key| write(&format!("r{key:03}"), "first"));
        draft.namespace("rangecc").public.writes.extend(writes);
        ("range-keys".to_owned(), draft.seal())
    }

    /// The block without what would stop peers, and our verdicts; or one that stops them as is wanted.
    fn prune(
        &mut self,
        mut candidates: Vec<Candidate>,
        is_config: bool,
    ) -> Result<Judged, Box<(HeadedBlock, Halt)>> {
        // Peers of both versions can follow a channel of the older level, and do not agree on these.
        if self.channel.level == Level::V2_5 {
            candidates.retain(|(_, envelope)| !Layers::of(envelope).has_mistyped_field);
        }
        if self.composes && !is_config {
            self.composed += usize::from(self.check_composition(&candidates));
        }
        loop {
            if candidates.is_empty() {
                candidates.push(self.definition(0));
            }
            let (block, validated) = self.validate(&candidates, is_config);
            let flaw = match validated {
                Ok(validation) => {
                    let kinds = candidates.into_iter().map(|(kind, _)| kind).collect();
                    return Ok((block, validation, kinds));
                }
                Err(flaw) => flaw,
            };
            if flaw.halt.is_some() && self.wanted_halt.as_deref() == Some(&flaw.name) {
                return Err(Box::new(self.isolate(candidates, is_config, &flaw.name)));
            }
            *self.left_out.entry(flaw.name).or_default() += 1;
            candidates.remove(flaw.index);
        }
    }

    /// No peer stops at what our orderer makes of these, and all reach the verdicts that it reached.
    /// False where the filter would not have admitted some of them.
    fn check_composition(&self, candidates: &[Candidate]) -> bool {
        let envelopes: Vec<Bytes> = candidates.iter().map(|(_, envelope)| envelope.clone()).collect();
        let Channel { bundle, ledger, memo, .. } = &self.channel;
        let composition = validation::compose(&envelopes, bundle, ledger, memo).unwrap();
        let places = composition.ordered.len() + composition.deferred.len() + composition.refused.len();
        assert_eq!(places, envelopes.len(), "each envelope has one place");
        let ordered = composition.ordered.iter().map(|index| envelopes[*index].clone()).collect();
        let block = self.channel.block(ordered, false);
        let validated = match self.channel.validate(block.clone()) {
            Ok(validated) => validated,
            // Envelopes that the filter does not admit.
            Err(Stopped::Rejected(_)) => return false,
            Err(Stopped::Halted(halt)) => panic!("a composed block stops peers: {halt}"),
        };
        let block = validation::verify_ordered(block, bundle, ledger, memo).unwrap();
        let composed = composition.into_validation(block);
        assert_eq!(composed.reasons, validated.reasons);
        assert!(composed.block == validated.block, "codes, transactions and updates");
        true
    }

    fn validate(
        &mut self,
        candidates: &[Candidate],
        is_config: bool,
    ) -> (HeadedBlock, Result<Validation, Flaw>) {
        let envelopes: Vec<Bytes> = candidates.iter().map(|(_, envelope)| envelope.clone()).collect();
        let block = self.channel.block(envelopes.clone(), is_config);
        let flaw = |index, name: &str| Err(Flaw { index, name: name.to_owned(), halt: None });
        let validated = match self.channel.validate(block.clone()) {
            Ok(validation) => match disputed(&validation, &envelopes) {
                Some(index) => flaw(index, "peers disagree"),
                None => Ok(validation),
            },
            Err(Stopped::Halted(halt)) => Err(Flaw {
                index: offending_transaction(&halt, &mut self.rng),
                name: name(&halt.defect),
                halt: Some(Box::new(halt)),
            }),
            Err(Stopped::Rejected(BlockRejected::Malformed { index, .. })) => flaw(index, "malformed"),
            Err(Stopped::Rejected(BlockRejected::FirstTransaction(_) | BlockRejected::Channel { .. })) => {
                flaw(0, "first transaction")
            }
            Err(Stopped::Rejected(reason)) => panic!("a block of ours is refused: {reason}"),
        };
        (block, validated)
    }

    /// The smallest block with this defect.
    fn isolate(
        &mut self,
        mut candidates: Vec<Candidate>,
        is_config: bool,
        defect: &str,
    ) -> (HeadedBlock, Halt) {
        let mut index = 0;
        while index < candidates.len() {
            let removed = candidates.remove(index);
            let is_same = !candidates.is_empty() && self.halts_by(&candidates, is_config, defect);
            if !is_same {
                candidates.insert(index, removed);
                index += 1;
            }
        }
        let (block, validated) = self.validate(&candidates, is_config);
        (block, *validated.err().and_then(|flaw| flaw.halt).unwrap())
    }

    fn halts_by(&mut self, candidates: &[Candidate], is_config: bool, defect: &str) -> bool {
        let flaw = self.validate(candidates, is_config).1.err();
        flaw.is_some_and(|flaw| flaw.halt.is_some() && flaw.name == defect)
    }
}

/// Why a block is not good enough.
struct Flaw {
    /// The transaction to leave out.
    index: usize,
    name: String,
    halt: Option<Box<Halt>>,
}

/// A transaction on which real peers disagree with each other.
fn disputed(validation: &Validation, envelopes: &[Bytes]) -> Option<usize> {
    // They look at namespaces in random order and stop at the first failure; and they ask their own
    // organisation for the creator where no channel is named.
    let is_disputed = |index: usize, reason: &String| {
        reason.contains("peers disagree")
            || reason.contains("names channel ''")
            || (!reason.is_empty() && Layers::of(&envelopes[index]).sets_policies_among_others)
    };
    validation.reasons.iter().enumerate().position(|(index, reason)| is_disputed(index, reason))
}

/// Which transaction to leave out: the one that stops peers, or the one that was made to stop at.
fn offending_transaction(halt: &Halt, rng: &mut Rng) -> usize {
    match halt.defect {
        Defect::FollowsActionless { offending_transaction, .. }
        | Defect::AwaitsUnreadable { offending_transaction, .. }
        | Defect::AwaitsUnchecked { offending_transaction, .. }
            if rng.bool() =>
        {
            offending_transaction
        }
        _ => halt.transaction,
    }
}

/// The name of a defect without its particulars.
fn name(defect: &Defect) -> String {
    let debug = format!("{defect:?}");
    let end = debug.find(|character: char| !character.is_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_owned()
}

fn mutate_layer(rng: &mut Rng, draft: &Draft<'_>) -> (Layer, Bytes, &'static str) {
    let layer = *rng.choice(&Layer::INNER).unwrap();
    let mut name = "layer not there";
    let envelope = draft.seal_with(|found, encoded| {
        if found != layer {
            return encoded;
        }
        let (mutant, defect) = wire::mutate(rng, &encoded);
        name = defect;
        mutant
    });
    (layer, envelope, name)
}

/// One transaction with a layer of another.
fn transplant(draft: &Draft<'_>, donor: &Draft<'_>, layer: Layer) -> Bytes {
    let mut found = None;
    donor.seal_with(|at, encoded| {
        if at == layer {
            found = Some(encoded.clone());
        }
        encoded
    });
    draft.seal_with(|at, encoded| match &found {
        Some(other) if at == layer => other.clone(),
        _ => encoded,
    })
}
