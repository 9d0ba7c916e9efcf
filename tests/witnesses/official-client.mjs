// Drives the node with the official Fabric Gateway client, as any backend would.
// Arguments: the connection profile that `up` writes. Prints one JSON line a step; exit 0 if all went well.
import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { checkpointers, connect, hash, signers, EndorseError, GatewayError } from '@hyperledger/fabric-gateway';

const profile = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const say = (step, facts = {}) => console.log(JSON.stringify({ step, ...facts }));

function open(name, user) {
  const organization = profile.organizations.find((one) => one.name === name);
  const msp = join(profile.crypto_config, 'peerOrganizations', organization.domain, 'users',
    `${user}@${organization.domain}`, 'msp');
  const only = (folder) => readFileSync(join(msp, folder, readdirSync(join(msp, folder))[0]));
  const client = new grpc.Client(organization.gateway, grpc.credentials.createSsl(readFileSync(organization.tls_ca)),
    { 'grpc.ssl_target_name_override': organization.server_name });
  const gateway = connect({
    client,
    identity: { mspId: organization.msp_id, credentials: only('signcerts') },
    signer: signers.newPrivateKeySigner(createPrivateKey(only('keystore'))),
    hash: hash.sha256,
    evaluateOptions: () => ({ deadline: Date.now() + 10_000 }),
    endorseOptions: () => ({ deadline: Date.now() + 15_000 }),
    submitOptions: () => ({ deadline: Date.now() + 10_000 }),
    commitStatusOptions: () => ({ deadline: Date.now() + 30_000 }),
  });
  const network = gateway.getNetwork(profile.channel);
  return { gateway, client, network, contract: network.getContract(profile.chaincode) };
}

const text = (bytes) => new TextDecoder().decode(bytes);
const accreditation = open('Accreditation', 'User1');
const customs = open('Customs', 'User1');

// 1. Submit, with the verdict; the node must endorse with two organisations by itself.
const scheme = `urn:example:scheme:${randomUUID()}`;
const registration = JSON.stringify({ id: scheme, version: '1', name: 'A scheme of the official client', standards: ['https://www.iso.org/standard/46568.html'] });
const proposal = accreditation.contract.newProposal('RegisterScheme', { arguments: [registration] });
const transaction = await proposal.endorse();
const commit = await transaction.submit();
const status = await commit.getStatus();
assert.equal(status.successful, true, `code ${status.code}`);
say('submitted', { transaction: commit.getTransactionId(), block: Number(status.blockNumber) });

// 2. Evaluate on another organisation's peer.
const read = JSON.parse(text(await customs.contract.evaluateTransaction('GetScheme', scheme)));
assert.equal(read.id, scheme);
say('evaluated', { scheme: read.id });

// 3. A refusal by the chaincode arrives with its text and the peer that spoke.
await assert.rejects(customs.contract.submitTransaction('RegisterScheme', registration), (error) => {
  assert.ok(error instanceof EndorseError, String(error));
  assert.ok(error.details.length > 0 && error.details[0].mspId === 'CustomsMSP', JSON.stringify(error.details));
  say('refused', { code: error.code, detail: error.details[0].message });
  return true;
});
await assert.rejects(customs.contract.evaluateTransaction('NoSuchFunction'), GatewayError);

// 4. The same envelope again: the ledger keeps its first verdict.
await transaction.submit().then((again) => again.getStatus()).then(
  (again) => say('repeated', { code: again.code, block: Number(again.blockNumber) }),
  (error) => say('repeated', { refused: error.message }));

// 5. Chaincode events and block events from where the transaction committed.
const events = await customs.network.getChaincodeEvents(profile.chaincode, { startBlock: status.blockNumber });
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

// 6. Offline signing: everything survives a round trip through bytes.
const unsigned = customs.gateway.newProposal(customs.contract.newProposal('GetScheme', { arguments: [scheme] }).getBytes());
assert.equal(JSON.parse(text(await unsigned.evaluate())).id, scheme);
say('offline');

for (const { gateway, client } of [accreditation, customs]) {
  gateway.close();
  client.close();
}
