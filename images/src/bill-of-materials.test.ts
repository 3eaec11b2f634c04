import { describe, expect, it } from 'vitest';
import { billOfMaterials } from './bill-of-materials.ts';
import type { Component } from './component.ts';

type Written = Record<string, unknown> & { packages: Record<string, unknown>[] };

const REFERENCE = 'registry.test:5000/mesh/proxy:1.2.3';
const LIBC: Component = {
  name: 'libc6:amd64',
  version: '2.36-9+deb12u1',
  purl: 'pkg:deb/debian/libc6@2.36-9%2Bdeb12u1',
};

describe('a bill of materials', () => {
  const written = (...components: Component[]): Written =>
    JSON.parse(billOfMaterials(REFERENCE, components)) as Written;

  it('has what SPDX 2.3 demands of a document and of each package', () => {
    const bill = written(LIBC);
    expect(bill).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: REFERENCE,
      documentNamespace: expect.stringMatching(
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ) as string,
      creationInfo: { created: '1970-01-01T00:00:00Z', creators: ['Tool: ambit-images-1.2.3'] },
    });
    expect(bill.packages[0]).toMatchObject({ name: 'registry.test:5000/mesh/proxy', versionInfo: '1.2.3' });
    for (const part of bill.packages) {
      expect(part).toMatchObject({
        SPDXID: expect.stringMatching(/^SPDXRef-[A-Za-z0-9.-]+$/) as string,
        downloadLocation: 'NOASSERTION',
      });
    }
    expect(bill['relationships']).toContainEqual({
      spdxElementId: bill.packages[0]?.['SPDXID'],
      relationshipType: 'CONTAINS',
      relatedSpdxElement: bill.packages[1]?.['SPDXID'],
    });
  });

  it('lists what several layers bring once', () => {
    expect(written(LIBC, LIBC).packages.map(({ name }) => name)).toEqual([
      'registry.test:5000/mesh/proxy',
      'libc6:amd64',
    ]);
  });

  it.each([
    ['MIT', 'MIT'],
    ['(MIT OR Apache-2.0)', '(MIT OR Apache-2.0)'],
    ['SEE LICENSE IN LICENSE.md', 'NOASSERTION'],
    ['UNLICENSED', 'NOASSERTION'],
  ])('declares the licence %s as %s', (license, declared) => {
    expect(written({ ...LIBC, license }).packages[1]).toMatchObject({ licenseDeclared: declared });
  });

  it('has another namespace when anything in it is another', () => {
    const other = { ...LIBC, version: '2.37' };
    expect(written(LIBC)['documentNamespace']).not.toBe(written(other)['documentNamespace']);
  });
});
