// A step on the ledger, signed in this page: proposal, transaction, and the question after its fate. The portal prepares each
// of them and passes on the signatures; nothing is signed here that was not read and found to be what was asked for.

import { fromBase64, toBase64, utf8 } from './bytes.js';
import { sign } from './der.js';
import { checkCall, checkProposal, checkStatusRequest, checkTransaction, creator } from './fabric.js';
import { checkCertificate, forgetProposal, keyOf, rememberProposal, rememberedProposal } from './keys.js';

// In whose name: what the portal says of the person's key, and the key itself, which this browser has to hold.
export async function signer({ fingerprint, mspId, certificate }) {
  const key = await keyOf(fingerprint);
  if (!key) throw new Error('Your key is not in this browser. Use the one in which you made it, or make another key.');
  await checkCertificate(key, certificate);
  return { privateKey: key.privateKey, creator: creator(mspId, utf8(certificate)) };
}

// Begins a step, or goes on with the one of this id, and returns its end: { state, block, code, problem }.
//   asked:  { act, channel, chaincode, arguments }: an id of the page's own, and the call; arguments has the function's name first
//   post:   sends fields to a page of the portal and returns its JSON
//   agree:  is shown what the proposal says before it is signed; resolves to whether the person wants it
export async function perform(asked, who, { post, agree }) {
  const call = { ...asked, creator: who.creator, transient: {} };
  const signed = async (path, message) =>
    post(`/acts/${asked.act}/${path}`, { signature: toBase64(await sign(who.privateKey, message)) });
  const { act, chaincode } = asked;
  const inputs = toBase64(utf8(JSON.stringify(asked.arguments)));
  // A proposal that was signed here before is held against what is asked for now, and shown again: the portal may have kept one
  // that the person gave up.
  const signedBefore = async () => checkCall(await rememberedProposal(act), call);
  let proposal = null;
  let step = await post('/acts', { act, chaincode, arguments: inputs });
  if (step.state === 'prepared') {
    const bytes = fromBase64(step.toSign);
    proposal = await checkProposal(bytes, call);
    if (!(await agree(proposal))) return { state: 'declined' };
    await rememberProposal(act, bytes);
    step = await signed('proposal', bytes);
  }
  if (step.state === 'endorsed') {
    const bytes = fromBase64(step.toSign);
    if (!proposal) {
      proposal = await signedBefore();
      if (!(await agree(proposal))) return { state: 'declined' };
    }
    await checkTransaction(bytes, proposal);
    step = await signed('transaction', bytes);
  }
  if (step.state === 'submitted') {
    const bytes = fromBase64(step.toSign);
    checkStatusRequest(bytes, proposal ?? (await signedBefore()));
    step = await signed('status', bytes);
  }
  if (step.state === 'committed' || step.state === 'refused') await forgetProposal(act);
  return step;
}

// Signs a question that a peer answers and nobody submits, and returns { state, answer, problem }. No transaction over it is ever
// signed here: its answer would stand in a block.
export async function ask(asked, who, { post, agree }) {
  const { act, chaincode } = asked;
  const inputs = toBase64(utf8(JSON.stringify(asked.arguments)));
  const step = await post('/acts', { act, chaincode, arguments: inputs });
  if (step.state !== 'prepared') throw new Error('This was asked before. Load the page again, and ask anew.');
  const bytes = fromBase64(step.toSign);
  const proposal = await checkProposal(bytes, { ...asked, creator: who.creator, transient: {} });
  if (!(await agree(proposal))) return { state: 'declined' };
  return post(`/acts/${act}/question`, { signature: toBase64(await sign(who.privateKey, bytes)) });
}
