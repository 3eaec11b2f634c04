/**
 * Paths of the fields of a value that are set and not among those honoured, for objects whose schema knows more than a
 * waypoint can do. Empty lists say nothing.
 */
export function notHonoured(value: object | undefined, honoured: readonly string[], path: string): string[] {
  return Object.entries(value ?? {}).flatMap(([name, inner]: [string, unknown]) =>
    honoured.includes(name) || (Array.isArray(inner) && inner.length === 0) ? [] : [`${path}.${name}`],
  );
}

/** One sentence that names the fields. */
export function notHonouredMessage(paths: readonly string[]): string {
  return `${shortened(paths)}: not honoured, so the object as a whole has no effect`;
}

/** The same of fields that are honoured where connections go where they were dialled in any case. */
export function passthroughMessage(paths: readonly string[]): string {
  return `${shortened(paths)}: honoured at ServiceEntries with resolution NONE alone, elsewhere the object has no effect`;
}

function shortened(paths: readonly string[]): string {
  const shown = paths.slice(0, 5).join(', ');
  return paths.length > 5 ? `${shown} and ${paths.length - 5} more` : shown;
}
