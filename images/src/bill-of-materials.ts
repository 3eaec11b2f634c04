import { createHash } from 'node:crypto';
import type { Component } from './component.ts';

/** Where it is in the image. */
export const BILL_PATH: string = 'ambit/sbom.spdx.json';

/** What SPDX writes for what nobody has looked into. */
const UNKNOWN = 'NOASSERTION';
/** Texts that stand in package.json for a licence and are no SPDX expression. */
const NO_EXPRESSION = /SEE LICEN[CS]E|UNLICENSED|[^A-Za-z0-9.+() -]/;

/** The software bill of materials of an image, SPDX 2.3 as JSON: what is in it, from whom, under which licence. */
export function billOfMaterials(reference: string, components: readonly Component[]): string {
  const [name = '', version = ''] = reference.split(/:(?=[^/]*$)/);
  const image = spdxPackage({ name, version, license: 'Apache-2.0' }, 'CONTAINER');
  const parts = distinct(components.map((component) => spdxPackage(component, 'LIBRARY')));
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: reference,
    // The date is fixed, so that the same image has the same bill.
    creationInfo: { created: '1970-01-01T00:00:00Z', creators: [`Tool: ambit-images-${version}`] },
    packages: [image, ...parts],
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', image.SPDXID),
      ...parts.map(({ SPDXID }) => relationship(image.SPDXID, 'CONTAINS', SPDXID)),
    ],
  };
  return `${JSON.stringify({ ...document, documentNamespace: namespaceOf(JSON.stringify(document)) }, undefined, 1)}\n`;
}

interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo?: string;
}

function spdxPackage(component: Component, purpose: 'CONTAINER' | 'LIBRARY'): SpdxPackage {
  const { name, version, purl, cpe, license = '', checksum, comment } = component;
  const references = [
    ...(purl === undefined ? [] : [reference('PACKAGE-MANAGER', 'purl', purl)]),
    ...(cpe === undefined ? [] : [reference('SECURITY', 'cpe23Type', cpe)]),
  ];
  const licensed = license !== '' && !NO_EXPRESSION.test(license);
  return {
    SPDXID: `SPDXRef-${(purl ?? `${name}-${version}`).replace(/[^A-Za-z0-9.]+/g, '-')}`,
    name,
    ...(version !== '' && { versionInfo: version }),
    ...{ downloadLocation: UNKNOWN, filesAnalyzed: false, primaryPackagePurpose: purpose },
    ...{ licenseConcluded: UNKNOWN, licenseDeclared: licensed ? license : UNKNOWN, copyrightText: UNKNOWN },
    ...(checksum !== undefined && { checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.hex }] }),
    ...(references.length > 0 && { externalRefs: references }),
    ...(comment !== undefined && { comment }),
  };
}

/** Once each, by name: layers may bring parts of the same package. */
function distinct(packages: readonly SpdxPackage[]): SpdxPackage[] {
  return [...new Map(packages.map((part) => [part.SPDXID, part])).values()].toSorted((a, b) =>
    a.SPDXID < b.SPDXID ? -1 : 1,
  );
}

function reference(referenceCategory: string, referenceType: string, referenceLocator: string): object {
  return { referenceCategory, referenceType, referenceLocator };
}

function relationship(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): object {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/** A name for the document that no other content has (UUID version 8, RFC 9562). */
function namespaceOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
