// Wallets, by the libraries of those who make their networks: Mysten's @mysten/sui, and viem for Ethereum. Reads one JSON object a
// line, and writes one: what was signed, and by which address. `key` is a number from which the key is made.
import { createInterface } from 'node:readline';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1';
import { Secp256r1Keypair } from '@mysten/sui/keypairs/secp256r1';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';

const secret = (key) => new Uint8Array(32).fill(key);
const sui = { ed25519: Ed25519Keypair, secp256k1: Secp256k1Keypair, secp256r1: Secp256r1Keypair };

async function answer({ scheme, key, message, siwe }) {
  if (scheme in sui) {
    const pair = sui[scheme].fromSecretKey(secret(key));
    const address = pair.toSuiAddress();
    if (message === undefined) return { address };
    const { signature } = await pair.signPersonalMessage(new TextEncoder().encode(message));
    return { address, signature };
  }
  const account = privateKeyToAccount(`0x${Buffer.from(secret(key)).toString('hex')}`);
  const text = siwe
    ? createSiweMessage({ ...siwe, address: account.address, version: '1', issuedAt: siwe.issuedAt ? new Date(siwe.issuedAt) : new Date() })
    : message;
  if (text === undefined) return { address: account.address };
  return { address: account.address, message: text, signature: await account.signMessage({ message: text }) };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
