/**
 * `fetch-certificate.js FOLDER NAMESPACE SERVICE_ACCOUNT`: gets the pod's certificate from the mesh's CA, as each member of
 * the mesh does, and writes cert.pem, key.pem and root.pem. CA_ADDRESS, CA_ROOT_CA, AUTH_TOKEN as for the proxies.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { messageOf } from '@ambit/core/errors';
import { CaClient } from '@ambit/identity/ca-client';

const [folder = '', namespace = '', serviceAccount = ''] = process.argv.slice(2);
const { AUTH_TOKEN = '', CA_ADDRESS = '', CA_ROOT_CA = '' } = process.env;
const client = new CaClient({ address: CA_ADDRESS, roots: { file: CA_ROOT_CA }, tokenFile: AUTH_TOKEN });
try {
  const identity = { trustDomain: 'cluster.local', namespace, serviceAccount };
  const { chainPem, privateKeyPem } = await client.fetch(identity, AbortSignal.timeout(10_000));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/cert.pem`, chainPem.slice(0, -1).join(''));
  writeFileSync(`${folder}/key.pem`, privateKeyPem);
  writeFileSync(`${folder}/root.pem`, chainPem.at(-1) ?? '');
  process.exit(0);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
