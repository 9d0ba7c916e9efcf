// What Fabric's clients sign, read from the very bytes: a proposal, a transaction over it, and the question after its fate.
// Each function refuses, by an error that says why, what is not exactly that which the person asked for.
//
// Names and numbers are those of fabric-protos.

import { concat, equal, hex, sha256, text, utf8 } from './bytes.js';
import { field, read } from './protobuf.js';

const PROPOSAL = { 1: ['header', 'bytes'], 2: ['payload', 'bytes'] };
const HEADER = { 1: ['channelHeader', 'bytes'], 2: ['signatureHeader', 'bytes'] };
const CHANNEL_HEADER = {
  1: ['type', 'number'], 3: ['timestamp', 'bytes'], 4: ['channel', 'text'], 5: ['transactionId', 'text'], 7: ['extension', 'bytes'],
};
const TIMESTAMP = { 1: ['seconds', 'number'], 2: ['nanos', 'number'] };
const EXTENSION = { 2: ['chaincode', 'bytes'] };
const CHAINCODE_ID = { 2: ['name', 'text'] };
const SIGNATURE_HEADER = { 1: ['creator', 'bytes'], 2: ['nonce', 'bytes'] };
const PROPOSAL_PAYLOAD = { 1: ['input', 'bytes'], 2: ['transient', 'list'] };
const ENTRY = { 1: ['name', 'text'], 2: ['value', 'bytes'] };
const INVOCATION = { 1: ['spec', 'bytes'] };
const SPEC = { 1: ['language', 'number'], 2: ['chaincode', 'bytes'], 3: ['input', 'bytes'] };
const INPUT = { 1: ['arguments', 'list'] };

const PAYLOAD = { 1: ['header', 'bytes'], 2: ['transaction', 'bytes'] };
const TRANSACTION = { 1: ['actions', 'list'] };
const ACTION = { 1: ['header', 'bytes'], 2: ['payload', 'bytes'] };
const ACTION_PAYLOAD = { 1: ['proposalPayload', 'bytes'], 2: ['endorsed', 'bytes'] };
const ENDORSED = { 1: ['response', 'bytes'], 2: ['endorsements', 'list'] };
const RESPONSE_PAYLOAD = { 1: ['proposalHash', 'bytes'], 2: ['chaincodeAction', 'bytes'] };
const CHAINCODE_ACTION = {
  1: ['results', 'bytes'], 2: ['events', 'bytes'], 3: ['response', 'bytes'], 4: ['chaincode', 'bytes'],
};
const RESPONSE = { 1: ['status', 'number'], 2: ['message', 'text'], 3: ['payload', 'bytes'] };
const ENDORSED_CHAINCODE_ID = { 1: ['path', 'text'], 2: ['name', 'text'], 3: ['version', 'text'] };

const STATUS_REQUEST = { 1: ['transactionId', 'text'], 2: ['channel', 'text'], 3: ['identity', 'bytes'] };

const ENDORSER_TRANSACTION = 3n;
const NONCE_BYTES = 24;
const OK = 200n;
// The chaincode's servers take a transaction whose time is within 15 minutes of their own clocks.
const MINUTES = 15;

function insist(holds, reason) {
  if (!holds) throw new Error(reason);
}

// The creator of a proposal: a SerializedIdentity.
export const creator = (mspId, certificate) => concat(field(1, mspId), field(2, certificate));

// Who calls what with which inputs, as a proposal says it.
export function readProposal(bytes) {
  const proposal = read(bytes, PROPOSAL, 'The proposal');
  const header = read(proposal.header, HEADER, "The proposal's header");
  const channelHeader = read(header.channelHeader, CHANNEL_HEADER, "The proposal's channel header");
  const time = read(channelHeader.timestamp, TIMESTAMP, "The proposal's time");
  const extension = read(channelHeader.extension, EXTENSION, "The proposal's extension");
  const signatureHeader = read(header.signatureHeader, SIGNATURE_HEADER, "The proposal's signature header");
  const payload = read(proposal.payload, PROPOSAL_PAYLOAD, "The proposal's payload");
  const { spec } = read(payload.input, INVOCATION, "The proposal's invocation");
  const invocation = read(spec, SPEC, "The proposal's invocation");
  const name = (id) => read(id, CHAINCODE_ID, "The chaincode's id").name;
  const input = read(invocation.input, INPUT, "The function's input");
  return {
    header,
    type: channelHeader.type,
    channel: channelHeader.channel,
    transactionId: channelHeader.transactionId,
    seconds: Number(time.seconds),
    creator: signatureHeader.creator,
    nonce: signatureHeader.nonce,
    chaincode: name(invocation.chaincode),
    extensionChaincode: name(extension.chaincode),
    arguments: input.arguments,
    transient: payload.transient.map((entry) => read(entry, ENTRY, 'A private input')),
    // What the transaction carries of it: everything but the private inputs.
    publicPayload: field(1, payload.input),
  };
}

