import { expect, it } from 'vitest';
import { readAuthorizationProvider } from './authorization-provider.ts';

function adding(name: string): ReturnType<typeof readAuthorizationProvider> {
  const fields = { service: 'opa.shop.svc.cluster.local', port: 80, failOpen: true };
  return readAuthorizationProvider('opa', 'envoyExtAuthzHttp', {
    ...fields,
    includeAdditionalHeadersInCheck: { [name]: '5' },
  });
}

// No question with one of these could be sent, and a provider that is open then would let everybody through.
it.each(['Content-Length', 'transfer-encoding', 'connection', 'upgrade', 'host', ':path'])(
  'a provider whose questions would have another %s cannot be asked',
  (name) => {
    expect(adding(name)).toContain(`provider opa: envoyExtAuthzHttp.includeAdditionalHeadersInCheck.${name}`);
  },
);

it.each(['x-tenant', 'X-Forwarded-Proto', 'authorization'])('a provider whose questions have %s can', (name) => {
  expect(adding(name)).toMatchObject({ name: 'opa' });
});
