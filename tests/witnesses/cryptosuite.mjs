// Asks the W3C cryptosuite's reference library whether a certificate's proof holds.
// Arguments: the certificate (JSON file) and the issuer's public key (multibase). Exit 0: it holds; 1: it does not.
import { readFileSync } from 'node:fs';
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import { createVerifyCryptosuite } from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import jsigs from 'jsonld-signatures';

const [file, publicKey] = process.argv.slice(2);
const document = JSON.parse(readFileSync(file, 'utf8'));
const controller = document.issuer.id;
const method = document.proof.verificationMethod;

// Resolves the key alone: what a key may be used for comes from its controller's document.
async function documentLoader(url) {
  if (url === method) {
    return { contextUrl: null, documentUrl: url, document: {
      '@context': 'https://w3id.org/security/multikey/v1',
      id: method, type: 'Multikey', controller, publicKeyMultibase: publicKey,
    } };
  }
  if (url === controller) {
    return { contextUrl: null, documentUrl: url, document: {
      '@context': 'https://www.w3.org/ns/did/v1', id: controller, assertionMethod: [method],
    } };
  }
  throw new Error(`no document at ${url}`);
}

const result = await jsigs.verify(document, {
  suite: new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() }),
  purpose: new jsigs.purposes.AssertionProofPurpose(),
  documentLoader,
});
console.log(JSON.stringify({ verified: result.verified, error: String(result.error?.errors?.[0] ?? result.error ?? '') }));
process.exit(result.verified ? 0 : 1);
