import type { HeaderChanges as Message, HeaderField as FieldMessage } from '@ambit/proto/waypoint';
import { changedHeaderProblem, headerValueProblem } from '../filters/changed-header.ts';
import { MAX_HEADER_CHANGE_BYTES, MAX_HEADER_CHANGES } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { HeaderChanges, HeaderField } from './route-filters.ts';

/** Null for a message that is absent or changes nothing. */
export function readHeaderChanges(
  message: Message | undefined,
  field: string,
  problems: Problems,
): HeaderChanges | null {
  if (message === undefined) return null;
  const { remove, set, add } = message;
  const count = remove.length + set.length + add.length;
  if (count === 0) return null;
  if (count > MAX_HEADER_CHANGES) problems.add(field, `changes ${count} headers, more than ${MAX_HEADER_CHANGES}`);
  const bytes = [...set, ...add].reduce((sum, { name, value }) => sum + name.length + Buffer.byteLength(value), 0);
  if (bytes > MAX_HEADER_CHANGE_BYTES) problems.add(field, `has ${bytes} bytes, more than ${MAX_HEADER_CHANGE_BYTES}`);
  for (const [index, name] of remove.entries()) {
    const problem = changedHeaderProblem(name, true);
    if (problem !== undefined) problems.add(`${field}.remove[${index}]`, problem);
  }
  return {
    remove: [...remove],
    set: readFields(set, `${field}.set`, problems),
    add: readFields(add, `${field}.add`, problems),
  };
}

function readFields(messages: readonly FieldMessage[], field: string, problems: Problems): HeaderField[] {
  return messages.map(({ name, value }, index) => {
    const ofName = changedHeaderProblem(name, false);
    if (ofName !== undefined) problems.add(`${field}[${index}].name`, ofName);
    const ofValue = headerValueProblem(value);
    if (ofValue !== undefined) problems.add(`${field}[${index}].value`, ofValue);
    return { name, value };
  });
}
