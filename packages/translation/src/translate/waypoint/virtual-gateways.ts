/** Whether an object or a match is for the mesh by its `gateways`; absent: it is. */
export function actsOnMesh(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

/** Whether a match is for a Service's port (undefined: every one) inside of the mesh. */
export function appliesAt(
  match: { readonly port?: number; readonly gateways?: readonly string[] },
  port: number | undefined,
): boolean {
  return (match.port === undefined || port === undefined || match.port === port) && actsOnMesh(match.gateways);
}