// Refuses a proposal that is not this call by this caller, now, and returns what it says.
export async function checkProposal(bytes, asked, now = Date.now()) {
  const proposal = await checkCall(bytes, asked);
  insist(Math.abs(now / 1000 - proposal.seconds) <= MINUTES * 60,
    `The proposal's time is more than ${MINUTES} minutes from the time of this device.`);
  return proposal;
}

// The same of one that was signed before.
// `asked` has channel, chaincode, arguments (the function's name first), transient (private inputs by name) and creator.
export async function checkCall(bytes, asked) {
  const proposal = readProposal(bytes);
  insist(proposal.type === ENDORSER_TRANSACTION, 'The proposal is for no transaction of a chaincode.');
  insist(proposal.channel === asked.channel, `The proposal is for the channel ${proposal.channel}.`);
  insist(proposal.chaincode === asked.chaincode && proposal.extensionChaincode === asked.chaincode,
    `The proposal is for the chaincode ${proposal.chaincode}.`);
  insist(equal(proposal.creator, asked.creator), 'The proposal is in the name of another certificate.');
  insist(proposal.nonce.length >= NONCE_BYTES, "The proposal's random number is too short.");
  const transactionId = hex(await sha256(proposal.nonce, proposal.creator));
  insist(proposal.transactionId === transactionId, "The proposal's transaction id is not that of its caller and random number.");
  checkInputs(proposal, asked);
  return proposal;
}

function checkInputs(proposal, asked) {
  const wanted = asked.arguments.map((argument) => (typeof argument === 'string' ? utf8(argument) : argument));
  insist(proposal.arguments.length > 0 && equal(proposal.arguments[0], wanted[0]), 'The proposal is for another function.');
  const same = wanted.length === proposal.arguments.length
    && wanted.every((argument, index) => equal(argument, proposal.arguments[index]));
  insist(same, 'The proposal has other arguments.');
  const inputs = Object.entries(asked.transient ?? {});
  const isAsked = ({ name, value }) => inputs.some(([known, given]) => known === name && equal(given, value));
  const names = new Set(proposal.transient.map(({ name }) => name));
  insist(names.size === proposal.transient.length && names.size === inputs.length && proposal.transient.every(isAsked),
    'The proposal has other private inputs.');
}

// Refuses a transaction that is not over exactly this proposal; returns what the chaincode answered.
// `bytes` are the payload of the envelope: what its creator signs.
export async function checkTransaction(bytes, proposal) {
  const payload = read(bytes, PAYLOAD, 'The transaction');
  const header = read(payload.header, HEADER, "The transaction's header");
  const isItsHeader = equal(header.channelHeader, proposal.header.channelHeader)
    && equal(header.signatureHeader, proposal.header.signatureHeader);
  insist(isItsHeader, 'The transaction has the header of another proposal.');
  const { actions } = read(payload.transaction, TRANSACTION, 'The transaction');
  insist(actions.length === 1, 'The transaction has more than one action.');
  const action = read(actions[0], ACTION, "The transaction's action");
  insist(equal(action.header, proposal.header.signatureHeader), "The transaction's action is of another creator.");
  const { proposalPayload, endorsed } = read(action.payload, ACTION_PAYLOAD, "The transaction's action");
  insist(equal(proposalPayload, proposal.publicPayload), 'The transaction calls something else than the proposal.');
  const { response, endorsements } = read(endorsed, ENDORSED, "The transaction's endorsements");
  insist(endorsements.length > 0, 'No peer has endorsed the transaction.');
  return checkResponse(read(response, RESPONSE_PAYLOAD, 'What the peers endorsed'), proposal);
}

async function checkResponse({ proposalHash, chaincodeAction }, proposal) {
  const { channelHeader, signatureHeader } = proposal.header;
  const hash = await sha256(channelHeader, signatureHeader, proposal.publicPayload);
  insist(equal(proposalHash, hash), 'The peers endorsed another proposal.');
  const action = read(chaincodeAction, CHAINCODE_ACTION, 'What the peers endorsed');
  const { name } = read(action.chaincode, ENDORSED_CHAINCODE_ID, "The chaincode's id");
  insist(name === proposal.chaincode, `The peers endorsed an answer of the chaincode ${name}.`);
  const { status, payload } = read(action.response, RESPONSE, "The chaincode's answer");
  insist(status === OK, `The chaincode answered ${status}.`);
  return text(payload);
}

// Refuses a question that is not after the fate of this proposal's transaction.
export function checkStatusRequest(bytes, proposal) {
  const request = read(bytes, STATUS_REQUEST, 'The question after the outcome');
  insist(request.transactionId === proposal.transactionId && request.channel === proposal.channel,
    'The question after the outcome is about another transaction.');
  insist(equal(request.identity, proposal.creator), 'The question after the outcome is in the name of another certificate.');
}
