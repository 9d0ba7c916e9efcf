// Asks the library `jose` whether a JWS holds by the key in its own certificate (x5c). Argument: the file.
// Exit 0: it holds, and its content is printed; 1: it does not.
import { readFileSync } from 'node:fs';
import { compactVerify, decodeProtectedHeader, importX509 } from 'jose';

const jws = readFileSync(process.argv[2], 'utf8');
try {
  const { alg, x5c: [certificate] } = decodeProtectedHeader(jws);
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`;
  const { payload, protectedHeader } = await compactVerify(jws, await importX509(pem, alg), { algorithms: ['ES256'] });
  console.log(JSON.stringify({ header: protectedHeader, certificate: pem, content: JSON.parse(new TextDecoder().decode(payload)) }));
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
