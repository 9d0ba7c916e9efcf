// The modules by which a page reads and signs what goes to the ledger, in headless Chromium, against what others made:
// proposals of the official Fabric Gateway client, the transactions of a chain that real Fabric recorded, OpenSSL's opinion of
// requests and signatures, and another implementation of canonical JSON. Arguments: the folder of the modules, and a block file.
// Exit 0 if all holds.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import canonicalize from 'canonicalize';
import * as grpc from '@grpc/grpc-js';
import { connect, hash } from '@hyperledger/fabric-gateway';
import { common, gateway as gatewayMessages, msp, peer } from '@hyperledger/fabric-protos';
import puppeteer from 'puppeteer-core';

const [modules, blockFile] = process.argv.slice(2);

// A page with the policy of the portal's.
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'";
const server = createServer((request, response) => {
  const name = request.url.match(/^\/([a-z0-9-]+\.js)$/)?.[1];
  if (name) response.setHeader('content-type', 'text/javascript').end(readFileSync(resolve(modules, name)));
  else response.setHeader('content-type', 'text/html').setHeader('content-security-policy', POLICY).end('<!doctype html>');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
});
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);

// What a function in the page returns; what it threw, as text.
const inPage = (act, ...values) => page.evaluate(act, ...values).then((value) => ({ value }), ({ message }) => ({ error: message }));

async function holds(act, ...values) {
  const { value, error } = await inPage(act, ...values);
  assert.equal(error, undefined, error);
  return value;
}

async function refuses(reason, act, ...values) {
  const { error, value } = await inPage(act, ...values);
  assert.ok(error !== undefined && reason.test(error), `${reason}: ${error ?? JSON.stringify(value)}`);
}

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

// 1. A request: OpenSSL reads it and finds its signature good; the private key cannot be taken out.
const made = await holds(async () => {
  const { certificateRequest } = await import('/der.js');
  const { keyOf, makeKey } = await import('/keys.js');
  const { hex, sha256, toBase64 } = await import('/bytes.js');
  const pair = await makeKey();
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  const kept = await keyOf(hex(await sha256(spki)));
  const taken = await crypto.subtle.exportKey('pkcs8', kept.privateKey).then(() => true, () => false);
  return { request: await certificateRequest(kept), spki: toBase64(spki), taken };
});
assert.equal(made.taken, false, 'the private key was taken out');
const said = execFileSync('openssl', ['req', '-verify', '-noout', '-text', '-subject'], { input: made.request, stdio: 'pipe' }).toString();
assert.match(said, /ASN1 OID: prime256v1/);
assert.match(said, /Signature Algorithm: ecdsa-with-SHA256/);
const ofRequest = execFileSync('openssl', ['req', '-verify', '-noout', '-pubkey'], { input: made.request, stdio: 'pipe' }).toString();
assert.equal(createPublicKey(ofRequest).export({ type: 'spki', format: 'der' }).toString('base64'), made.spki);

// 2. Signatures: each is good by OpenSSL, and its S is low.
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const signatures = await holds(async () => {
  const { sign } = await import('/der.js');
  const { toBase64, utf8 } = await import('/bytes.js');
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  const all = [];
  for (let at = 0; at < 400; at += 1) all.push(toBase64(await sign(privateKey, utf8(`message ${at}`))));
  return { all, spki: toBase64(new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))) };
});
const signatureKey = createPublicKey({ key: Buffer.from(signatures.spki, 'base64'), format: 'der', type: 'spki' });
signatures.all.forEach((signature, at) => {
  const der = Buffer.from(signature, 'base64');
  assert.ok(verify('sha256', Buffer.from(`message ${at}`), signatureKey, der), signature);
  const s = der.subarray(4 + der[3] + 2);
  assert.ok(BigInt(`0x${s.toString('hex')}`) <= ORDER / 2n && der.length === der[1] + 2, signature);
});
// RFC 6979, A.2.5, "sample": its S is high. And numbers that are short.
const vectors = await holds(async () => {
  const { signatureToDer } = await import('/der.js');
  const { hex } = await import('/bytes.js');
  const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => Number.parseInt(pair, 16));
  const r = 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716';
  const s = 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8';
  const short = `${'00'.repeat(31)}05${'00'.repeat(30)}0080`;
  return [hex(signatureToDer(bytes(r + s))), hex(signatureToDer(bytes(short)))];
});
assert.deepEqual(vectors, [
  '3045022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716'
    + '02200834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9',
  '300702010502020080',
]);

// 3. Canonical JSON, as another implementation writes it.
const texts = ['{"b":1,"a":[2,{"z":null,"y":true}]}', '{"\u{1f600}":1,"\ufb33":2,"é":"\\u0007\\n\\"\\\\/"}',
  '[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0]', '{"__proto__":{"x":1},"a":"€"}', '"\\u2028"', '{}'];
