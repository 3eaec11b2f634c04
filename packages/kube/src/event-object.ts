import { EVENT_NOTE_MAX_BYTES } from './limits.ts';
import type { KubeObject } from './resource.ts';

/** events.k8s.io/v1 Event. */
export interface KubeEvent extends KubeObject {
  /** MicroTime. */
  readonly eventTime: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly note: string;
  readonly type: 'Normal' | 'Warning';
}

/** Characters of a name that leave room for a unique ending, within the 253 of an object's name. */
const NAME_CHARACTERS = 230;
/** Characters that the API server takes for action, reason and instance. */
const FIELD_CHARACTERS = 128;

/** `id` makes the name unique, in lower-case letters and digits. */
export function eventObject(options: {
  involved: KubeObject;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  component: string;
  instance: string;
  id: string;
  time: string;
}): KubeEvent {
  const { involved, type, reason, message, component, instance, id, time } = options;
  const { name, namespace, uid, resourceVersion } = involved.metadata;
  const label = reason.slice(0, FIELD_CHARACTERS);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // Events about objects of cluster scope must lie in `default`.
    metadata: {
      name: `${name.slice(0, NAME_CHARACTERS).replace(/[^a-z0-9]+$/, '')}.${id}`,
      namespace: namespace ?? 'default',
    },
    eventTime: time,
    reportingController: component,
    reportingInstance: instance.slice(0, FIELD_CHARACTERS),
    action: label,
    reason: label,
    regarding: {
      apiVersion: involved.apiVersion,
      kind: involved.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    note: shortened(message),
    type,
  };
}

/** Cuts to the bytes that the API server takes, never inside a character. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= EVENT_NOTE_MAX_BYTES) return text;
  let end = EVENT_NOTE_MAX_BYTES - 3;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…`;
}
