/** Whether an object of a namespace is there for the waypoints of another, by its `exportTo` (absent: everywhere). */
export function isExported(exportTo: readonly string[] | undefined, from: string, to: string): boolean {
  if (exportTo === undefined || exportTo.length === 0) return true;
  return exportTo.some((scope) => scope === '*' || scope === to || (scope === '.' && from === to));
}
