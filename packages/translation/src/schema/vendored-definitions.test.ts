import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { handlingOf } from '../kinds.ts';
import { fieldsOf } from './field-table.ts';

const FOLDER = join(import.meta.dirname, '../../../../charts/ambit/charts/base/files/crds');

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** Fields of a later release than that of the definitions. */
const NEWER: ReadonlySet<string> = new Set([
  'failurePercentageMinimumHosts',
  'failurePercentageRequestVolume',
  'failurePercentageThreshold',
]);

/** Fields that only one of both knows, by path. */
function differences(schema: Schema | undefined, typeName: string, path: string): string[] {
  const properties = schema?.properties ?? {};
  const fields = fieldsOf(typeName);
  const unknown = Object.keys(properties).filter((name) => !fields.has(name));
  return [
    ...unknown.map((name) => `${path}.${name} is not in the tables`),
    ...[...fields.values()].flatMap(({ name, type, shape }) => {
      const property = properties[name];
      if (property === undefined) return NEWER.has(name) ? [] : [`${path}.${name} is not in the definition`];
      const inner = shape === 'list' ? property.items : shape === 'map' ? property.additionalProperties : property;
      if (type.kind !== 'object') return [];
      return differences(typeof inner === 'object' ? inner : undefined, type.name, `${path}.${name}`);
    }),
  ];
}

const VERSIONS = ['virtualservices', 'destinationrules', 'serviceentries', 'workloadentries'].flatMap((plural) => {
  return versionsOf(`istio/${plural}.networking.istio.io.yaml`);
});

const TELEMETRY_VERSIONS = versionsOf('istio/telemetries.telemetry.istio.io.yaml');

const RATE_LIMIT_VERSIONS = versionsOf('ambit/localratelimitpolicies.policy.ambit.io.yaml');

/** Of the standard channel: the tables know those of the experimental one as well. */
const GATEWAY_VERSIONS = 'gatewayclasses gateways grpcroutes httproutes referencegrants tcproutes tlsroutes'
  .split(' ')
  .flatMap((plural) => versionsOf(`gateway-api/${plural}.gateway.networking.k8s.io.yaml`))
  .filter(({ served }) => served);

function versionsOf(file: string): (Definition['spec']['versions'][number] & { kind: string })[] {
  const { spec } = parse(readFileSync(join(FOLDER, file), 'utf8')) as Definition;
  return spec.versions.map((version) => ({ ...version, kind: spec.names.kind }));
}

// An API server stores what its definition knows: no more and no less must be read.
describe('the definitions that are installed', () => {
  it('serve all versions that are read', () => {
    expect(
      VERSIONS.filter(({ served }) => served)
        .map(({ kind, name }) => `${kind} ${name}`)
        .sort(),
    ).toEqual(
      ['DestinationRule', 'ServiceEntry', 'VirtualService', 'WorkloadEntry'].flatMap((kind) => [
        `${kind} v1`,
        `${kind} v1alpha3`,
        `${kind} v1beta1`,
      ]),
    );
  });

  it.each(VERSIONS)('$kind $name has the fields of the tables, and is read', ({ kind, name, schema }) => {
    expect(differences(schema.openAPIV3Schema.properties?.['spec'], `${kind}Spec`, 'spec')).toEqual([]);
    expect(handlingOf(`networking.istio.io/${name}`, kind)).toMatchObject({ handling: 'read' });
  });

  it.each(TELEMETRY_VERSIONS)('$kind $name has the fields of the tables, and is read', ({ kind, name, schema }) => {
    expect(differences(schema.openAPIV3Schema.properties?.['spec'], `${kind}Spec`, 'spec')).toEqual([]);
    expect(handlingOf(`telemetry.istio.io/${name}`, kind)).toMatchObject({ handling: 'read' });
  });

  it.each(RATE_LIMIT_VERSIONS)('$kind $name has the fields of the tables, and is read', ({ kind, name, schema }) => {
    expect(differences(schema.openAPIV3Schema.properties?.['spec'], `${kind}Spec`, 'spec')).toEqual([]);
    expect(handlingOf(`policy.ambit.io/${name}`, kind)).toMatchObject({ handling: 'read' });
  });

  it.each(GATEWAY_VERSIONS)('$kind $name has no field that the tables lack, and is read', ({ kind, name, schema }) => {
    const found = differences(schema.openAPIV3Schema.properties?.['spec'], `${kind}Spec`, 'spec');
    expect(found.filter((difference) => difference.endsWith('is not in the tables'))).toEqual([]);
    expect(handlingOf(`gateway.networking.k8s.io/${name}`, kind)).toMatchObject({ handling: 'read' });
  });
});