for (const given of texts) {
  const ours = await holds(async (json) => (await import('/canonical.js')).canonical(JSON.parse(json)), given);
  assert.equal(ours, canonicalize(JSON.parse(given)), given);
}
await refuses(/half a character/, async () => (await import('/canonical.js')).canonical('\ud800'));

// 4. Proposals of the official client are read and taken; any other than what was asked for is refused.
const pem = execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
  '-keyout', '/dev/null', '-subj', '/OU=client/CN=x'], { stdio: 'pipe' });
const client = new grpc.Client('localhost:1', grpc.credentials.createInsecure());
const official = connect({ client, identity: { mspId: 'CertBodyMSP', credentials: pem }, hash: hash.none });
const contract = official.getNetwork('nanotrace').getContract('nanotrace');
const proposed = (name, inputs, transientData, of = contract) =>
  gatewayMessages.ProposedTransaction.deserializeBinary(of.newProposal(name, { arguments: inputs, transientData }).getBytes())
    .getProposal().getProposalBytes_asU8();
const check = async (bytes, changes, certificate) => {
  const { checkProposal, creator } = await import('/fabric.js');
  const { fromBase64, text, utf8 } = await import('/bytes.js');
  const asked = { channel: 'nanotrace', chaincode: 'nanotrace', arguments: ['application:review', 'APP-1', 'The figures agree: Zinkoxid, größer 50 %'],
    transient: {}, mspId: 'CertBodyMSP', ...changes };
  asked.creator = creator(asked.mspId, utf8(certificate));
  for (const [name, value] of Object.entries(asked.transient)) asked.transient[name] = utf8(value);
  const proposal = await checkProposal(fromBase64(bytes), asked, asked.now ?? Date.now());
  return [proposal.transactionId, ...proposal.arguments.map(text)];
};
const INPUTS = ['APP-1', 'The figures agree: Zinkoxid, größer 50 %'];
const NAME = 'application:review';
const ours = proposed(NAME, INPUTS);
const certificate = pem.toString();
const [transactionId, ...read] = await holds(check, base64(ours), {}, certificate);
assert.deepEqual(read, [NAME, ...INPUTS]);
assert.match(transactionId, /^[0-9a-f]{64}$/);
const secret = proposed(NAME, INPUTS, { fields: 'secret', more: 'x' });
await holds(check, base64(secret), { transient: { more: 'x', fields: 'secret' } }, certificate);
for (const [reason, bytes, changes] of [
  [/another function/, proposed('application:refuse', INPUTS), {}],
  [/other arguments/, proposed(NAME, ['APP-2', INPUTS[1]]), {}],
  [/other arguments/, proposed(NAME, INPUTS.slice(0, 1)), {}],
  [/other arguments/, proposed(NAME, [...INPUTS, 'more']), {}],
  [/another function/, proposed(INPUTS[0], [NAME, INPUTS[1]]), {}],
  [/other private inputs/, secret, {}],
  [/other private inputs/, secret, { transient: { fields: 'secret' } }],
  [/other private inputs/, secret, { transient: { fields: 'secret', more: 'y' } }],
  [/other private inputs/, ours, { transient: { fields: 'secret' } }],
  [/chaincode other/, proposed(NAME, INPUTS, undefined, official.getNetwork('nanotrace').getContract('other')), {}],
  [/channel another/, proposed(NAME, INPUTS, undefined, official.getNetwork('another').getContract('nanotrace')), {}],
  [/another certificate/, ours, { mspId: 'AccreditationMSP' }],
  [/minutes from the time/, ours, { now: Date.now() + 16 * 60_000 }],
  [/minutes from the time/, ours, { now: Date.now() - 16 * 60_000 }],
]) await refuses(reason, check, base64(bytes), changes, certificate);
await refuses(/another certificate/, check, base64(ours), {}, certificate.replace('\n', '\n\n'));

