import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBinary, toJson } from '@bufbuild/protobuf';
import { ipFromBytes } from '@ambit/core/address';
import { encodeBatch, type RawResource } from '@ambit/mesh/resource/encode';
import { readServedService } from '@ambit/traffic/model/read-served-service';
import { AuthorizationSchema } from '@ambit/proto/authorization';
import { ServedServiceSchema } from '@ambit/proto/waypoint';
import { AddressSchema } from '@ambit/proto/workload';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { decodeManifests } from './decode.ts';
import { formatProblem } from './manifest/problem.ts';
import { buildModel } from './model.ts';
import { translate, type Translation } from './translate.ts';
import { subjectOf } from './translate/condition.ts';
import { DEFAULT_SETTINGS } from './translate/settings.ts';

const FOLDER = join(import.meta.dirname, 'golden');
const cases = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => name.slice(0, -'.in.yaml'.length));

// Rewrite the expected files with `vitest -u` and read the difference.
describe('translation of', () => {
  it.each(cases)('%s', async (name) => {
    const file = `${name}.in.yaml`;
    const decoded = decodeManifests(file, readFileSync(join(FOLDER, file), 'utf8'));
    const result =
      decoded.problems.length > 0
        ? { refused: decoded.problems.map((problem) => formatProblem(problem)) }
        : {
            ...translated(decoded),
            ignored: decoded.ignored.map(({ object, consequence, reason }) => `${object}: ${consequence}: ${reason}`),
          };
    await expect(stringify(result, { lineWidth: 0 })).toMatchFileSnapshot(join(FOLDER, `${name}.out.yaml`));
  });
});

function translated(decoded: ReturnType<typeof decodeManifests>): Record<string, unknown> {
  const { model, problems } = buildModel([{ role: 'manifest', decoded }]);
  const translation = translate(model, DEFAULT_SETTINGS);
  expect(rejectedByProxies(translation)).toEqual([]);
  for (const service of translation.servedServices.values()) {
    expect(() => readServedService(toBinary(ServedServiceSchema, service))).not.toThrow();
  }
  const { addresses, authorizations, servedServices, clientCertificates, conditions } = translation;
  return {
    addresses: Object.fromEntries([...addresses].map(([key, value]) => [key, readable(toJson(AddressSchema, value))])),
    authorizations: Object.fromEntries(
      [...authorizations].map(([key, value]) => [key, readable(toJson(AuthorizationSchema, value))]),
    ),
    ...(servedServices.size === 0
      ? {}
      : {
          servedServices: Object.fromEntries(
            [...servedServices].map(([key, value]) => [key, toJson(ServedServiceSchema, value)]),
          ),
        }),
    // Names alone: nothing else of them is ever shown.
    ...(clientCertificates.size === 0 ? {} : { clientCertificates: [...clientCertificates.keys()] }),
    conditions: conditions.map((c) => `${subjectOf(c)}: ${c.type}=${c.status} ${c.reason}: ${c.message}`),
    problems: problems.map((problem) => formatProblem(problem)),
  };
}

/** What the node proxies, which read the same resources, would not take. */
function rejectedByProxies({ addresses, authorizations }: Translation): unknown[] {
  const resources = [
    ...Array.from(authorizations, ([name, value]): RawResource => {
      return { type: 'authorization', name, bytes: toBinary(AuthorizationSchema, value) };
    }),
    ...Array.from(addresses, ([name, value]): RawResource => {
      return { type: 'address', name, bytes: toBinary(AddressSchema, value) };
    }),
  ];
  return encodeBatch({ generation: 1, resources, removals: [] }).rejected;
}

/** JSON whose addresses are texts instead of base64. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      if (key === 'address' && typeof inner === 'string') return [key, ipText(inner)];
      if (key === 'addresses' && Array.isArray(inner)) {
        return [key, inner.map((item) => (typeof item === 'string' ? ipText(item) : readable(item)))];
      }
      return [key, readable(inner)];
    }),
  );
}

function ipText(base64: string): string | undefined {
  return ipFromBytes(Buffer.from(base64, 'base64'));
}
