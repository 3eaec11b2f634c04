import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HeaderChangesSchema, HeaderFieldSchema } from '@ambit/proto/waypoint';
import type { HeaderModifier, HeaderValue } from '../../gateway-objects.ts';

export type HeaderChangesInit = MessageInitShape<typeof HeaderChangesSchema>;

/** Reads a header modifier. A header may have one action (Gateway API); `problems` names those with several. */
export function readHeaderModifier(
  modifier: HeaderModifier | undefined,
  path: string,
): { readonly changes: HeaderChangesInit; readonly problems: string[] } {
  const { set = [], add = [], remove = [] } = modifier ?? {};
  const changes = { set: fieldsOf(set), add: fieldsOf(add), remove: remove.map((name) => name.toLowerCase()) };
  const names = [...changes.set, ...changes.add].map(({ name }) => name).concat(changes.remove);
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return { changes, problems: Array.from(repeated, (name) => `${path}: more than one action for the header ${name}`) };
}

function fieldsOf(values: readonly HeaderValue[]): (MessageInitShape<typeof HeaderFieldSchema> & { name: string })[] {
  return values.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
}
