import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { channelArguments, controlPlaneHeaders, controlPlaneTarget, readRoots } from './control-plane.ts';
import { CREDENTIAL_FILE_MAX_BYTES } from './limits.ts';

const directory = mkdtempSync(join(tmpdir(), 'control-plane-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const plane = (address: string): { address: string; roots: { system: true } } => ({ address, roots: { system: true } });

describe('the way to the control plane', () => {
  it('is host and port, 443 by default', () => {
    expect(controlPlaneTarget(plane('https://istiod.istio-system.svc:15012'))).toBe('istiod.istio-system.svc:15012');
    expect(controlPlaneTarget(plane('https://[fd00::1]'))).toBe('[fd00::1]:443');
  });

  it.each(['http://istiod:15012', 'istiod:15012', 'https://istiod:15012/path', ''])('is not %j', (address) => {
    expect(() => controlPlaneTarget(plane(address))).toThrow(expect.objectContaining({ code: 'AMBIT_CONFIG' }));
  });

  it('verifies the server by another name only when one is given', () => {
    expect(Object.keys(channelArguments(plane('https://a'))).some((name) => name.includes('target_name'))).toBe(false);
    expect(channelArguments({ ...plane('https://10.0.0.1:15012'), serverName: 'istiod' })).toMatchObject({
      'grpc.ssl_target_name_override': 'istiod',
      'grpc.default_authority': 'istiod',
    });
  });

  it.each([
    ['no certificate', file('empty.pem', '')],
    ['no file', join(directory, 'absent.pem')],
    ['a file of another kind', file('large.pem', 'x'.repeat(CREDENTIAL_FILE_MAX_BYTES + 1))],
  ])('has roots, and says which file is %s', async (_, path) => {
    await expect(readRoots({ file: path })).rejects.toMatchObject({
      code: 'AMBIT_TRUST_BUNDLE',
      message: expect.stringContaining(path) as string,
    });
  });

  it('reads the token anew each time, without the line feed behind it', async () => {
    const tokenFile = file('token', 'first\n');
    const options = { ...plane('https://a'), tokenFile, clusterId: 'one', headers: { further: 'header' } };
    expect(Object.fromEntries(await controlPlaneHeaders(options))).toEqual({
      authorization: 'Bearer first',
      clusterid: 'one',
      further: 'header',
    });
    writeFileSync(tokenFile, 'second');
    expect((await controlPlaneHeaders(options)).get('authorization')).toBe('Bearer second');
  });

  it.each([
    ['is empty', file('blank', ' \n')],
    ['holds two lines', file('lines', 'a\nb')],
  ])('sends no token that %s', async (_, tokenFile) => {
    await expect(controlPlaneHeaders({ ...plane('https://a'), tokenFile })).rejects.toMatchObject({
      code: 'AMBIT_TOKEN',
    });
  });
});