// The same proposal with one thing altered by a hostile portal.
function altered(change) {
  const proposal = peer.Proposal.deserializeBinary(ours);
  const header = common.Header.deserializeBinary(proposal.getHeader_asU8());
  const parts = {
    proposal, header,
    channelHeader: common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8()),
    signatureHeader: common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8()),
    payload: peer.ChaincodeProposalPayload.deserializeBinary(proposal.getPayload_asU8()),
  };
  parts.invocation = peer.ChaincodeInvocationSpec.deserializeBinary(parts.payload.getInput_asU8());
  change(parts);
  parts.payload.setInput(parts.invocation.serializeBinary());
  header.setChannelHeader(parts.channelHeader.serializeBinary());
  header.setSignatureHeader(parts.signatureHeader.serializeBinary());
  proposal.setHeader(header.serializeBinary());
  proposal.setPayload(parts.payload.serializeBinary());
  return proposal.serializeBinary();
}
assert.equal(base64(altered(() => {})), base64(ours));
const stranger = new msp.SerializedIdentity();
stranger.setMspid('CertBodyMSP');
stranger.setIdBytes(Buffer.from('another certificate'));
for (const [reason, change] of [
  [/no transaction/, ({ channelHeader }) => channelHeader.setType(common.HeaderType.CONFIG_UPDATE)],
  [/field 2/, ({ channelHeader }) => channelHeader.setVersion(1)],
  [/field 6/, ({ channelHeader }) => channelHeader.setEpoch(1)],
  [/field 8/, ({ channelHeader }) => channelHeader.setTlsCertHash(Buffer.from('x'))],
  [/transaction id/, ({ channelHeader }) => channelHeader.setTxId('0'.repeat(64))],
  [/transaction id/, ({ signatureHeader }) => signatureHeader.setNonce(Buffer.alloc(24))],
  [/too short/, ({ signatureHeader }) => signatureHeader.setNonce(Buffer.alloc(23))],
  [/another certificate/, ({ signatureHeader }) => signatureHeader.setCreator(stranger.serializeBinary())],
  [/field 3/, ({ invocation }) => invocation.getChaincodeSpec().getInput().setIsInit(true)],
  [/field 2/, ({ invocation }) => invocation.getChaincodeSpec().getInput().getDecorationsMap().set('a', Buffer.from('b'))],
  [/field 3/, ({ invocation }) => invocation.getChaincodeSpec().getChaincodeId().setVersion('2')],
  [/chaincode other/, ({ invocation }) => invocation.getChaincodeSpec().getChaincodeId().setName('other')],
  [/other arguments/, ({ invocation }) => invocation.getChaincodeSpec().getInput().addArgs(Buffer.from('more'))],
  [/field 3/, ({ proposal }) => proposal.setExtension$(Buffer.from('x'))],
]) await refuses(reason, check, base64(altered(change)), {}, certificate);
// Twice the same field: which counts is another reader's choice.
const twice = Buffer.concat([ours, ours.subarray(0, ours.length)]);
await refuses(/field header twice/, check, base64(twice), {}, certificate);
await refuses(/more bytes than it needs/, check, base64(Buffer.concat([Buffer.from([0x8a, 0x00]), ours.subarray(1)])), {}, certificate);
for (let cut = 1; cut < ours.length; cut += 1) await refuses(/./, check, base64(ours.subarray(0, cut)), {}, certificate);

// 5. Every transaction that a real peer recorded is over its own proposal, and no other's.
const { transactions, tampered } = recorded();
const checkOver = async (payload, proposal) => {
  const { checkTransaction, readProposal } = await import('/fabric.js');
  const { fromBase64 } = await import('/bytes.js');
  return checkTransaction(fromBase64(payload), readProposal(fromBase64(proposal)));
};
// Some were made odd on purpose, with fields that Fabric knows not or has twice: a peer passes over them, a page does not.
let taken = 0;
for (const { payload, proposal, code } of transactions) {
  const { error } = await inPage(checkOver, payload, proposal);
  if (error === undefined) taken += 1;
  else assert.ok(code !== 0 || /nobody here knows|twice|more bytes/.test(error), `${error}, but a peer found it valid`);
}
assert.ok(taken >= 20, `${taken} of ${transactions.length}`);
await refuses(/header of another/, checkOver, transactions[0].payload, transactions[1].proposal);
for (const [reason, payload, proposal] of tampered) await refuses(reason, checkOver, payload, proposal);

// 6. The question after the outcome.
const question = (id, channel, identity) => {
  const request = new gatewayMessages.CommitStatusRequest();
  request.setTransactionId(id);
  request.setChannelId(channel);
  request.setIdentity(identity);
  return base64(request.serializeBinary());
};
const checkQuestion = async (bytes, proposal) => {
  const { checkStatusRequest, readProposal } = await import('/fabric.js');
  const { fromBase64 } = await import('/bytes.js');
  checkStatusRequest(fromBase64(bytes), readProposal(fromBase64(proposal)));
};
const me = new msp.SerializedIdentity();
me.setMspid('CertBodyMSP');
me.setIdBytes(pem);
const identity = me.serializeBinary();
await holds(checkQuestion, question(transactionId, 'nanotrace', identity), base64(ours));
await refuses(/another transaction/, checkQuestion, question('0'.repeat(64), 'nanotrace', identity), base64(ours));
await refuses(/another transaction/, checkQuestion, question(transactionId, 'another', identity), base64(ours));
await refuses(/another certificate/, checkQuestion, question(transactionId, 'nanotrace', stranger.serializeBinary()), base64(ours));
await refuses(/./, checkQuestion, base64(ours), base64(ours));

