import { isDeepStrictEqual } from 'node:util';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { fieldUnder, listUnder, type RawObject, textUnder } from '../watch/api-object.ts';
import { recordsOf, saysAlready } from './condition-record.ts';
import type { DesiredStatus } from './desired-status.ts';

/** What is to be applied to a status. */
export interface StatusBody {
  readonly status: Readonly<Record<string, unknown>>;
  /** Others' entries are in it: it may only be applied to the state that it was made from. */
  readonly locked: boolean;
}

/** The status to apply so that an object's says what is desired; undefined: it does already. `now`: milliseconds since the epoch. */
export function statusBody(
  desired: DesiredStatus<string>,
  { status }: Pick<RawObject, 'status'>,
  now: number,
): StatusBody | undefined {
  switch (desired.shape) {
    case 'conditions':
      return conditionsBody(desired, status, now);
    case 'ancestors':
    case 'parents':
      return parentsBody(desired, listUnder(status, desired.shape), now);
    case 'gateway':
      return gatewayBody(desired, status, now);
  }
}

function conditionsBody(
  { conditions, types, atomic, addresses }: DesiredStatus<string> & { shape: 'conditions' },
  status: unknown,
  now: number,
): StatusBody | undefined {
  const before = listUnder(status, 'conditions');
  const records = recordsOf(conditions, before, now);
  const isAddressed = addresses === undefined || isSame(listUnder(status, 'addresses'), addresses);
  if (isAddressed && saysAlready(before, records, types)) return undefined;
  const others = atomic ? before.filter((other) => !types.includes(textUnder(other, 'type') ?? '')) : [];
  return {
    status: { conditions: [...others, ...records], ...(addresses === undefined ? {} : { addresses }) },
    locked: atomic,
  };
}

function parentsBody(
  { shape, parents }: DesiredStatus<string> & { shape: 'ancestors' | 'parents' },
  before: readonly unknown[],
  now: number,
): StatusBody | undefined {
  const isOurs = (parent: unknown): boolean => textUnder(parent, 'controllerName') === WAYPOINT_CONTROLLER;
  const reference = shape === 'parents' ? 'parentRef' : 'ancestorRef';
  const known = before.filter((parent) => isOurs(parent));
  let same = known.length === parents.length;
  const ours = parents.map(({ parentRef, conditions }) => {
    const earlier = known.find((parent) => isSame(fieldUnder(parent, reference), parentRef));
    const said = listUnder(earlier, 'conditions');
    const records = recordsOf(conditions, said, now);
    if (earlier === undefined || !saysAlready(said, records, typesOf(said, records))) same = false;
    return { [reference]: parentRef, controllerName: WAYPOINT_CONTROLLER, conditions: records };
  });
  if (same) return undefined;
  return { status: { [shape]: [...before.filter((parent) => !isOurs(parent)), ...ours] }, locked: true };
}

function gatewayBody(
  desired: DesiredStatus<string> & { shape: 'gateway' },
  before: unknown,
  now: number,
): StatusBody | undefined {
  const said = listUnder(before, 'conditions');
  const conditions = recordsOf(desired.conditions, said, now);
  const known = listUnder(before, 'addresses');
  const addresses = desired.addresses ?? known;
  const earlier = listUnder(before, 'listeners');
  let same =
    saysAlready(
      said,
      conditions,
      conditions.map(({ type }) => type),
    ) &&
    isSame(known, addresses) &&
    earlier.length === desired.listeners.length;
  const listeners = desired.listeners.map(({ name, attachedRoutes, conditions: facts }) => {
    const other = earlier.find((candidate) => textUnder(candidate, 'name') === name);
    const listed = listUnder(other, 'conditions');
    const records = recordsOf(facts, listed, now);
    if (
      fieldUnder(other, 'attachedRoutes') !== attachedRoutes ||
      !saysAlready(listed, records, typesOf(listed, records))
    )
      same = false;
    return { name, attachedRoutes, supportedKinds: [], conditions: records };
  });
  if (same) return undefined;
  return { status: { conditions, ...(addresses.length === 0 ? {} : { addresses }), listeners }, locked: false };
}

/** In a list that is wholly ours every type counts. */
function typesOf(before: readonly unknown[], records: readonly { readonly type: string }[]): string[] {
  return [...before.map((condition) => textUnder(condition, 'type') ?? ''), ...records.map(({ type }) => type)];
}

/** As JSON: maps of checked objects have no prototype. */
function isSame(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other));
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
