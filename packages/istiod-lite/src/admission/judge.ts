import { isDeepStrictEqual } from 'node:util';
import { decodeApiObject } from '@ambit/translation/decode';
import { handlingOf } from '@ambit/translation/kinds';
import { formatProblem, type ManifestProblem, printable } from '@ambit/translation/manifest/problem';
import { remarksOn } from '@ambit/translation/translate/object-remarks';
import type { TranslationSettings } from '@ambit/translation/translate/settings';
import { MAX_ADMISSION_PROBLEMS, MAX_ADMISSION_WARNING, MAX_ADMISSION_WARNINGS } from '../limits.ts';
import { keyOf, type RawObject, readableObject } from '../watch/api-object.ts';
import { isProbe, PROBE_REFUSAL } from './probe.ts';
import type { AdmissionRequest, Verdict } from './review.ts';

const ALLOWED: Verdict = { allowed: true, warnings: [] };

/**
 * Whether an object may be stored: not when translation would refuse it for what stands in it, whatever else there is. What
 * is right and not done as it is written is taken with a warning. Nothing stands in the way of a deletion: changes of metadata
 * alone (finalizers, labels), and objects that are on their way out, are taken as they are.
 */
export function judgeAdmission(request: AdmissionRequest, settings: TranslationSettings): Verdict {
  const { operation, subResource, object, oldObject, group, version, kind } = request;
  if (subResource !== '' || object === undefined) return ALLOWED;
  if (operation === 'CREATE' && isProbe(object)) return { allowed: false, message: PROBE_REFUSAL, warnings: [] };
  if (operation === 'UPDATE') {
    if (object.metadata.deletionTimestamp !== undefined) return ALLOWED;
    if (oldObject !== undefined && isDeepStrictEqual(contentOf(object), contentOf(oldObject))) return ALLOWED;
  } else if (operation !== 'CREATE') return ALLOWED;

  const named = withName(object, request.namespace);
  const name = `${printable(kind)} ${printable(keyOf(named))}`;
  const handling = handlingOf(group === '' ? version : `${group}/${version}`, kind);
  if (handling.handling === 'unknown') {
    // Its definition is installed, so somebody may know it: a release that is newer than this one, another controller.
    return withWarnings(name, [`${handling.message}, so nothing of it has an effect`]);
  }
  if (handling.handling === 'ignored') {
    return withWarnings(name, handling.consequence === 'none' ? [] : [`not honoured: ${handling.reason}`]);
  }
  const resource = { group, version, kind, plural: '', namespaced: request.namespace !== '' };
  const { objects, ignored, problems } = decodeApiObject(readableObject(named, resource));
  if (problems.length > 0) return { allowed: false, message: messageOf(name, problems), warnings: [] };
  const remarks = objects.flatMap((decoded) => remarksOn(decoded.object, settings));
  return withWarnings(name, [...ignored.map(({ reason }) => reason), ...remarks]);
}

/** What the API server asks only whom an object is for: all but what others write beside its author. */
function contentOf({ metadata: _metadata, status: _status, ...content }: RawObject): object {
  return content;
}

/** With the name that the API server may only give later (`generateName`). */
function withName(object: RawObject, namespace: string): RawObject {
  const { name, generateName } = object.metadata as { readonly name?: unknown; readonly generateName?: unknown };
  const given = typeof name === 'string' && name !== '' ? name : undefined;
  const generated = typeof generateName === 'string' ? `${generateName}x` : '';
  return {
    ...object,
    metadata: { ...object.metadata, name: given ?? generated, ...(namespace === '' ? {} : { namespace }) },
  };
}

function messageOf(name: string, problems: readonly ManifestProblem[]): string {
  const said = problems.slice(0, MAX_ADMISSION_PROBLEMS).map((problem) => formatProblem({ ...problem, object: '' }));
  const more = problems.length - said.length;
  return `${name}: ${said.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function withWarnings(name: string, sentences: readonly string[]): Verdict {
  const warnings = sentences.slice(0, MAX_ADMISSION_WARNINGS).map((sentence) => {
    // They travel in a header, which takes no control characters.
    const line = `${name}: ${sentence}`.replaceAll(/\p{C}/gu, ' ');
    return line.length > MAX_ADMISSION_WARNING ? `${line.slice(0, MAX_ADMISSION_WARNING - 1)}…` : line;
  });
  return { allowed: true, warnings };
}