await browser.close();
server.close();

// The endorsed transactions of a block file, each with the proposal that it is over.
function recorded() {
  const found = [];
  for (const [envelope, code] of envelopes(readFileSync(blockFile))) {
    const { payload, header, transaction } = opened(envelope);
    const channelHeader = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
    if (channelHeader.getType() !== common.HeaderType.ENDORSER_TRANSACTION) continue;
    const actions = transaction().getActionsList();
    if (actions.length !== 1) continue;
    const action = peer.ChaincodeActionPayload.deserializeBinary(actions[0].getPayload_asU8());
    const proposal = new peer.Proposal();
    proposal.setHeader(header.serializeBinary());
    proposal.setPayload(action.getChaincodeProposalPayload_asU8());
    found.push({ payload: base64(payload), proposal: base64(proposal.serializeBinary()), code });
  }
  return { transactions: found, tampered: tamperings(found.filter(({ code }) => code === 0)) };
}

function opened(envelope) {
  const payload = common.Envelope.deserializeBinary(envelope).getPayload_asU8();
  const message = common.Payload.deserializeBinary(payload);
  return { payload, header: message.getHeader(), transaction: () => peer.Transaction.deserializeBinary(message.getData_asU8()) };
}

// What a hostile portal could make of the first transaction, and of the others' parts.
function tamperings([first, ...others]) {
  const inputs = (it) => base64(peer.Proposal.deserializeBinary(Buffer.from(it.proposal, 'base64')).getPayload_asU8());
  const second = others.find((it) => inputs(it) !== inputs(first));
  const change = (act) => {
    const message = common.Payload.deserializeBinary(Buffer.from(first.payload, 'base64'));
    const transaction = peer.Transaction.deserializeBinary(message.getData_asU8());
    const [action] = transaction.getActionsList();
    const payload = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
    const response = peer.ProposalResponsePayload.deserializeBinary(payload.getAction().getProposalResponsePayload_asU8());
    act({ message, transaction, action, payload, response });
    payload.getAction().setProposalResponsePayload(response.serializeBinary());
    action.setPayload(payload.serializeBinary());
    message.setData(transaction.serializeBinary());
    return base64(message.serializeBinary());
  };
  const of = (payload) => {
    const message = common.Payload.deserializeBinary(Buffer.from(payload, 'base64'));
    return peer.Transaction.deserializeBinary(message.getData_asU8()).getActionsList()[0];
  };
  const payloadOf = (it) => peer.ChaincodeActionPayload.deserializeBinary(of(it.payload).getPayload_asU8());
  const answer = (act) => change(({ response }) => {
    const action = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
    act(action);
    response.setExtension$(action.serializeBinary());
  });
  assert.equal(change(() => {}), first.payload);
  return [
    [/something else/, change(({ payload }) => payload.setChaincodeProposalPayload(payloadOf(second).getChaincodeProposalPayload_asU8()))],
    [/endorsed another proposal/, change((parts) => {
      const other = payloadOf(second).getAction();
      parts.payload.setAction(other);
      parts.response.setProposalHash(peer.ProposalResponsePayload.deserializeBinary(other.getProposalResponsePayload_asU8())
        .getProposalHash_asU8());
    })],
    [/endorsed another proposal/, change(({ response }) => response.setProposalHash(Buffer.alloc(32)))],
    [/more than one action/, change(({ transaction }) => transaction.addActions(of(second.payload)))],
    [/another creator/, change(({ action }) => action.setHeader(Buffer.from('x')))],
    [/No peer/, change(({ payload }) => payload.getAction().clearEndorsementsList())],
    [/chaincode other/, answer((action) => action.getChaincodeId().setName('other'))],
    [/answered 500/, answer((action) => action.getResponse().setStatus(500))],
    [/header of another/, change(({ message }) => message.getHeader().setSignatureHeader(Buffer.from('x')))],
  ].map(([reason, payload]) => [reason, payload, first.proposal]);
}

// The envelopes of a block file, with their validation codes, as Fabric's peers write it: each block behind its length, and in it each part behind its own.
function* envelopes(file) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = file[at];
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  const bytes = () => {
    const length = varint();
    at += length;
    return file.subarray(at - length, at);
  };
  while (at < file.length) {
    const end = varint() + at;
    varint();
    bytes();
    bytes();
    const inBlock = Array.from({ length: varint() }, bytes);
    const metadata = Array.from({ length: varint() }, bytes);
    yield* inBlock.map((envelope, index) => [envelope, metadata[common.BlockMetadataIndex.TRANSACTIONS_FILTER][index]]);
    at = end;
  }
}
