import { parentsOf } from '../watch/api-object.ts';
import type { Refusal } from '../watch/configuration.ts';
import type { Indigestible } from './digestible-model.ts';

/** One line for the log and for who asks what is wrong. */
export function sentenceOf(one: Indigestible): string {
  const object = (one.newest ?? one.former)?.kind ?? one.kind;
  return `${object} ${one.name}: ${messageOf(one)}`;
}

/** What the status of the object says; undefined: it is gone. */
export function refusalOf(one: Indigestible): Refusal | undefined {
  const { newest, name } = one;
  if (newest === undefined) return undefined;
  const { kind, metadata } = newest;
  return { kind, name, generation: metadata.generation ?? 0, message: messageOf(one), parents: parentsOf(newest) };
}

function messageOf({ newest, former, reason }: Indigestible): string {
  const what = newest === undefined ? 'what would be without it cannot be translated' : 'it cannot be translated';
  const consequence = former === undefined ? 'nothing of it is in force' : 'its last good state stays in force';
  return `${what}, which is a defect of the controller (${reason}); ${consequence}`;
}
