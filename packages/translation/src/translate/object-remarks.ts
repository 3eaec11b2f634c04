import { MAX_REMARKED_BYTES, MAX_REMARKED_EXPRESSION_CHARACTERS } from '../limits.ts';
import type { ManifestObject } from '../objects.ts';
import type { LocalRateLimitPolicy } from '../rate-limit-objects.ts';
import type { DestinationRule, VirtualService } from '../traffic-objects.ts';
import { convertAuthorizationPolicy } from './authorization-policy.ts';
import { type Condition, isComplaint } from './condition.ts';
import { tokensRemark } from './request-authentication.ts';
import { objectionsToRateLimits, rateLimitMessage } from './rate-limit/rate-limit-message.ts';
import type { TranslationSettings } from './settings.ts';
import { endpointRefusal, entryRefusal } from './entries/entry-refusal.ts';
import { destinationFieldsNotHonoured, unusableTls } from './waypoint/destination-fields.ts';
import { notHonouredMessage, passthroughMessage } from './waypoint/not-honoured.ts';
import { SourceWorkloads } from './waypoint/source-workloads.ts';
import { virtualFieldsNotHonoured } from './waypoint/virtual-fields.ts';
import { virtualRemarks } from './waypoint/virtual-remarks.ts';
import { objectionOf } from './waypoint/virtual-services.ts';

/**
 * What a right object says that is not done as it is written, a sentence each: fields that are not honoured, that have no
 * effect, or that have a successor. Judged without any other object, so that it can be said before the object is stored;
 * what depends on others stands in its conditions.
 */
export function remarksOn(object: ManifestObject, settings: TranslationSettings): string[] {
  if (object.kind === 'AuthorizationPolicy') return complaint(convertAuthorizationPolicy(object, settings).condition);
  if (object.kind === 'DestinationRule') return remarksOnDestinationRule(object);
  if (object.kind === 'RequestAuthentication') {
    const remark = tokensRemark(object);
    return remark === undefined ? [] : [remark];
  }
  if (object.kind === 'LocalRateLimitPolicy') return remarksOnRateLimits(object);
  if (object.kind === 'ServiceEntry') return withoutEffect(entryRefusal(object)?.message);
  if (object.kind === 'WorkloadEntry') {
    const refusal = endpointRefusal(object.spec);
    return withoutEffect(refusal === undefined ? undefined : `spec.${refusal}`);
  }
  return object.kind === 'VirtualService' ? remarksOnVirtualService(object) : [];
}

function withoutEffect(refusal: string | undefined): string[] {
  return refusal === undefined ? [] : [`${refusal}; the object has no effect`];
}

function complaint(condition: Condition): string[] {
  return isComplaint(condition) ? [condition.message] : [];
}

function remarksOnDestinationRule(rule: DestinationRule): string[] {
  const { decisive, passthrough, others } = destinationFieldsNotHonoured(rule);
  if (decisive.length > 0) return [notHonouredMessage([...decisive, ...passthrough, ...others])];
  return [
    ...(passthrough.length === 0 ? [] : [passthroughMessage(passthrough)]),
    ...unusableTls(rule).map((problem) => `${problem}; connections are refused where it says so`),
    ...(others.length === 0 ? [] : [`${others.join(', ')}: not honoured, the rest is`]),
  ];
}

function remarksOnVirtualService(object: VirtualService): string[] {
  const refusal = refusalOf(object);
  return [...(refusal === undefined ? [] : [refusal]), ...virtualRemarks(object), ...olderFields(object)];
}

function remarksOnRateLimits(object: LocalRateLimitPolicy): string[] {
  const { rules } = object.spec;
  if (isTooMuch(rules)) return [];
  const objections = objectionsToRateLimits([rateLimitMessage(object, 'any')]);
  return objections.map((objection) => `${objection}; the object has no effect`);
}

function refusalOf(object: VirtualService): string | undefined {
  const fields = virtualFieldsNotHonoured(object);
  if (fields.length > 0) return notHonouredMessage(fields);
  const { http = [] } = object.spec;
  if (isTooMuch(http)) return undefined;
  // Nobody is known who carries the labels of a match: what that makes of it is told by the object's condition.
  return objectionOf(object, new SourceWorkloads([]));
}

/** Whether it would cost too much to say something of it for whoever asks. */
function isTooMuch(value: unknown): boolean {
  if (JSON.stringify(value).length > MAX_REMARKED_BYTES) return true;
  const characters = expressionsIn(value).reduce((total, { length }) => total + length, 0);
  return characters > MAX_REMARKED_EXPRESSION_CHARACTERS;
}

/** The text of every field `regex`, and of `value` beside the type RegularExpression, however deep. */
function expressionsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const name = 'type' in value && value.type === 'RegularExpression' ? 'value' : 'regex';
  return Object.entries(value).flatMap(([field, inner]: [string, unknown]) =>
    field === name && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  );
}

/** Fields that Istio keeps for objects written long ago. */
function olderFields({ spec }: VirtualService): string[] {
  return (spec.http ?? []).flatMap((route, index) => {
    const path = `spec.http[${index}]`;
    const older: readonly (readonly [unknown, string, string])[] = [
      [route.mirrorPercent, 'mirrorPercent', 'mirrorPercentage'],
      [route.mirror_percent, 'mirror_percent', 'mirrorPercentage'],
      [route.fault?.delay?.percent, 'fault.delay.percent', 'fault.delay.percentage'],
      [route.corsPolicy?.allowOrigin, 'corsPolicy.allowOrigin', 'corsPolicy.allowOrigins'],
    ];
    return older.flatMap(([value, field, successor]) =>
      value === undefined ? [] : [`${path}.${field} is deprecated, write ${successor}`],
    );
  });
}
