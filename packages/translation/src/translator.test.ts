import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type DecodedObject, decodeManifests } from './decode.ts';
import { buildModel, type Model } from './model.ts';
import { translate, Translator } from './translate.ts';
import { DEFAULT_SETTINGS } from './translate/settings.ts';

const GOLDEN = join(import.meta.dirname, 'golden');

/** Every object that some golden case takes, the same object each time. */
const OBJECTS = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.in.yaml'))
  .flatMap((name) => {
    const { objects, problems } = decodeManifests(name, readFileSync(join(GOLDEN, name), 'utf8'));
    return problems.length > 0 ? [] : objects;
  });

function modelOf(objects: readonly DecodedObject[]): Model {
  const named = new Map(
    objects.map((one) => [`${one.object.kind} ${one.object.metadata.namespace}/${one.object.metadata.name}`, one]),
  );
  const decoded = { file: '', objects: [...named.values()], ignored: [], problems: [] };
  return buildModel([{ role: 'manifest', decoded }]).model;
}

describe('translating one model after the other', () => {
  let translator: Translator;

  beforeEach(() => {
    translator = new Translator(DEFAULT_SETTINGS);
    translator.translate(modelOf(OBJECTS));
  });

  it.each(OBJECTS.map((one, index) => [`${one.object.kind} ${one.object.metadata.name}`, index] as const))(
    'is the same as from scratch when %s goes (%i)',
    (_, index) => {
      const model = modelOf(OBJECTS.toSpliced(index, 1));
      expect(translator.translate(model)).toEqual(translate(model, DEFAULT_SETTINGS));
    },
  );

  it('keeps what node proxies are told when only routes change', () => {
    const before = translator.translate(modelOf(OBJECTS));
    const withoutRoutes = OBJECTS.filter(
      ({ object }) => !/Route$|^VirtualService$|^DestinationRule$/.test(object.kind),
    );
    const after = translator.translate(modelOf(withoutRoutes));
    expect(after.addresses).toBe(before.addresses);
    expect(after.authorizations).toBe(before.authorizations);
    expect(after.servedServices).not.toEqual(before.servedServices);
  });

  it('begins anew when a waypoint was ready for the first time', () => {
    const model = modelOf(OBJECTS);
    const memory = { waypointsOnceReady: new Set(['shop/waypoint']) };
    const withMemory = translator.translate(model, memory);
    expect(withMemory).toEqual(translate(model, DEFAULT_SETTINGS, memory));
    memory.waypointsOnceReady.clear();
    expect(translator.translate(model, memory)).toEqual(translate(model, DEFAULT_SETTINGS, memory));
  });
});
