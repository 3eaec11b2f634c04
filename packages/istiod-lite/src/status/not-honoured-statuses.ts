import type { ParentReference } from '@ambit/translation/gateway-objects';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { revisionOf } from '@ambit/translation/translate/revision';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { fieldUnder, listUnder, parentsOf, textUnder } from '../watch/api-object.ts';
import type { NotHonouredObject } from '../watch/not-honoured-objects.ts';
import type { ConditionFacts } from './condition-record.ts';
import type { DesiredStatus } from './desired-status.ts';
import { isOwnParent } from './route-statuses.ts';

/** Of every condition that says so. */
const FIELD_MANAGER = 'ambit-not-honoured';
const REASON = 'NotHonoured';

/** What is to be said of one object. */
export interface NotHonouredWord {
  /** Undefined: it was this controller's to speak of before, and is not any more. */
  readonly line: string | undefined;
  readonly status: DesiredStatus<string>;
}

/**
 * What is to be said of objects that nobody acts on: of those that are for the mesh, and of those that name one of its
 * Services or waypoints. What belongs to other control planes, by `istio.io/rev` or by its parents, is theirs.
 */
export function notHonouredWords(
  objects: readonly NotHonouredObject[],
  snapshot: MeshSnapshot,
  revision: string,
): NotHonouredWord[] {
  return objects.flatMap((subject): NotHonouredWord[] => {
    const { kind, name, object } = subject;
    const namespace = name.slice(0, name.indexOf('/'));
    const isOfRevision = revisionOf(object.metadata, snapshot.model.namespaces.get(namespace)) === revision;
    const parents = isOfRevision ? parentsThatCount(subject, namespace, snapshot) : [];
    const isOurs = parents?.length !== 0;
    if (!isOurs && !saysSo(subject)) return [];
    const { generation } = object.metadata;
    const condition: ConditionFacts = {
      ...{ type: 'Accepted', status: 'False', message: kind.reason, generation },
      reason: kind.shape === 'parents' ? 'UnsupportedValue' : REASON,
    };
    const subjectOf = { kind: kind.key, name, fieldManager: FIELD_MANAGER };
    const where = (parents ?? []).map((parent) => ` on ${textOf(parent)}`).join(',');
    const what = kind.kind === 'Gateway' ? 'Gateway (networking.istio.io)' : kind.kind;
    return [
      {
        line: isOurs ? `${what} ${name}${where}: ${kind.reason}` : undefined,
        status:
          kind.shape === 'parents'
            ? {
                ...subjectOf,
                shape: kind.shape,
                parents: (parents ?? []).map((parentRef) => ({ parentRef, conditions: [condition] })),
              }
            : {
                ...subjectOf,
                shape: 'conditions',
                types: ['Accepted'],
                atomic: kind.shape === 'atomic conditions',
                conditions: isOurs ? [condition] : [],
              },
      },
    ];
  });
}

/** Whether a status still says what was said before. */
function saysSo({ kind, object: { status } }: NotHonouredObject): boolean {
  const lists =
    kind.shape === 'parents'
      ? listUnder(status, kind.shape)
          .filter((entry) => textUnder(entry, 'controllerName') === WAYPOINT_CONTROLLER)
          .map((entry) => listUnder(entry, 'conditions'))
      : [listUnder(status, 'conditions')];
  return lists.flat().some((condition) => textUnder(condition, 'message') === kind.reason);
}

/** The parents that are for this controller to speak of; undefined: the object needs none. */
function parentsThatCount(
  { kind, object }: NotHonouredObject,
  namespace: string,
  { translation }: MeshSnapshot,
): readonly ParentReference[] | undefined {
  const isOwn = (parent: ParentReference): boolean =>
    isOwnParent(parent, namespace, (name) => translation.waypoints.has(name));
  switch (kind.scopedBy) {
    case undefined:
      return undefined;
    case 'parentRefs':
      return distinct(parentsOf(object).filter(isOwn));
    case 'parentRef':
      return parentsOf({ ...object, spec: { parentRefs: [fieldUnder(object.spec, 'parentRef')] } }).filter(isOwn);
  }
}

function distinct(parents: readonly ParentReference[]): ParentReference[] {
  return [...new Map(parents.map((parent) => [JSON.stringify(parent), parent])).values()];
}

function textOf({ kind = 'Gateway', namespace, name }: ParentReference): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
