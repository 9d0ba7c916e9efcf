// Drives the node with the official Fabric Gateway client, as any backend would.
// Arguments: the connection profile that `up` writes. Prints one JSON line a step; exit 0 if all went well.
import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { checkpointers, connect, hash, signers, EndorseError, GatewayError } from '@hyperledger/fabric-gateway';

const profile = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// Paths in the profile are relative to it.
const beside = (...path) => resolve(dirname(process.argv[2]), ...path);
const say = (step, facts = {}) => console.log(JSON.stringify({ step, ...facts }));

function open(name, user) {
  const { domain, mspId, gateway: server } = profile.organisations.find((one) => one.name === name);
  const msp = beside(profile.cryptoConfig, 'peerOrganizations', domain, 'users', `${user}@${domain}`, 'msp');
  const only = (folder) => readFileSync(resolve(msp, folder, readdirSync(resolve(msp, folder))[0]));
  const options = server.serverName ? { 'grpc.ssl_target_name_override': server.serverName } : {};
  const roots = readFileSync(beside(server.tlsCaFile));
  const client = new grpc.Client(server.address, grpc.credentials.createSsl(roots), options);
  const gateway = connect({
    client,
    identity: { mspId, credentials: only('signcerts') },
    signer: signers.newPrivateKeySigner(createPrivateKey(only('keystore'))),
    hash: hash.sha256,
    evaluateOptions: () => ({ deadline: Date.now() + 10_000 }),
    endorseOptions: () => ({ deadline: Date.now() + 15_000 }),
    submitOptions: () => ({ deadline: Date.now() + 10_000 }),
    commitStatusOptions: () => ({ deadline: Date.now() + 30_000 }),
  });
  const network = gateway.getNetwork(profile.channel);
  return { gateway, client, network, contract: network.getContract(profile.chaincode),
    registry: network.getContract('nanotrace-registry') };
}

const text = (bytes) => new TextDecoder().decode(bytes);
const accreditation = open('Accreditation', 'Admin');
const customs = open('Customs', 'User1');

// 1. Submit, with the verdict; for a tick the node must endorse with two organisations by itself.
await accreditation.contract.submitTransaction('ledger:tick');
const scheme = `https://example.org/schemes/${randomUUID()}`;
const registration = JSON.stringify({ id: scheme, version: '1', title: 'A scheme of the official client',
  standards: ['https://www.iso.org/standard/46568.html'] });
const proposal = accreditation.registry.newProposal('scheme:register', { arguments: [registration] });
const transaction = await proposal.endorse();
const commit = await transaction.submit();
const status = await commit.getStatus();
assert.equal(status.successful, true, `code ${status.code}`);
say('submitted', { transaction: commit.getTransactionId(), block: Number(status.blockNumber) });

// 2. Evaluate on another organisation's peer.
const read = JSON.parse(text(await customs.registry.evaluateTransaction('scheme:get', scheme, '1')));
assert.equal(read.id, scheme);
say('evaluated', { scheme: read.id });

// 3. A refusal by the chaincode arrives with its text and the peer that spoke.
await assert.rejects(customs.registry.submitTransaction('scheme:register', registration), (error) => {
  assert.ok(error instanceof EndorseError, String(error));
  assert.ok(error.details.length > 0 && error.details[0].mspId === 'CustomsMSP', JSON.stringify(error.details));
  say('refused', { code: error.code, detail: error.details[0].message });
  return true;
});
await assert.rejects(customs.contract.evaluateTransaction('no:function'), GatewayError);

// 4. The same envelope again: the ledger keeps its first verdict.
await transaction.submit().then((again) => again.getStatus()).then(
  (again) => say('repeated', { code: again.code, block: Number(again.blockNumber) }),
  (error) => say('repeated', { refused: error.message }));

// 5. Chaincode events and block events from where the transaction committed.
const events = await customs.network.getChaincodeEvents('nanotrace-registry', { startBlock: status.blockNumber });
for await (const event of events) {
  if (event.transactionId === commit.getTransactionId()) {
    say('event', { name: event.eventName, block: Number(event.blockNumber) });
    break;
  }
}
events.close();
const checkpointer = checkpointers.inMemory();
for (const [form, listen] of [
  ['block', () => customs.network.getBlockEvents({ startBlock: 0n, checkpoint: checkpointer })],
  ['filtered', () => customs.network.getFilteredBlockEvents({ startBlock: status.blockNumber })],
]) {
  const blocks = await listen();
  for await (const block of blocks) {
    const number = form === 'block' ? block.getHeader().getNumber() : block.getNumber();
    say(`${form} event`, { number: Number(number) });
    break;
  }
  blocks.close();
}

// 6. Blocks with private data: the approval of the chaincode is private to each organisation.
const collections = new Set();
const blocks = await accreditation.network.getBlockAndPrivateDataEvents({ startBlock: 0n });
for await (const delivered of blocks) {
  for (const [, writes] of delivered.getPrivateDataMapMap().entries()) {
    for (const namespace of writes.getNsPvtRwsetList()) {
      for (const set of namespace.getCollectionPvtRwsetList()) {
        collections.add(`${namespace.getNamespace()} ${set.getCollectionName()}`);
      }
    }
  }
  if (BigInt(delivered.getBlock().getHeader().getNumber()) === status.blockNumber) {
    break;
  }
}
blocks.close();
assert.deepEqual([...collections], ['_lifecycle _implicit_org_AccreditationMSP']);
say('private data', { collections: [...collections] });

// 7. Offline signing: everything survives a round trip through bytes.
const unsigned = customs.gateway.newProposal(customs.registry.newProposal('scheme:get', { arguments: [scheme, '1'] }).getBytes());
assert.equal(JSON.parse(text(await unsigned.evaluate())).id, scheme);
say('offline');

// 8. Confidential fields, as docs/contract.md shows them: by the transient map, to the two organisations named.
const [applicant, evaluator] = [open('Industry', 'User1'), open('CertBody', 'User2')];
const request = JSON.stringify({ id: `urn:uuid:${randomUUID()}`, body: 'CertBodyMSP', title: 'NM-110', schemeId: scheme,
  schemeVersion: '1', dossier: `sha256:${'0'.repeat(64)}` });
const { application } = JSON.parse(text(await applicant.contract.submitTransaction('application:submit', request)));
const field = (name, value) => ({ application, field: name, salt: randomBytes(16).toString('hex'), value });
const fields = [field('formulation', { ZnO: '98.5', silane: '1.5' }), field('customers', 'Sunscreen Ltd')];
const confidential = ({ network }) => network.getContract(profile.chaincode, 'confidential');
await confidential(applicant).submit('submit', {
  arguments: [application],
  transientData: { fields: JSON.stringify(fields) },
  endorsingOrganizations: ['CertBodyMSP', 'AccreditationMSP'],
});
const own = { arguments: [application], endorsingOrganizations: ['CertBodyMSP'] };
const answer = JSON.parse(text(await confidential(evaluator).evaluate('get', own)));
assert.deepEqual(answer.fields.map(({ private: it }) => it), fields);
await assert.rejects(confidential(customs).evaluate('get', { arguments: [application] }), GatewayError);
say('confidential', { fields: answer.fields.length });

for (const { gateway, client } of [accreditation, customs, applicant, evaluator]) {
  gateway.close();
  client.close();
}
